"""From a notebook to what the model may see: which cells, as what text, and who may switch it off."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cg2magic.context import Cell, Document, Settings, gather


def notebook(*sources, active=None, metadata=None, kind="code"):
    cells = tuple(Cell(None, kind, source) for source in sources)
    return Document(cells, len(cells) if active is None else active, metadata or {})


def texts(cells):
    return ["".join(passage.text for passage in cell).removesuffix("\n# %%\n") for cell in cells]


def test_cells_above_are_seen_for_a_completion_and_below_too_for_an_infill():
    document = notebook("a = 1", "the cell", "b = 2", active=1)
    completion = gather(document, ("x = ",), {})
    assert texts(completion.above) == ["a = 1\n"]
    assert completion.below == ()
    infill = gather(document, ("x = ", "\n"), {})
    assert texts(infill.below) == ["b = 2\n"]


def test_markdown_becomes_comments_of_the_language():
    prose = notebook("# Title\n\nSome *words*.", kind="markdown")
    assert texts(gather(prose, ("x",), {}).above) == ["# Title\n# Some *words*.\n"]
    assert texts(gather(prose, ("x",), {}, language="sql").above) == ["-- Title\n-- Some *words*.\n"]
    assert gather(prose, ("x",), {}, language="html").above == ()


def test_magics_and_lines_for_the_shell_are_left_out():
    magics = "%matplotlib inline\n!pip install x\nfiles = !ls\nt = %timeit -o f()\na.b?\n"
    cell = f"import a\n{magics}x = 5 % 3\ny = a != 3"
    assert texts(gather(notebook(cell), ("x",), {}).above) == ["import a\nx = 5 % 3\ny = a != 3\n"]


def test_cells_of_another_language_and_those_that_ask_a_model_are_left_out():
    cells = (
        "%%bash\nls",
        "%%complete\ndef f(",
        "%%infill -n 3\nx = |",
        "%%time\ny = 1",
        "%%writefile a.txt\nb",
    )
    assert texts(gather(notebook(*cells), ("x",), {}).above) == ["y = 1\n"]
    assert texts(gather(notebook(*cells), ("x",), {}, language="bash").above) == ["ls\n"]


def test_a_notebook_can_switch_the_context_off_and_says_so():
    off = {"cg2magic": {"context": "none"}}
    context = gather(notebook("a = 1", metadata=off), ("a",), {"a": 1})
    assert (context.above, context.variables) == ((), ())
    assert context.note == "context off in this notebook"


def test_a_notebook_cannot_widen_what_the_person_allows():
    wide = {"cg2magic": {"context": "notebook", "vars": "auto"}}
    assert gather(notebook("a = 1", metadata=wide), ("a",), {}, Settings("none")) is None
    assert gather(notebook("a = 1", metadata=wide), ("a",), {}, Settings("cell")).above == ()


def test_metadata_that_nobody_understands_switch_it_off():
    strange = {"cg2magic": {"context": "some"}}
    assert gather(notebook("a = 1", metadata=strange), ("a",), {}).above == ()


def test_what_the_nearest_cells_are_about_is_described_though_a_comment_names_nothing():
    def clean(table):
        """Drop what is empty."""

    clean.__globals__["__name__"], own = "__main__", __name__
    namespace = {"old": {}, "table": pd.DataFrame({"a": [1]}), "x": np.zeros(3), "n": 5, "clean": clean}
    document = notebook("table = read()\nn = 5\nold = {}", "x = clean(table)\nx.sum()")
    try:
        described = gather(document, ("# plot it\n",), namespace).variables
        named = gather(document, ("# plot it\ntable",), namespace).variables
        alone = gather(document, ("# plot it\n",), namespace, Settings("cell")).variables
    finally:
        clean.__globals__["__name__"] = own
    assert [line.split(":")[0].removeprefix("# ") for line in described] == ["table", "clean(table)", "x"]
    assert named[0].startswith("# table: DataFrame 1×1")
    assert len(named) == 3
    assert alone == ()
