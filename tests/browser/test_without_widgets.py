"""JupyterLab in another environment than the kernel, without what draws widgets: text, and a hint."""

from __future__ import annotations

import pytest

from tests.browser.notebook_page import NotebookPage
from tests.browser.serving import TOKEN, serve

pytestmark = pytest.mark.browser

ANYWIDGET, WIDGETS = "anywidget", "@jupyter-widgets/jupyterlab-manager"
HINT = "pip install anywidget ipywidgets where it runs"


@pytest.mark.parametrize("without", [(ANYWIDGET,), (ANYWIDGET, WIDGETS)], ids=["anywidget", "widgets"])
def test_the_finished_text_takes_the_place_of_the_panel(without, browser, tmp_path_factory):
    with serve(tmp_path_factory.mktemp("jupyter"), *without) as server:
        notebook = NotebookPage.create(browser, server.url, server.root, TOKEN, "lab", "bare")
        try:
            notebook.clear()
            notebook.add_and_run("%load_ext cg2magic")
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
        finally:
            notebook.close()
