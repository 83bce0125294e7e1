"""The panel in JupyterLab and in Notebook, over jobs that are written by hand as slowly as a test wants."""

from __future__ import annotations

import pytest

from tests.browser.asking import FILL, MEAN, WHOLE, ask, button, cursor_in_new_cell, wrote

pytestmark = pytest.mark.browser


def test_text_arrives_before_it_is_complete_and_only_the_end_is_announced(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "half.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 6)
    code = panel.locator("pre")
    assert code.inner_text().startswith(MEAN[0] + FILL[:18])
    assert FILL[18:] not in code.inner_text()
    assert "".join(code.locator("mark").all_inner_texts()) == FILL[:18].replace("\n", "")
    assert panel.get_by_role("status").inner_text() == ""
    assert button(panel, "Insert below").is_disabled()

    notebook.let("half.gate")
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for()
    assert code.inner_text().rstrip("\n") == WHOLE
    assert button(panel, "Insert below").is_enabled()
    assert button(panel, "Stop").is_hidden()


def test_nothing_moves_while_text_arrives(notebook):
    gates = {2: "a.gate", 9: "b.gate", 16: "c.gate"}
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates=gates))
    panel = notebook.panel(cell)
    places = []
    for tokens, gate in gates.items():
        wrote(panel, tokens)
        places.append([button(panel, name).bounding_box() for name in ("Insert below", "Dismiss", "Stop")])
        notebook.let(gate)
    assert places[0] == places[1] == places[2]


def test_a_long_suggestion_is_followed_until_the_person_scrolls_up(notebook):
    fill = "".join(f"line_{i} = {i}\n" for i in range(80))
    gates = {120: "a.gate", 240: "b.gate"}
    cell = notebook.add_and_run(ask("", fills=[[fill]], gates=gates))
    panel = notebook.panel(cell)
    caret, code = panel.locator(".cg2-caret"), panel.locator("pre")

    def caret_in_sight():
        inside, outside = caret.bounding_box(), code.bounding_box()
        return outside["y"] <= inside["y"] <= outside["y"] + outside["height"] - inside["height"]

    wrote(panel, 120)
    assert caret_in_sight()
    assert code.bounding_box()["height"] < 21 * 18
    code.hover()
    notebook.page.mouse.wheel(0, -2000)
    notebook.page.wait_for_function("(pre) => pre.scrollTop === 0", arg=code.element_handle())
    notebook.let("a.gate")
    wrote(panel, 240)
    assert code.evaluate("(pre) => pre.scrollTop") == 0
    notebook.let("b.gate")


def test_stop_keeps_what_was_written(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "never.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 6)
    button(panel, "Stop").click()
    panel.get_by_text("stopped · ").first.wait_for()
    button(panel, "Insert below").click()
    assert notebook.sources()[-1].startswith(MEAN[0] + FILL[:18])
    assert notebook.sources()[-1].endswith(MEAN[1])


def test_stop_works_while_another_cell_runs_and_leaves_no_subshell_behind(notebook):
    kernel = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
    subshells = f"async () => (await {kernel}.requestListSubshell({{}}).done).content.subshell_id.length"
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "never.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 6)
    # JupyterLab may have one of its own for the widgets' messages.
    before = notebook.page.evaluate(subshells)
    busy = (
        "import pathlib, time\nwhile not pathlib.Path('busy.gate').exists(): time.sleep(0.01)\nprint('free')"
    )
    other = notebook.add_and_run(busy, wait=False)
    notebook.page.wait_for_function(f"() => {kernel}.status === 'busy'")
    button(panel, "Stop").click()
    panel.get_by_text("stopped · ").first.wait_for()
    assert notebook.output(other).count() == 0
    until_deleted = (
        f"async (before) => {{ const list = {subshells}; let now;"
        " for (let i = 0; i < 200 && (now = await list()) !== before; i++); return now; }"
    )
    assert notebook.page.evaluate(until_deleted, before) == before

    # Inserting asks nothing of the kernel either.
    button(panel, "Insert below").click()
    assert notebook.index(other) == notebook.index(cell) + 2
    notebook.let("busy.gate")
    notebook.output(other).get_by_text("free").wait_for()


def test_insert_below_goes_under_its_own_cell_whatever_cell_is_active(notebook, done):
    other = notebook.add("'active'")
    cell, panel = done()
    last = notebook.add("'last'")
    notebook.select(other)
    button(panel, "Insert below").click()
    assert notebook.sources()[-2:] == [WHOLE, "'last'"]
    assert notebook.index(last) == notebook.index(cell) + 2

    # The cursor is in the new cell: it can be run at once.
    new = notebook.cells()[notebook.index(cell) + 1]["id"]
    cursor_in_new_cell(notebook)
    notebook.page.keyboard.press("Shift+Enter")
    notebook.wait_until_run(new)
    check = notebook.add_and_run("print(mean([1, 2, 6]))")
    notebook.output(check).get_by_text("3.0").wait_for()


def test_an_inserted_cell_is_taken_back_by_undo_in_the_panel_and_by_the_notebooks_own(notebook, done):
    cell, panel = done()
    before, count = notebook.sources(), len(notebook.cells())
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    button(panel, "Undo").click()
    assert notebook.sources() == before

    button(panel, "Insert below").click()
    assert notebook.sources() == [*before, WHOLE]
    cursor_in_new_cell(notebook)
    notebook.select(cell)
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("z")
    notebook.page.wait_for_function(
        "(n) => jupyterapp.shell.currentWidget.context.model.sharedModel.cells.length === n", arg=count
    )
    assert notebook.sources() == before


def test_the_notebooks_undo_takes_back_the_insertion_and_nothing_before_it(notebook, done):
    cell, panel = done()
    # At once after another change, which the notebook would make one step with it.
    button(panel, "Insert below").evaluate(
        "(button) => {"
        "  const notebook = jupyterapp.shell.currentWidget.context.model.sharedModel;"
        "  notebook.addCell({ cell_type: 'code', source: 'mine', metadata: {} });"
        "  button.click();"
        "}"
    )
    assert notebook.sources()[-2:] == [WHOLE, "mine"]
    cursor_in_new_cell(notebook)
    notebook.select(cell)
    notebook.page.keyboard.press("Escape")
    notebook.page.keyboard.press("z")
    sources = "jupyterapp.shell.currentWidget.context.model.sharedModel.cells.map((cell) => cell.source)"
    notebook.page.wait_for_function(f"(whole) => !{sources}.includes(whole)", arg=WHOLE)
    assert notebook.sources()[-1] == "mine"


def test_undo_leaves_a_cell_that_was_changed(notebook, done):
    _, panel = done()
    button(panel, "Insert below").click()
    cursor_in_new_cell(notebook)
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type("  # mine")
    button(panel, "Undo").click()
    panel.get_by_role("status").get_by_text("it is left as it is").wait_for()
    assert notebook.sources()[-1] == f"{WHOLE}  # mine"


def test_replace_cell_replaces_the_asking_cells_text_and_can_be_undone(notebook, done):
    cell, panel = done()
    before = notebook.sources()
    button(panel, "Replace cell").click()
    panel.get_by_text("Replaced").wait_for()
    assert notebook.sources() == [WHOLE]
    button(panel, "Undo").click()
    assert notebook.sources() == before

    button(panel, "Replace cell").click()
    assert notebook.sources() == [WHOLE]
    notebook.select(cell)
    notebook.page.keyboard.press("Control+z")
    assert notebook.sources() == before


def test_what_was_edited_is_what_is_inserted(notebook, done):
    _, panel = done()
    button(panel, "Edit").click()
    box = panel.get_by_role("textbox", name="Edit the suggestion")
    assert box.inner_text() == WHOLE
    box.fill("x = 1\ny = 2")
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == "x = 1\ny = 2"


def test_edit_opens_the_notebooks_own_editor(notebook, done):
    _, panel = done()
    before = notebook.sources()
    button(panel, "Edit").click()
    box = panel.get_by_role("textbox", name="Edit the suggestion")
    assert box.get_attribute("data-language") == "python"
    keyboard = notebook.page.keyboard
    keyboard.press("Control+End")
    keyboard.press("Enter")
    keyboard.type("if x:")
    keyboard.press("Enter")
    keyboard.type("y")
    assert box.inner_text() == f"{WHOLE}\n    if x:\n        y"
    keyboard.press("Home")
    keyboard.press("Tab")
    assert box.inner_text().endswith("\n            y")
    keyboard.press("Shift+Tab")
    assert box.inner_text().endswith("\n        y")
    # What is undone was typed here, and not in the cell; in how many steps depends on how fast it was typed.
    for _ in range(12):
        keyboard.press("Control+z")
    assert box.inner_text() == WHOLE
    for _ in range(12):
        keyboard.press("Control+y")
    assert box.inner_text() == f"{WHOLE}\n    if x:\n        y"
    keyboard.press("Control+Enter")
    assert notebook.sources() == before
    keyboard.press("Escape")
    box.wait_for(state="detached")
    assert notebook.page.evaluate("() => document.activeElement.textContent") == "Edit"


@pytest.mark.parametrize("name", ["Insert below", "Replace cell"])
def test_after_accepting_the_next_key_writes_at_the_end_of_the_cell(notebook, done, name):
    _, panel = done()
    button(panel, name).click()
    notebook.page.wait_for_function("() => document.activeElement.matches('.cm-content')")
    cursor_in_new_cell(notebook)
    assert notebook.page.evaluate("() => jupyterapp.shell.currentWidget.content.mode") == "edit"
    notebook.page.keyboard.type("  # typed")
    assert f"{WHOLE}  # typed" in notebook.sources()


def test_keys_in_the_panel_are_not_the_notebooks_shortcuts(notebook, done):
    _, panel = done()
    count = len(notebook.cells())
    button(panel, "Copy").focus()
    notebook.page.keyboard.type("ddab")
    assert len(notebook.cells()) == count
    button(panel, "Edit").click()
    box = panel.get_by_role("textbox", name="Edit the suggestion")
    box.press("Control+a")
    box.press_sequentially("dd zab")
    assert box.inner_text() == "dd zab"
    box.press("Escape")
    assert len(notebook.cells()) == count
    assert panel.locator("pre").inner_text().rstrip("\n") == WHOLE


def test_copy_puts_the_whole_code_on_the_clipboard(notebook, done):
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    _, panel = done()
    button(panel, "Copy").click()
    panel.get_by_text("Copied.").first.wait_for()
    assert notebook.page.evaluate("() => navigator.clipboard.readText()") == WHOLE


def test_candidates_are_walked_and_one_is_accepted_by_keyboard_alone(notebook, done):
    _, panel = done("x = ", fills=(("1",), ("22",), ("333",)))
    tabs = panel.get_by_role("tab")
    assert [tab.get_attribute("aria-selected") for tab in tabs.all()] == ["true", "false", "false"]
    tabs.first.focus()
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowRight")
    notebook.page.keyboard.press("ArrowLeft")
    assert tabs.nth(1).get_attribute("aria-selected") == "true"
    assert tabs.nth(1).evaluate("(tab) => tab === document.activeElement")
    notebook.page.keyboard.press("Tab")
    heat_map = panel.get_by_role("checkbox", name="heat map")
    assert heat_map.evaluate("(box) => box === document.activeElement")
    notebook.page.keyboard.press("Tab")
    assert button(panel, "Insert below").evaluate("(button) => button === document.activeElement")
    notebook.page.keyboard.press("Enter")
    assert notebook.sources()[-1] == "x = 22"
    check = notebook.add_and_run("print(slow_job.recorded[-1][1:])")
    notebook.output(check).get_by_text("(1, 'inserted below')").wait_for()


def test_nothing_a_model_writes_becomes_markup(notebook, done):
    fill = (
        "'</mark></pre><img src=x onerror=\"window.owned=1\"><script>window.owned=1</script>'\u202e\x1b[31m"
    )
    _, panel = done("x = ", fills=((fill,),))
    assert panel.locator("img, script").count() == 0
    assert '<img src=x onerror="window.owned=1">' in panel.locator("pre").inner_text()
    assert "\u202e" not in panel.locator("pre").inner_text()
    assert notebook.page.evaluate("() => window.owned") is None
    button(panel, "Insert below").click()
    assert notebook.sources()[-1] == f"x = {fill}"


def test_regenerate_writes_another_suggestion_into_the_same_card(notebook, done):
    _, panel = done()
    button(panel, "Insert below").click()
    button(panel, "Show").click()
    button(panel, "Regenerate").click()
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for()
    panel.get_by_text("inserted below").wait_for(state="hidden")
    button(panel, "Insert below").click()
    panel.get_by_text("inserted below").wait_for()
    assert notebook.sources()[-2:] == [WHOLE, WHOLE]


def test_dismissed_folds_to_a_line_and_can_be_shown_again(done):
    _, panel = done()
    button(panel, "Dismiss").click()
    panel.get_by_text("Dismissed · ").wait_for()
    assert panel.bounding_box()["height"] < 45
    assert button(panel, "Undo").is_hidden()
    button(panel, "Show").click()
    assert button(panel, "Insert below").is_visible()


def test_dismissing_what_is_still_being_written_stops_it(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "never.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 6)
    button(panel, "Dismiss").click()
    panel.get_by_text("Dismissed · slow · stopped").wait_for()


def test_asked_to_insert_below_the_page_does_it_once_and_when_it_is_done(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], gates={6: "auto.gate"}, insert="below"))
    wrote(notebook.panel(cell), 6)
    last = notebook.add("'typing here'")
    notebook.select(last)
    assert WHOLE not in notebook.sources()
    notebook.let("auto.gate")
    notebook.panel(cell).get_by_text("Inserted below").wait_for()
    assert notebook.sources()[-2:] == [WHOLE, "'typing here'"]
    # Who types elsewhere is not interrupted.
    assert notebook.cell(last).locator(".cm-content").evaluate("(node) => node === document.activeElement")


def test_asked_to_replace_the_page_does_it_when_it_is_done(notebook):
    cell = notebook.add_and_run(ask(*MEAN, fills=[[FILL]], insert="replace"))
    notebook.panel(cell).get_by_text("Replaced").wait_for()
    assert notebook.sources() == [WHOLE]


def test_several_panels_write_at_once_and_do_not_mix(notebook):
    cells = [
        notebook.add_and_run(ask(f"{name} = ", fills=[["1 + 2 + 3 + 4"]], gates={3: f"{name}.gate"}))
        for name in ("first", "second")
    ]
    panels = [notebook.panel(cell) for cell in cells]
    for panel in panels:
        wrote(panel, 3)
    button(panels[0], "Stop").click()
    panels[0].get_by_text("stopped · ").first.wait_for()
    notebook.let("second.gate")
    panels[1].get_by_role("status").get_by_text("Suggestion ready").wait_for()
    assert panels[0].locator("pre").inner_text().strip() in ("first = 1 + 2 + 3", "first = 1 + 2 + 3 +")
    assert panels[1].locator("pre").inner_text().strip() == "second = 1 + 2 + 3 + 4"


def test_a_cell_that_is_run_again_stops_the_job_that_nobody_sees_any_more(notebook):
    cell = notebook.add_and_run(ask("x = ", fills=[["1 + 2"]], gates={1: "never.gate"}))
    panel = notebook.panel(cell)
    wrote(panel, 1)
    notebook.run(cell)
    wrote(notebook.panel(cell), 1)
    check = notebook.add_and_run("print([job.cancelled.is_set() for job in slow_job.jobs[-2:]])")
    notebook.output(check).get_by_text("[True, False]").wait_for()
    button(notebook.panel(cell), "Stop").click()
