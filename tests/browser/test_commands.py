"""What the palette and the keyboard do with the cell in front, which needs no magic for it."""

from __future__ import annotations

import pytest

from tests.browser.typist import Typist

pytestmark = pytest.mark.browser

COMPLETE, FILL, ACCEPT, TURN = "Alt+Shift+Enter", "Control+Alt+Enter", "Alt+Shift+End", "Alt+Shift+\\"
LABELS = {
    "Complete This Cell",
    "Fill the Holes of This Cell",
    "Switch Suggestions While Typing On or Off",
}


@pytest.fixture
def typist(notebook):
    return Typist(notebook)


def loaded(typist):
    """Load the extension, and wait until the page and the kernel have found each other."""
    typist.notebook.add_and_run("%load_ext cg2magic")
    typist.status.wait_for()


def ready(typist):
    """Wait for the panel of the cell."""
    panel = typist.notebook.panel(typist.cell)
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for(timeout=60_000)
    return panel


def test_complete_loads_the_extension_and_leaves_the_text_alone_until_it_is_accepted(typist):
    typist.notebook.add_and_run("%reload_ext cg2magic\n%unload_ext cg2magic")
    typist.status.wait_for(state="hidden")
    typist.begin("import numpy as np\nx = np.")
    typist.keyboard.press(COMPLETE)
    panel = ready(typist)
    assert typist.source() == "import numpy as np\nx = np."
    completed = panel.locator("pre").first.inner_text().rstrip("\n")
    typist.keyboard.press(ACCEPT)
    panel.get_by_text("Replaced").wait_for()
    assert typist.source() == completed
    assert completed.startswith("import numpy as np\nx = np.")
    typist.page.wait_for_function("() => document.activeElement.matches('.cm-content')")


@pytest.mark.parametrize("magic", ["", "%%infill\n"])
def test_without_a_mark_it_is_filled_in_at_the_cursor(typist, magic):
    loaded(typist)
    typist.begin(f"{magic}total = sum(", ")\nprint(total)")
    typist.keyboard.press("Control+Enter" if magic else FILL)
    panel = ready(typist)
    code = panel.locator("pre").first.inner_text()
    written = panel.locator("pre").first.get_by_role("mark").all_inner_texts()
    assert code.startswith(f"total = sum({written[0]}")
    assert code.rstrip("\n").endswith(")\nprint(total)")
    assert typist.source() == f"{magic}total = sum()\nprint(total)"


def test_shift_enter_goes_on_and_the_suggestion_above_is_the_one_that_is_accepted(typist):
    loaded(typist)
    typist.begin("%%complete -m 8\nimport numpy as np\nx = np.")
    typist.keyboard.press("Shift+Enter")
    ready(typist)
    typist.keyboard.press(ACCEPT)
    typist.notebook.panel(typist.cell).get_by_text("Inserted below").wait_for()
    at = typist.notebook.index(typist.cell)
    assert typist.notebook.cells()[at + 1]["source"].startswith("import numpy as np\nx = np.")


def test_a_key_switches_suggestions_on_and_off(typist):
    loaded(typist)
    typist.begin("x = 1")
    typist.keyboard.press(TURN)
    typist.wait_for("ready")
    typist.keyboard.press(TURN)
    typist.wait_for("off")
    assert typist.source() == "x = 1"


def test_all_are_in_the_palette_under_the_packages_name(typist):
    typist.begin("x = 1")
    typist.keyboard.press("Control+Shift+C")
    typist.keyboard.type("cg2magic")
    items = typist.page.locator(".lm-CommandPalette-itemLabel").filter(visible=True)
    items.get_by_text("Complete This Cell").wait_for()
    assert set(items.all_inner_texts()) == LABELS  # there is no suggestion to accept
    typist.keyboard.press("Escape")


def test_no_key_is_somebody_elses(notebook):
    bindings = notebook.page.evaluate(
        "() => jupyterapp.commands.keyBindings.map(({ command, keys }) => [command, keys.join(' then ')])"
    )
    ours = {keys for command, keys in bindings if command.startswith("cg2magic:")}
    assert len(ours) == 7
    ours.remove("Escape")  # only while a suggestion is shown
    assert {
        keys: command for command, keys in bindings if keys in ours and not command.startswith("cg2magic:")
    } == {}
