"""JupyterLab in another environment than the kernel, without what draws widgets, or without ours."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.browser.asking import button
from tests.browser.notebook_page import NotebookPage
from tests.browser.serving import PATIENT, TOKEN
from tests.browser.typist import KERNEL

pytestmark = pytest.mark.browser

ANYWIDGET, WIDGETS, OURS = "anywidget", "@jupyter-widgets/jupyterlab-manager", "cg2magic"
HINT = "pip install anywidget ipywidgets where it runs"


@pytest.fixture(scope="module")
def kept(browser, server):
    """A notebook whose kernel all tests share; its own page draws nothing, and closes what it can't draw."""
    page = NotebookPage.create(browser, server.url, server.root, TOKEN, "lab", "bare", disabled=[WIDGETS])
    page.add_and_run("%load_ext cg2magic\n" + PATIENT.replace("60.0", "0.5"))  # where no panel can answer
    kernel = page.page.evaluate(f"() => {KERNEL}.id")
    page.clear()
    page.save()
    yield page
    page.page.request.delete(f"{server.url}/api/kernels/{kernel}?token={TOKEN}")
    page.close()


@pytest.fixture
def without(kept):
    """Open the notebook in a page without these extensions."""
    with ExitStack() as pages:

        def open_page(*extensions):
            page = pages.enter_context(kept.beside(kept.path.name))
            page.disable(*extensions)
            page.open()
            page.clear()
            return page

        yield open_page


@pytest.mark.parametrize("missing", [(ANYWIDGET,), (ANYWIDGET, WIDGETS)], ids=["anywidget", "widgets"])
def test_the_finished_text_takes_the_place_of_the_panel(without, missing):
    notebook = without(*missing)
    cell = notebook.add_and_run("%%complete -m 8\nimport numpy as np\nx = np.")
    output = notebook.cell(cell).locator(".jp-OutputArea").first
    output.get_by_text(HINT).wait_for()
    assert "x = np." in output.inner_text()
    assert "mean probability" in output.inner_text()
    assert "Failed to load" not in output.inner_text()
    assert "Error" not in output.inner_text()
    saved = notebook.save()
    data = next(each for each in saved["cells"] if "%%complete" in "".join(each["source"]))["outputs"]
    assert "waiting" not in "".join(data[0]["data"]["text/plain"])
    assert HINT in "".join(data[0]["data"]["text/plain"])


def test_without_our_labextension_the_panel_works_and_sees_cells_that_were_never_run(without):
    notebook = without(OURS)
    notebook.add_and_run(PATIENT)
    notebook.add("limit = 6")
    cell = notebook.add_and_run("%%complete -m 8\nprint(limit")
    panel = notebook.panel(cell)
    panel.and_(notebook.page.locator("[data-state=done]")).wait_for()
    button(panel, "Prompt").click()
    prompt = panel.get_by_role("region", name="What the model read").inner_text()
    assert "limit = 6\n\n# %%\nprint(" in prompt
    button(panel, "Edit").click()
    box = panel.get_by_role("textbox", name="Edit the suggestion")
    box.fill("print(limit)")
    box.press("Escape")
    assert box.count() == 0
    button(panel, "Edit").click()
    assert box.input_value().startswith("print(limit")
    box.fill("print(limit, 2)")
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    assert notebook.sources()[-1] == "print(limit, 2)"
    # The kernel hears it, although the page that draws nothing has closed the panel.
    history = notebook.add_and_run("%cg2 history")
    notebook.output(history).get_by_text("inserted below").last.wait_for()
    # What the labextension would bring.
    assert notebook.page.locator(".cg2-InlineStatus").count() == 0
    commands = notebook.page.evaluate("() => jupyterapp.commands.listCommands()")
    assert [command for command in commands if "cg2magic" in command] == []
    assert notebook.errors == []
