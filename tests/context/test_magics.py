"""The magics in a real IPython: what was executed is seen, and the options narrow it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cg2magic.context import Document, Settings, gather
from cg2magic.frontends import present as frontend
from cg2magic.frontends.notebook import Notebook
from cg2magic.frontends.pages import Page
from cg2magic.request import Request
from cg2magic.service.manager import manager


@pytest.fixture
def cg2(shell):
    """A shell with the extension, in which a person has worked."""
    for cell in ("%load_ext cg2magic", "rows = [1, 2, 3]", "%time total = sum(rows)"):
        shell.run_cell(cell, store_history=True)
    return shell


def read(shell, options="", cell="print(rows"):
    """What the model reads for a cell."""
    shell.run_cell(f"%%complete -m 2 {options}\n{cell}", store_history=True)
    return manager().history[-1].job.snapshot().seen


def test_executed_cells_and_variables_are_seen_and_counted(cg2, capsys):
    seen = read(cg2)
    assert seen.text.startswith("rows = [1, 2, 3]\n\n# %%\n# rows: list of 3\nprint(")
    assert (seen.cells, seen.variables) == (1, 1)
    assert f"1 cell, 1 variable, {seen.tokens} tokens" in capsys.readouterr().out


def test_the_levels_leave_out_the_cells_and_then_the_variables(cg2):
    assert read(cg2, "--context cell").text.startswith("# rows: list of 3\nprint(")
    assert read(cg2, "--context none").text.startswith("print(")


def test_variables_can_be_named_left_out_and_shown_with_values(cg2):
    assert "# total: int\n" in read(cg2, "--vars total").text
    assert "rows:" not in read(cg2, "--vars none").text
    assert "# rows: list of 3 (1, 2, 3, …)\n" in read(cg2, "--vars-values").text


def test_a_variable_that_is_not_there_is_one_line(cg2, capsys):
    capsys.readouterr()
    assert not cg2.run_cell("%%complete --vars rowz\nx").success
    said = capsys.readouterr().err
    assert said == "UsageError: --vars: there is no variable rowz; auto describes those in the cell\n"


def test_the_defaults_are_those_of_config(cg2):
    cg2.run_cell("%config CG2.context = 'cell'")
    cg2.run_cell("%config CG2.vars = 'total'")
    assert read(cg2).text.startswith("# total: int\nprint(")
    assert read(cg2, "--context notebook --vars auto").cells == 1


def test_the_tokens_are_bounded_by_config(cg2):
    cg2.run_cell("%config CG2.context_tokens = 30")
    assert read(cg2).tokens < 30


def test_cells_of_another_language_see_their_own(cg2):
    cg2.run_cell("%%bash\nfor name in *.csv; do wc $name; done", store_history=True)
    seen = read(cg2, cell="%%bash\nls ")
    assert seen.text.startswith("for name in *.csv; do wc $name; done\n\n# %%\nls")
    assert (seen.cells, seen.variables) == (1, 0)


def test_regenerating_sees_the_same(cg2):

    seen = read(cg2)
    again = frontend.regenerate(manager().history[-1].job)
    again.wait()
    assert again.snapshot().seen == seen


def test_the_prompt_is_shown_word_for_word(cg2, capsys):
    seen = read(cg2)
    capsys.readouterr()
    cg2.run_cell("%cg2 prompt")
    said = capsys.readouterr().out
    assert said.startswith(seen.text)
    assert said.endswith(f"[1 cell, 1 variable, {seen.tokens} tokens]\n")


@pytest.mark.parametrize("words", ["context=some", "vars", "temperature=1", "=none"])
def test_what_a_notebook_can_not_say_is_one_line(cg2, capsys, words):
    capsys.readouterr()
    assert not cg2.run_cell(f"%cg2 config --notebook {words}").success
    assert "context=none" in capsys.readouterr().err


def test_without_a_page_the_metadata_are_told(cg2, capsys):
    capsys.readouterr()
    assert not cg2.run_cell("%cg2 config --notebook context=none").success
    assert '{"cg2magic": {"context": "none"}}' in capsys.readouterr().err


# What a page tells.


@pytest.fixture
def around(shell):

    shell.run_cell("executed = 1", store_history=True)
    return Notebook(shell)


def told(context="notebook"):

    cells = [{"cell_type": "code", "source": "unexecuted = 1"}, {"cell_type": "code", "source": "x"}]
    return Document.of_json({"cells": cells, "active": 1, "metadata": {"cg2magic": {"context": context}}})


def texts(request):
    return [passage.text for cell in request.context.above for passage in cell]


def test_what_the_page_tells_takes_the_place_of_what_was_executed(around):

    request = around.seen_by_kernel(Request(("x",)), Settings())
    assert texts(request) == ["executed = 1\n\n# %%\n"]
    page = Page()
    page.answer(told())
    assert texts(around.seen_by_page(page, request, Settings())) == ["unexecuted = 1\n\n# %%\n"]


@pytest.mark.parametrize("answers", [True, False])
def test_a_page_without_a_document_or_an_answer_leaves_what_was_executed_and_it_is_said(around, answers):

    request = around.seen_by_kernel(Request(("x",)), Settings())
    page = Page(0.01)
    if answers:
        page.answer(None)
    seen = around.seen_by_page(page, request, Settings())
    assert texts(seen) == texts(request)
    assert seen.context.note == "executed cells only"
    alone = replace(request, context=gather(Document(), request.parts, {}, Settings("cell")))
    assert around.seen_by_page(page, alone, Settings("cell")) is alone


def test_an_off_switch_holds_where_the_page_is_too_slow_to_tell_it_again(around):

    page = Page()
    page.answer(told("none"))
    off = around.seen_by_page(page, Request(("x",)), Settings())
    assert off.context.note == "context off in this notebook"
    assert around.seen_by_kernel(Request(("x",)), Settings()).context == off.context


def suggested(shell, options="", cell='depth = limits["max_'):
    shell.run_cell(f"%%complete -m 8 --stop '\\n' {options}\n{cell}", store_history=True)
    (suggestion,) = manager().history[-1].job.result()
    return suggestion


def test_suggestions_use_names_that_are_in_the_kernel_unless_it_is_switched_off(cg2, capsys):
    # No cell shows the key.
    cg2.user_ns["limits"] = {"max_depth_m": 30}
    assert suggested(cg2).code == 'depth = limits["max_depth_m"]'
    assert "1 name corrected" in capsys.readouterr().out
    for options in ("--ground none", "--vars none", "--context none"):
        free = suggested(cg2, options)
        assert "max_depth_m" not in free.code
        assert not free.names
    cg2.run_cell("%config CG2.ground = 'none'")
    assert not suggested(cg2).names


def test_a_name_that_a_cell_that_was_not_run_makes_anew_is_free(cg2):
    cg2.user_ns["limits"] = {"max_depth_m": 30}
    around = Notebook(cg2)
    page = Page()
    page.answer(Document.of_json({"cells": [{"cell_type": "code", "source": "limits = read()"}]}))
    request = around.seen_by_page(page, Request(("x = limits['",)), Settings())
    assert request.grounding.unrun == ("limits = read()",)
    assert request.grounding.follow("x = limits['").allowed() is None
    ran = around.seen_by_kernel(Request(("x = limits['",)), Settings())
    assert ran.grounding.follow("x = limits['").allowed() is not None
