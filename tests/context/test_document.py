"""Documents: what a page sends, and what was executed."""

from __future__ import annotations

import pytest

from cg2magic.context import Cell, Document


def test_a_page_sends_cells_the_active_one_and_metadata():
    cells = [
        {"id": "a", "cell_type": "markdown", "source": "# Title"},
        {"id": "b", "cell_type": "code", "source": ["x = 1\n", "y = 2"]},
        {"cell_type": "code", "source": "z = 3"},
    ]
    document = Document.of_json({"cells": cells, "active": 1, "metadata": {"cg2magic": {"context": "none"}}})
    assert document.above == (Cell("a", "markdown", "# Title"),)
    assert document.cells[1].source == "x = 1\ny = 2"
    assert document.below == (Cell(None, "code", "z = 3"),)
    assert document.metadata["cg2magic"] == {"context": "none"}


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"cells": None, "active": "1", "metadata": []},
        {"cells": [None, {"source": 5, "id": 3, "cell_type": "strange"}], "active": 7},
    ],
)
def test_what_is_malformed_is_as_if_it_were_empty(told):
    document = Document.of_json(told)
    assert document.active is None
    assert not any(cell.source or cell.id for cell in document.cells)


def test_the_history_has_each_cell_once_where_it_was_run_first(shell):
    for cell in ("a = 1", "b = 2", "a = 1"):
        shell.run_cell(cell, store_history=True)
    document = Document.of_history(shell)
    assert [cell.source for cell in document.above] == ["a = 1", "b = 2"]
    assert document.below == ()
