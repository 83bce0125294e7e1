"""The notebook on checking, executed as nbconvert or papermill would."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.needs import need

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "checking.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    need("bubblewrap")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    folder = str(tmp_path_factory.mktemp("notebook"))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
    return {cell.id: cell.get("outputs", []) for cell in notebook.cells}


def text(outputs):
    return "".join(output.get("text") or output["data"]["text/plain"] for output in outputs)


def marked(outputs):
    """The marks of the candidates, and how many were drawn: equal ones are shown once."""
    heads = re.findall(r"^── \d+ · ([✓✗])(.*)$", text(outputs), flags=re.MULTILINE)
    counts = [re.search(r"×(\d+)", head) for _, head in heads]
    return [mark for mark, _ in heads], sum(int(count[1]) if count else 1 for count in counts)


def test_each_candidate_is_marked_and_what_passes_comes_first(executed):
    marks, drawn = marked(executed["check"])
    assert drawn == 20
    assert marks == sorted(marks)  # ✓ is before ✗ there, too
    assert marked(executed["infill"])[1] == 10


def test_pass_at_k_grows_with_k(executed):
    values = [float(value) for value in re.findall(r"pass@\d+ +([\d.]+)", text(executed["pass"]))]
    assert len(values) == 4
    assert values == sorted(values)
