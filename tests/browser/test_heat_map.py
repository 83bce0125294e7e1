"""The heat map of a suggestion and of a scored cell, with the real model in a real page."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.browser.asking import button
from tests.browser.test_appearance import CONTRASTS
from tests.engines.documented import documented

pytestmark = pytest.mark.browser

ASKED = (
    "%%complete -m 14\nimport numpy as np\nimport matplotlib.pyplot as plt\n\nx = np.linspace(0, 10, 100)\n"
)


def use_theme(notebook, theme):
    command = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"
    notebook.page.evaluate(command, theme)
    notebook.page.wait_for_function("(theme) => document.body.dataset.jpThemeName === theme", arg=theme)


def picture(notebook, name):
    """Keep what it looks like, for whoever wants to see it."""
    folder = os.environ.get("CG2MAGIC_SCREENSHOTS")
    for theme in ("Dark", "Light") if folder else ():
        use_theme(notebook, f"JupyterLab {theme}")
        notebook.page.screenshot(path=Path(folder) / f"{name}-{theme}.png")


@pytest.fixture
def ready(notebook):
    """Ask for a completion and wait for it; gives the panel."""

    def ask(source):
        notebook.add_and_run("%load_ext cg2magic")
        panel = notebook.panel(notebook.add_and_run(source))
        panel.and_(notebook.page.locator("[data-state=done]")).wait_for(timeout=60_000)
        return panel

    return ask


def tokens(panel):
    return panel.get_by_role("group", name="Tokens").get_by_role("button")


def others(panel):
    return panel.get_by_role("group", name="What else was likely").get_by_role("button")


def test_another_token_is_chosen_with_the_keyboard_and_the_suggestion_goes_on_from_there(notebook, ready):
    panel = ready(ASKED)
    keys = notebook.page.keyboard
    code = panel.locator("pre").first.text_content()
    place = button(panel, "Insert below").bounding_box()["y"]
    toggle = panel.get_by_role("checkbox", name="heat map")
    toggle.focus()
    keys.press("Space")
    tokens(panel).first.wait_for()
    # Only the list of alternatives has come; the code is where it was.
    assert 40 < button(panel, "Insert below").bounding_box()["y"] - place < 100
    picture(notebook, "panel-hint")
    keys.press("Tab")
    for _ in range(3):
        keys.press("ArrowRight")
    focused = "() => document.activeElement.getAttribute('aria-label')"
    at = notebook.page.evaluate(focused)
    assert tokens(panel).nth(3).get_attribute("aria-label") == at
    assert others(panel).count() == 5
    picture(notebook, "panel")
    keys.press("Enter")
    chosen = notebook.page.evaluate(focused)
    assert chosen.startswith("Go on with ")
    text = chosen.removeprefix("Go on with ").rpartition(", ")[0]
    before = [tokens(panel).nth(i).get_attribute("aria-label") for i in range(3)]
    keys.press("Enter")

    panel.get_by_role("tab", name="Candidate 2", selected=True).wait_for()
    panel.and_(notebook.page.locator("[data-state=done]")).wait_for(timeout=60_000)
    labels = [tokens(panel).nth(i).get_attribute("aria-label") for i in range(4)]
    assert labels[:3] == before
    assert labels[3].startswith(f"{text}, ")
    picture(notebook, "panel-branch")
    # The cursor is on the token that was chosen, ready for the next try.
    notebook.page.wait_for_function(f"(label) => ({focused})() === label", arg=labels[3])

    panel.get_by_role("tab", name="Candidate 1").click()
    assert panel.locator("pre").first.text_content() == code
    panel.get_by_role("tab", name="Candidate 2").click()
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    inserted = notebook.sources()[-1]
    assert inserted != code
    assert inserted.startswith(ASKED.partition("\n")[2].rstrip("\n"))


def test_a_click_lists_what_else_was_likely_and_pointing_elsewhere_leaves_it(notebook, ready):
    # A fill of several tokens: two numbers at least.
    panel = ready("%%infill -m 12\nimport numpy as np\n\nx = np.linspace(|\ny = np.sin(x)")
    panel.get_by_text("heat map").click()
    tokens(panel).first.hover()
    hovered = [button.inner_text() for button in others(panel).all()]
    tokens(panel).last.click()
    listed = [button.inner_text() for button in others(panel).all()]
    assert listed != hovered
    tokens(panel).first.hover()
    assert [button.inner_text() for button in others(panel).all()] == listed
    first = panel.locator("pre").first.text_content()
    choice = others(panel).and_(notebook.page.locator(":enabled")).first
    choice.click()
    panel.get_by_role("tab", name="Candidate 2", selected=True).wait_for()
    panel.and_(notebook.page.locator("[data-state=done]")).wait_for(timeout=60_000)
    second = panel.locator("pre").nth(1).text_content()
    assert second != first
    assert second.rstrip().endswith("y = np.sin(x)")

    # In light and in dark, at every level.
    for theme in ("JupyterLab Dark", "JupyterLab Light"):
        use_theme(notebook, theme)
        contrasts = panel.evaluate(
            CONTRASTS.replace("button:enabled, ", ".cg2-heat span, .cg2-alternatives *, ")
        )
        assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}

    panel.get_by_text("heat map").click()
    assert tokens(panel).count() == 0


def test_a_scored_cell_is_walked_with_the_arrow_keys_and_outlives_its_kernel(notebook):
    notebook.add_and_run("%load_ext cg2magic")
    cell = notebook.add_and_run("%%score\nimport numpy as np\nx = np.zeros(3)")
    card = notebook.cell(cell).locator(".cg2-scored")
    card.wait_for(timeout=60_000)
    keys = notebook.page.keyboard
    card.get_by_role("radio").first.focus()
    told = "(label) => getComputedStyle(label, '::after').content"
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    third = card.locator("label").nth(2)
    assert third.get_by_role("radio").is_checked()
    assert third.get_attribute("title").splitlines()[1] in third.evaluate(told)
    card.locator("label").nth(4).hover()
    assert "likeliest" in card.locator("label").nth(4).evaluate(told)
    picture(notebook, "score")

    notebook.select(cell)  # the map keeps its keys to itself, Ctrl-S too
    saved = notebook.save()
    (output,) = (each["outputs"] for each in saved["cells"] if each["id"] == cell)
    # A progress bar may come before it, where the model had to be loaded.
    assert set(output[-1]["data"]) == {"text/html", "text/plain"}


def test_where_a_notebook_is_not_trusted_colours_underlines_and_tooltips_are_left(notebook):
    notebook.add_and_run("%load_ext cg2magic")
    cell = notebook.add_and_run("%%score\nimport numpy as np\nx = np.zeros(3)")
    notebook.cell(cell).locator(".cg2-scored").wait_for(timeout=60_000)
    content = notebook.save()
    for each in content["cells"]:
        each["metadata"].pop("trusted", None)
        for output in each.get("outputs", []):
            # Changed, so its signature is another.
            output["metadata"] = {"changed": True}
    with notebook.beside("untrusted.ipynb") as page:
        page.path.write_text(json.dumps(content), encoding="utf-8")
        page.open(kernel=False)
        card = page.page.locator(".cg2-scored")
        card.wait_for()
        assert card.locator("style").count() == 0
        assert card.get_by_role("radio").count() == 0
        label = card.locator("label").filter(has=page.page.locator("span[style]")).first
        assert "likeliest:" in label.get_attribute("title")
        look = label.locator("span").evaluate(
            "(span) => [getComputedStyle(span).backgroundColor, getComputedStyle(span).borderBottomWidth]"
        )
        assert look[0].startswith("rgba(230, 97, 0")
        assert look[1] != "0px"
        assert "import numpy as np" in card.locator("pre").inner_text()
        picture(page, "score-untrusted")
        page.shut_down()


def test_a_server_that_weighs_no_tokens_has_the_reason_in_place_of_a_map(notebook, ready):
    with documented("lmstudio", write=lambda *_: ["np", ".", "zeros(3)"]) as server:
        notebook.add_and_run(f"%load_ext cg2magic\n%cg2 load {server.url}")
        panel = ready("%%complete\nimport numpy as np\nx = ")
    panel.get_by_role("checkbox", name="heat map").check()
    panel.get_by_text("does not say how likely its tokens were").wait_for()
    assert tokens(panel).count() == 0
    assert "np.zeros(3)" in panel.text_content()
    picture(notebook, "panel-no-map")
    notebook.add_and_run("%cg2 load mini")  # the next file's tests have this kernel, too
