"""The whole walk with the embedded model: the extension, both magics, the panel, and a new cell that runs."""

from __future__ import annotations

import re

import pytest

from tests.browser.asking import button

pytestmark = pytest.mark.browser

PROMPT = "def mean(values):\n    "
HOLE = "def add(a, b):\n    |\n\nprint(add(2, 3))"


@pytest.fixture
def notebook(notebook):
    """The notebook, with the extension loaded; the model is loaded by the first test that asks it."""
    notebook.page.set_default_timeout(60_000)
    loaded = notebook.add_and_run("%reload_ext cg2magic")
    assert notebook.output(loaded).count() == 0
    return notebook


def in_the_end(panel, state="done"):
    panel.and_(panel.page.locator(f"[data-state={state}]")).wait_for()
    return panel


def code_of(panel):
    return panel.locator("pre").first.inner_text().rstrip("\n")


def test_complete_writes_on_from_the_cell_and_insert_below_gives_a_cell_that_runs(notebook):
    cell = notebook.add_and_run(f"%%complete -m 24\n{PROMPT}return sum(")
    last = notebook.add("'active'")
    notebook.select(last)
    panel = in_the_end(notebook.panel(cell))
    assert code_of(panel).startswith(f"{PROMPT}return sum(")
    assert panel.get_by_text(re.compile(r"mean logprob −?\d")).is_visible()
    code = code_of(panel)
    button(panel, "Insert below").click()
    place = notebook.index(cell) + 1
    assert notebook.index(last) == place + 1
    new = notebook.cells()[place]
    assert new["source"].rstrip("\n") == code
    notebook.run(new["id"])


def test_infill_puts_the_fill_where_the_hole_was(notebook):
    cell = notebook.add_and_run(f"%%infill -m 24\n{HOLE}")
    panel = in_the_end(notebook.panel(cell))
    before, after = HOLE.split("|")
    code = code_of(panel)
    assert code.startswith(before)
    assert code.endswith(after)
    written = "\n".join(panel.locator("pre mark").all_inner_texts())
    assert written.strip() in code
    button(panel, "Replace cell").click()
    panel.get_by_text("Replaced · mini").wait_for()
    assert notebook.sources()[-1].rstrip("\n") == code
    button(panel, "Undo").click()
    assert notebook.sources()[-1] == f"%%infill -m 24\n{HOLE}"


def test_text_is_seen_before_it_is_complete_and_stop_keeps_it_while_another_cell_runs(notebook):
    # Longer than the test takes: it ends because Stop is pressed.
    cell = notebook.add_and_run("%%complete -m 1900 -t 1 --top-p 1 --seed 7 --language text\nimport numpy")
    panel = notebook.panel(cell)
    panel.get_by_text(re.compile(r"^[1-9]\d* tokens? ·")).wait_for()
    busy = (
        "import pathlib, time\nwhile not pathlib.Path('busy.gate').exists(): time.sleep(0.01)\nprint('free')"
    )
    other = notebook.add_and_run(busy, wait=False)
    part = code_of(panel)
    button(panel, "Stop").click()
    in_the_end(panel, "stopped")
    assert notebook.output(other).count() == 0
    assert code_of(panel).startswith(part.rstrip())
    button(panel, "Insert below").click()
    assert notebook.cells()[notebook.index(cell) + 1]["source"].startswith(part.rstrip())
    notebook.let("busy.gate")
    notebook.output(other).get_by_text("free").wait_for()


def test_several_candidates_are_tabs_and_regenerate_asks_again(notebook):
    cell = notebook.add_and_run(f"%%complete -n 3 -t 0.8 --seed 1 -m 16\n{PROMPT}")
    panel = in_the_end(notebook.panel(cell))
    assert panel.get_by_role("tab").count() == 3
    first = code_of(panel)
    button(panel, "Regenerate").click()
    notebook.page.wait_for_function(
        "([panel, first]) => panel.dataset.state === 'done' "
        "&& panel.querySelector('pre').innerText.trimEnd() !== first",
        arg=[panel.element_handle(), first],
    )


def test_insert_below_of_the_option_inserts_by_itself(notebook):
    cell = notebook.add_and_run(f"%%complete -m 8 --insert below\n{PROMPT}")
    notebook.panel(cell).get_by_text("Inserted below").wait_for()
    assert notebook.cells()[notebook.index(cell) + 1]["source"].startswith(PROMPT)


def test_history_says_what_became_of_a_suggestion(notebook):
    cell = notebook.add_and_run(f"%%complete -m 8\n{PROMPT}")
    button(in_the_end(notebook.panel(cell)), "Insert below").click()
    history = notebook.add_and_run("%cg2 history")
    notebook.output(history).get_by_text("inserted below").last.wait_for()


def test_a_model_that_is_not_known_is_one_line_that_says_what_to_try(notebook):
    cell = notebook.add_and_run(f"%%complete --model minni\n{PROMPT}")
    panel = in_the_end(notebook.panel(cell), "failed")
    assert "mini" in panel.locator(".cg2-error").inner_text()
    assert button(panel, "Insert below").is_hidden()
    assert button(panel, "Dismiss").is_visible()
