"""What outlives a panel's cell, its kernel and its page."""

from __future__ import annotations

import pytest

from tests.browser.asking import FILL, MEAN, WHOLE, ask, button, wrote

pytestmark = pytest.mark.browser

SECOND_VIEW = "display(slow_job.panels[-1])"


def test_saved_and_reopened_without_its_kernel_it_is_the_same_card_without_buttons(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL], ["total = sum(values)"]]))
    panel = notebook.panel(cell)
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for()
    again = notebook.add_and_run(SECOND_VIEW)
    notebook.page.wait_for_function(
        "() => jupyterapp.shell.currentWidget.context.model.toJSON().cells"
        ".filter((cell) => cell.outputs.some((output) => output.data['text/html'])).length === 2"
    )
    saved = notebook.save()
    outputs = [cell["outputs"][0]["data"] for cell in saved["cells"] if cell["outputs"]]
    assert [sorted(data) for data in outputs] == [["text/html", "text/plain"]] * 2
    assert "▌     total = 0\n" in "".join(outputs[0]["text/plain"])
    # Storing it takes nothing from the page that is open.
    assert button(panel, "Insert below").is_enabled()
    assert button(notebook.panel(again), "Insert below").is_enabled()

    notebook.shut_down()
    notebook.open()
    for asked in (cell, again):
        card = notebook.output(asked)
        assert card.locator("pre").first.inner_text().rstrip("\n") == WHOLE
        assert card.locator("pre").first.locator("mark").all_inner_texts() == [
            "total = 0", "    for value in values:", "        total += value",
        ]  # fmt: skip
        assert card.get_by_role("button").count() == 0
        card.get_by_text("candidate 2 · mean probability").click()
        assert card.get_by_text("total = sum(values)").is_visible()


def test_what_became_of_a_suggestion_is_stored_with_it(notebook, done):
    asked, panel = done("x = ", fills=(("1",), ("22",)))
    panel.get_by_role("tab").nth(1).click()
    button(panel, "Insert below").click()
    stored = "JSON.stringify(jupyterapp.shell.currentWidget.context.model.toJSON())"
    notebook.page.wait_for_function(f"() => {stored}.includes('probability 90 % · inserted below')")
    notebook.save()
    notebook.open()
    card = notebook.output(asked)
    # It stays folded, as it was when the page was left.
    card.get_by_text("inserted below").wait_for()
    assert card.locator("pre").first.is_hidden()
    card.get_by_text("inserted below").click()
    assert card.locator("pre").first.inner_text().rstrip("\n") == "x = 22"


def test_when_the_kernel_restarts_what_was_written_stays_usable(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "never.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 6)
    notebook.page.evaluate(
        "() => jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.restart()"
    )
    panel.get_by_text("the kernel was restarted").first.wait_for()
    assert button(panel, "Stop").is_hidden()
    assert button(panel, "Regenerate").is_hidden()
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == MEAN[0] + FILL[:18] + MEAN[1]

    # The page goes on working with the new kernel.
    notebook.wait_until_back()
    again = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "never.gate"}))
    wrote(notebook.panel(again), 6)
    button(notebook.panel(again), "Stop").click()
    notebook.panel(again).get_by_role("status").get_by_text("Suggestion stopped").wait_for()


def test_a_page_loaded_while_a_suggestion_is_written_goes_on_showing_it(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "go.gate"}))
    wrote(notebook.panel(cell), 6)
    notebook.save()
    notebook.open()
    panel = notebook.panel(cell)
    wrote(panel, 6)
    notebook.let("go.gate")
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for()
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == WHOLE


def test_two_views_of_a_panel_show_the_same(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "go.gate"}, insert="below"))
    other = notebook.add_and_run(SECOND_VIEW)
    panels = [notebook.panel(cell), notebook.panel(other)]
    for panel in panels:
        wrote(panel, 6)
    notebook.let("go.gate")
    for panel in panels:
        panel.get_by_text("Inserted below").wait_for()
    assert notebook.sources().count(WHOLE) == 1
    button(panels[1], "Undo").click()
    assert button(panels[0], "Insert below").is_visible()
    assert WHOLE not in notebook.sources()


def test_when_the_asking_cell_is_gone_the_suggestion_goes_to_the_end_and_the_card_says_so(notebook, done):
    cell, _ = done()
    other = notebook.add_and_run(SECOND_VIEW)
    notebook.add("'last'")
    notebook.page.evaluate(
        "(index) => jupyterapp.shell.currentWidget.context.model.sharedModel.deleteCell(index)",
        notebook.index(cell),
    )
    panel = notebook.panel(other)
    button(panel, "Replace cell").click()
    panel.get_by_role("status").get_by_text("The cell is gone").wait_for()
    button(panel, "Insert below").click()
    panel.get_by_text("at the end, the cell that asked is gone").wait_for()
    assert notebook.sources() == [SECOND_VIEW, "'last'", WHOLE]
