"""The main job, all of it real: the magics, the embedded model, a kernel, and JupyterLab and Notebook."""

from __future__ import annotations

import pytest

from tests.browser.asking import button
from tests.endless import ENDLESS

pytestmark = pytest.mark.browser

# With the model that is loaded in `writing` there is time to press Stop.
LONG = f"%%complete {ENDLESS}\nimport numpy as np\n\nvalues = ["


@pytest.fixture
def loaded(notebook):
    """The notebook with the extension, and a first cell that a person would have."""
    notebook.add_and_run("%load_ext cg2magic")
    return notebook


def ready(panel):
    panel.get_by_role("status").get_by_text("Suggestion ready").wait_for(timeout=60_000)
    return panel


def test_a_completion_is_inserted_below_its_cell_and_runs(loaded):
    asked = loaded.add_and_run("%%complete --stop '\\n' -m 12\nprint(6 * 7)  # the answer to")
    other = loaded.add("other = 1")
    panel = ready(loaded.panel(asked))
    loaded.select(other)
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    cells = loaded.cells()
    at = loaded.index(asked) + 1
    assert cells[at]["source"].startswith("print(6 * 7)  # the answer to")
    assert "\n" not in cells[at]["source"]
    assert cells[at + 1]["source"] == "other = 1"

    loaded.run(cells[at]["id"])
    assert loaded.output(cells[at]["id"]).inner_text().strip() == "42"


def test_an_infill_stands_between_its_ends_and_can_be_undone(loaded):
    asked = loaded.add_and_run("%%infill -m 20\ndef hello_world():\n    |\n    return name")
    panel = ready(loaded.panel(asked))
    assert panel.locator("pre mark").count() > 0
    before = loaded.sources()
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    code = loaded.sources()[-1]
    assert code.startswith("def hello_world():\n    ")
    assert code.endswith("\n    return name")
    button(panel, "Undo").click()
    assert loaded.sources() == before


def test_text_arrives_before_it_is_complete_and_stop_keeps_it(writing):
    asked = writing.add_and_run(LONG)
    panel = writing.panel(asked)
    panel.locator("pre mark").first.wait_for(timeout=60_000)
    button(panel, "Stop").click()
    panel.get_by_text("stopped").first.wait_for()
    assert button(panel, "Insert below").is_enabled()
    button(panel, "Insert below").click()
    assert writing.sources()[-1].startswith("import numpy as np\n\nvalues = [")


def test_stop_is_heard_while_another_cell_runs(writing):
    asked = writing.add_and_run(LONG)
    panel = writing.panel(asked)
    panel.locator("pre mark").first.wait_for(timeout=60_000)
    busy = writing.add_and_run(
        "import pathlib, time\nwhile not pathlib.Path('free.gate').exists():\n    time.sleep(0.05)",
        wait=False,
    )
    button(panel, "Stop").click()
    panel.get_by_text("stopped").first.wait_for()
    writing.let("free.gate")
    writing.wait_until_run(busy)


def test_a_cell_runs_and_answers_while_the_model_writes(writing):
    asked = writing.add_and_run(LONG)
    panel = writing.panel(asked)
    panel.locator("pre mark").first.wait_for(timeout=60_000)
    sums = writing.add_and_run("print(6 * 7)")
    assert writing.output(sums).inner_text().strip() == "42"
    button(panel, "Stop").click()
    panel.get_by_text("stopped").first.wait_for()


def test_a_saved_notebook_holds_the_finished_card_as_text_and_html(loaded):
    asked = loaded.add_and_run("%%complete -m 8\nimport numpy as np\nx = np.")
    panel = ready(loaded.panel(asked))
    code = panel.locator("pre").inner_text().rstrip("\n")
    (output,) = (
        output
        for cell in loaded.save()["cells"]
        if cell["id"] == asked
        for output in cell["outputs"]
        if "data" in output
    )
    stored = "".join(output["data"]["text/plain"])
    assert code.splitlines()[-1] in stored
    assert "cg2-saved" in "".join(output["data"]["text/html"])


def test_a_mistake_in_the_cell_is_one_line_on_the_page(loaded):
    asked = loaded.add_and_run("%%infill\nx = a | b")
    said = loaded.output(asked).inner_text().strip()
    assert said.startswith("UsageError: ")
    assert "--cursor" in said
    assert "Traceback" not in said


def test_several_candidates_are_tabs_and_regenerate_writes_others(loaded):
    asked = loaded.add_and_run("%%complete -n 3 -t 0.8 --seed 1 -m 16\nimport numpy as np\nx = np.")
    panel = ready(loaded.panel(asked))
    assert panel.get_by_role("tab").count() == 3
    code = "(panel) => [...panel.querySelectorAll('pre')].map((pre) => pre.innerText.trimEnd()).join()"
    first = panel.evaluate(code)
    button(panel, "Regenerate").click()
    loaded.page.wait_for_function(
        f"([panel, first]) => panel.dataset.state === 'done' && ({code})(panel) !== first",
        arg=[panel.element_handle(), first],
    )


def test_with_insert_below_the_new_cell_comes_by_itself(loaded):
    asked = loaded.add_and_run("%%complete -m 8 --insert below\nimport numpy as np\nx = np.")
    loaded.panel(asked).get_by_text("Inserted below").wait_for(timeout=60_000)
    new = loaded.cells()[loaded.index(asked) + 1]
    assert new["source"].startswith("import numpy as np\nx = np.")


def test_history_says_what_became_of_a_suggestion(loaded):
    asked = loaded.add_and_run("%%complete -m 8\nimport numpy as np\nx = np.")
    button(ready(loaded.panel(asked)), "Insert below").click()
    history = loaded.add_and_run("%cg2 history")
    loaded.output(history).get_by_text("inserted below").last.wait_for()


def test_a_model_that_is_not_known_is_one_line_in_the_card(loaded):
    asked = loaded.add_and_run("%%complete --model minni\nimport numpy")
    panel = loaded.panel(asked)
    panel.get_by_text("mini").last.wait_for()
    panel.get_by_text("failed").first.wait_for()
    assert button(panel, "Insert below").is_hidden()
    assert button(panel, "Dismiss").is_visible()
