"""The notebook as the model sees it, told by the page: in JupyterLab and Notebook, with a real kernel."""

from __future__ import annotations

import pytest

from tests.browser.asking import button

pytestmark = pytest.mark.browser


@pytest.fixture
def loaded(notebook):
    notebook.add_and_run("%load_ext cg2magic")
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


def test_a_cell_that_waits_sees_what_was_executed(loaded):
    loaded.add_and_run("limit = 5")
    loaded.add("limit = 6")
    asked = loaded.add_and_run("%%complete -m 4 --wait -o ideas\nprint(limit")
    _, prompt = read(loaded, asked)
    assert "limit = 5\n\n# %%\n" in prompt
    assert "limit = 6" not in prompt


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
