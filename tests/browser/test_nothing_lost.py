"""What a person types while a suggestion is written stays, and only the page that asked acts by itself."""

from __future__ import annotations

import pytest

from tests.browser.asking import FILL, MEAN, WHOLE, ask, button, wrote
from tests.browser.notebook_page import MODEL

pytestmark = pytest.mark.browser

CHANGED = "The cell was changed since it was run"


def writing(notebook, **options):
    """A cell whose suggestion is held after some tokens, and its panel."""
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "go.gate"}, **options))
    wrote(notebook.panel(cell), 6)
    return cell, notebook.panel(cell)


def type_into(notebook, cell):
    notebook.select(cell)
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type("  # mine")


def ready(panel):
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for(state="attached")


def text_of(notebook, cell):
    return next(each["source"] for each in notebook.cells() if each["id"] == cell)


def test_replace_cell_leaves_what_was_typed_since(notebook):
    cell, panel = writing(notebook)
    type_into(notebook, cell)
    notebook.let("go.gate")
    button(panel, "Stop").wait_for(state="hidden")
    button(panel, "Replace cell").click()
    panel.get_by_text(CHANGED).first.wait_for()
    assert text_of(notebook, cell).endswith("  # mine")
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == WHOLE
    assert text_of(notebook, cell).endswith("  # mine")


def test_insert_replace_leaves_what_was_typed_since_and_says_so(notebook):
    cell, panel = writing(notebook, insert="replace")
    type_into(notebook, cell)
    notebook.let("go.gate")
    panel.get_by_text(CHANGED).first.wait_for()
    assert text_of(notebook, cell).endswith("  # mine")
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == WHOLE


@pytest.mark.parametrize("change", ["cell_type", "deleted"])
def test_a_cell_that_is_no_code_any_more_or_gone_is_not_replaced(notebook, change):
    cell, panel = writing(notebook)
    notebook.add("x = 1")
    notebook.let("go.gate")
    button(panel, "Stop").wait_for(state="hidden")
    at = notebook.index(cell)
    panel = notebook.panel(notebook.add_and_run("display(slow_job.panels[-1])"))
    button(panel, "Replace cell").wait_for()
    if change == "deleted":
        notebook.page.evaluate(f"(at) => {MODEL}.deleteCell(at)", at)
    else:
        content = f"{{ cell_type: 'markdown', source: {MODEL}.cells[at].getSource(), metadata: {{}} }}"
        swap = f"(at) => {{ const c = {content}; {MODEL}.deleteCell(at); {MODEL}.insertCell(at, c); }}"
        notebook.page.evaluate(swap, at)
    before = notebook.sources()
    button(panel, "Replace cell").click()
    panel.locator(".cg2-said").get_by_text("Insert below").first.wait_for()
    assert notebook.sources() == before


def test_what_was_replaced_can_be_replaced_again(notebook):
    cell = notebook.add_and_run(ask("x = ", fills=[["1"], ["22"]]))
    panel = notebook.panel(cell)
    button(panel, "Replace cell").click()
    button(panel, "Show").click()
    panel.get_by_role("tab").nth(1).click()
    button(panel, "Replace cell").click()
    notebook.page.wait_for_function(f"() => {MODEL}.cells.some((cell) => cell.getSource() === 'x = 22')")


def test_only_the_page_that_ran_the_cell_inserts(notebook):
    notebook.add("import slow_job")
    notebook.save()
    with notebook.second_page() as other:
        # The other page hears of the panel as well: it is shown there, too.
        writing(notebook, insert="below")
        seen = other.add_and_run("display(slow_job.panels[-1])")
        wrote(other.panel(seen), 6)
        notebook.let("go.gate")
        notebook.page.wait_for_function(
            f"(code) => {MODEL}.cells.some((cell) => cell.getSource() === code)", arg=WHOLE
        )
        # Inserting there folds the panel here as well; the other page is read when it has drawn that.
        other.panel(seen).get_by_text("Inserted below").wait_for()
        assert WHOLE not in other.sources()
        assert notebook.sources().count(WHOLE) == 1


def test_a_page_that_is_loaded_anew_waits_for_the_person(notebook):
    cell, _ = writing(notebook, insert="below")
    notebook.save()
    notebook.open()
    panel = notebook.panel(cell)
    wrote(panel, 6)
    notebook.let("go.gate")
    ready(panel)
    assert WHOLE not in notebook.sources()
    button(panel, "Insert below").click()
    assert notebook.sources().count(WHOLE) == 1
