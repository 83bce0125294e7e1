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


def test_each_candidate_is_marked_and_what_passes_comes_first(executed):
    marks = re.findall(r"^── \d+ · ([✓✗])", text(executed["check"]), flags=re.MULTILINE)
    assert len(marks) == 20
    assert marks == sorted(marks)  # ✓ is before ✗ there, too
    assert len(re.findall(r"^── \d+ · [✓✗]", text(executed["infill"]), flags=re.MULTILINE)) == 10


def test_pass_at_k_grows_with_k(executed):
    values = [float(value) for value in re.findall(r"pass@\d+ +([\d.]+)", text(executed["pass"]))]
    assert len(values) == 4
    assert values == sorted(values)
