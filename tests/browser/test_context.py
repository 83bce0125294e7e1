"""The notebook as the model sees it, told by the page: in JupyterLab and Notebook, with a real kernel."""

from __future__ import annotations

import pytest

from tests.browser.asking import button
from tests.browser.typist import KERNEL

pytestmark = pytest.mark.browser


def load(page):
    """Load the extension, and wait until the page and the kernel have found each other."""
    page.add_and_run("%load_ext cg2magic")
    page.page.get_by_role("button", name="Suggestions while typing").wait_for()


@pytest.fixture
def loaded(notebook):
    load(notebook)
    return notebook


def read(page, asked):
    """The panel of a cell once it is done, and what its button Prompt shows."""
    panel = page.panel(asked)
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for(timeout=60_000)
    if not panel.get_by_role("region", name="What the model read").is_visible():
        button(panel, "Prompt").click()
    return panel, panel.get_by_role("region", name="What the model read").inner_text()


def test_cells_that_were_never_run_are_seen_above_and_for_an_infill_below(loaded):
    loaded.add("limit = '<b>bold</b>'")
    asked = loaded.add("%%infill -m 4\nprint(limit, |)")
    loaded.add("last = 9")
    loaded.run(asked)
    panel, prompt = read(loaded, asked)
    assert "limit = '<b>bold</b>'\n\n# %%\nprint(limit" in prompt
    assert ")\n\n# %%\nlast = 9\n" in prompt
    assert panel.get_by_text("2 cells, ").first.is_visible()


@pytest.mark.parametrize("option", ["--wait", "-o ideas"])
def test_a_cell_that_waits_sees_them_too_and_its_panel_works_afterwards(loaded, option):
    loaded.add("limit = 6")
    asked = loaded.add(f"%%infill -m 4 {option}\nprint(limit, |)")
    loaded.add("last = 9")
    loaded.run(asked)
    panel, prompt = read(loaded, asked)
    assert "limit = 6\n\n# %%\nprint(limit" in prompt
    assert ")\n\n# %%\nlast = 9\n" in prompt
    button(panel, "Insert below").click()
    button(panel, "Show").click()
    # The kernel hears the panel: it takes the word back when it shows another suggestion.
    button(panel, "Regenerate").click()
    panel.get_by_text("inserted below").wait_for(state="hidden")
    panel.and_(loaded.page.locator("[data-state=done]")).wait_for()
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    assert [cell["source"][:12] for cell in loaded.cells()][-3:] == [
        "print(limit,",
        "print(limit,",
        "last = 9",
    ]


def test_of_two_pages_on_a_kernel_the_one_whose_cell_waits_tells_its_own(loaded):
    loaded.add("limit = 'saved'")
    loaded.save()
    # It finds the extension loaded, as a page does that was reloaded.
    with loaded.second_page() as other:
        other.page.get_by_role("button", name="Suggestions while typing").wait_for()
        for page, text in ((loaded, "limit = 'here'"), (other, "limit = 'there'")):
            page.add(text)
            _, prompt = read(page, page.add_and_run("%%complete -m 2 --wait\nprint(limit"))
            assert f"limit = 'saved'\n\n# %%\n{text}\n\n# %%\nprint(" in prompt


def test_a_kernel_that_was_restarted_waits_for_no_page_and_then_finds_it_again(loaded):
    page = loaded
    page.page.evaluate(f"() => {KERNEL}.restart()")
    page.page.get_by_role("button", name="Suggestions while typing").wait_for(state="hidden")
    page.wait_until_back()
    page.add("limit = 6")
    # In the cell that loads it, nobody knows of the extension yet.
    asked = page.add_and_run(
        "%load_ext cg2magic\nexecuted = 5\n"
        "get_ipython().run_cell_magic('complete', '-m 2 --wait', 'print(limit')"
    )
    panel, prompt = read(page, asked)
    assert "limit = 6" not in prompt
    assert panel.get_by_text("executed cells only").first.is_visible()
    page.page.get_by_role("button", name="Suggestions while typing").wait_for()
    _, prompt = read(page, page.add_and_run("%%complete -m 2 --wait\nprint(limit"))
    assert "limit = 6\n\n# %%\n" in prompt


def test_the_prompt_is_opened_and_read_with_the_keyboard(loaded):
    loaded.add("\n".join(f"limit_{i} = {i}" for i in range(40)))
    asked = loaded.add_and_run("%%complete -m 4\nprint(limit_1")
    panel = loaded.panel(asked)
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for(timeout=60_000)
    toggle, region = button(panel, "Prompt"), panel.get_by_role("region", name="What the model read")
    assert region.is_hidden()
    toggle.focus()
    loaded.page.keyboard.press("Enter")
    assert toggle.get_attribute("aria-expanded") == "true"
    region.focus()
    loaded.page.keyboard.press("End")
    loaded.page.wait_for_function("(node) => node.scrollTop > 0", arg=region.element_handle())
    toggle.press("Enter")
    assert region.is_hidden()


def test_a_notebook_switches_the_context_off_and_the_panel_says_so(loaded):
    loaded.add("limit = 5")
    try:
        switch = loaded.add_and_run("%cg2 config --notebook context=none")
        loaded.cell(switch).get_by_text("(context off)").wait_for()
        assert loaded.save()["metadata"]["cg2magic"] == {"context": "none"}
        asked = loaded.add_and_run("%%complete -m 4 --context notebook\nprint(limit")
        panel, prompt = read(loaded, asked)
        assert panel.get_by_text("context off in this notebook").first.is_visible()
        assert prompt.startswith("print(")
    finally:
        back = loaded.add_and_run("%cg2 config --notebook context=notebook")
        loaded.cell(back).get_by_text("may see the notebook's cells").wait_for()
