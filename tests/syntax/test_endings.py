"""Where a text ends: the rules, each on code as models write it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cg2magic.syntax.endings import block_end, first_stop, loop_end, settled


def cut(prompt: str, text: str, language: str = "python") -> str:
    kept = block_end(prompt, text, language)
    return text if kept is None else text[:kept]


def test_a_function_ends_before_the_next_statement_at_its_own_depth():
    text = "\n    total = 0\n\n    return total\n\nprint(total)\n"
    assert cut("def total(values):", text) == "\n    total = 0\n\n    return total"


def test_a_method_ends_before_the_next_method():
    text = "\n        return 1\n\n    def other(self):\n        return 2\n"
    assert cut("class A:\n    def one(self):", text) == "\n        return 1"


STEP = "# Step 1: read\ndf = read()\n\n# Step 2: clean\n"


@pytest.mark.parametrize(
    ("prompt", "text", "kept"),
    [
        (STEP, "df = df.dropna()\n\n# Step 3: plot\ndf.plot()", "df = df.dropna()"),
        ("# 2. Clean\n", "df = df.dropna()\n# 3. Plot\ndf.plot()", "df = df.dropna()"),
        # Nothing was asked for by its number, or nothing was written yet.
        ("# clean\n", "df = df.dropna()\n\n# Step 3: plot\n", None),
        (STEP, "# Step 3: plot\ndf = df.dropna()\n", None),
    ],
)
def test_a_step_with_a_number_ends_before_the_next_one(prompt, text, kept):
    end = block_end(prompt, text)
    assert (None if end is None else text[:end]) == kept


def test_inside_of_a_nested_block_the_whole_function_is_completed():
    prompt = "def f(values):\n    for value in values:\n        "
    text = "print(value)\n    return values\n\n\ndef g():\n"
    assert cut(prompt, text) == "print(value)\n    return values"


def test_a_loop_at_the_top_level_ends_with_its_body():
    assert cut("for i in range(3):", "\n    print(i)\nprint('done')\n") == "\n    print(i)"


@pytest.mark.parametrize("keyword", ["else:", "elif y:", "except ValueError:", "finally:"])
def test_a_continuation_belongs_to_the_statement_it_continues(keyword):
    text = f"\n    a()\n{keyword}\n    b()\nc()\n"
    assert cut("if x:", text) == f"\n    a()\n{keyword}\n    b()"


def test_half_a_word_is_not_judged_before_it_is_whole():
    assert block_end("if x:", "\n    a()\nel") is None
    assert block_end("if x:", "\n    a()\nelsewhere = 1") == len("\n    a()")
    assert block_end("if x:", "\n    a()\nelse") is None


def test_lines_inside_of_brackets_and_strings_do_not_end_a_block():
    text = '\n    query = """\nselect 1\n"""\n    return run(\nquery,\n)\n\nx = 1\n'
    assert cut("def f():", text) == text[: text.index("\n\nx = 1")]


def test_a_header_over_several_lines_is_one_header():
    assert cut("def f(a,\n      b):", "\n    return a\nf(1, 2)\n") == "\n    return a"


def test_the_top_level_ends_at_the_first_unindented_line_after_a_blank_one():
    text = ".read_csv('a.csv')\ndf.head()\n\nfor c in df:\n    print(c)\n"
    assert cut("import pandas as pd\ndf = pd", text) == ".read_csv('a.csv')\ndf.head()"


def test_blank_lines_before_anything_was_written_do_not_end_it():
    assert cut("import numpy as np", "\n\nx = np.arange(3)\n\ny = 1") == "\n\nx = np.arange(3)"


def test_two_blank_lines_end_everything():
    assert cut("def f():", "\n    a = 1\n\n\n    b = 2") == "\n    a = 1"


def test_a_fresh_indented_line_says_which_block_goes_on():
    prompt = "def f():\n    x = 1\n    if x:\n        y = 2\n    "
    assert cut(prompt, "return x\n\ndef g():\n    pass") == "return x"


def test_other_languages_end_at_an_unindented_line_after_a_blank_one():
    text = " name\nFROM users\n\nSELECT 2"
    assert cut("SELECT", text, "sql") == " name\nFROM users"


@given(st.text(alphabet="ab:\n \t()'#e", max_size=60), st.text(alphabet="ab:\n \t()'#e", max_size=60))
def test_a_block_end_is_a_place_in_the_text_whatever_the_text(prompt, text):
    kept = block_end(prompt, text)
    assert kept is None or (0 <= kept < len(text) and ("\n" in text[kept:] or text[kept] == ")"))


def test_the_first_of_several_stop_texts_counts():
    assert first_stop("a = 1\n# end\nprint()", ("print", "# end")) == len("a = 1\n")
    assert first_stop("a = 1", ("print",)) is None


@pytest.mark.parametrize(
    ("text", "stops", "shown"),
    [
        ("x = 1\n    ", (), "x = 1"),
        ("x = 1\n# e", ("# end",), "x = 1"),
        ("x = 1\n# f", ("# end",), "x = 1\n# f"),
        ("", ("a",), ""),
    ],
)
def test_what_may_still_be_taken_back_is_not_shown(text, stops, shown):
    assert text[: settled(text, stops)] == shown


def test_a_loop_is_cut_to_its_first_round():
    text = "x = [" + "'o', " * 12
    assert text[: loop_end(text)] == "x = ['o', "
    lines = "a = 1\n" + "print(values)\n" * 3
    assert lines[: loop_end(lines)] == "a = 1\nprint(values)"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        # the line before ends in the same "')" as those that repeat
        ("ax.set_xlabel('x')\n" + "ax.set_ylabel('y')\n" * 3, "ax.set_xlabel('x')\nax.set_ylabel('y')"),
        # the first round begins within the line of the prompt
        ("normal(size=9)\nsample = rng." * 3, "normal(size=9)\nsample = rng.normal(size=9)"),
    ],
)
def test_a_loop_of_lines_ends_where_a_line_does(text, kept):
    assert text[: loop_end(text)] == kept


def test_a_header_that_is_nested_in_itself_is_a_loop():
    text = "for i in range(3):\n    for i in range(3):\n        for i in range(3):\n            for"
    assert text[: loop_end(text)] == "for i in range(3):"
    assert loop_end("x:\n" + text.replace("for i in range(3)", "if x", 1)) is None
    assert loop_end("    if a:\n        if a and b:\n            if a and b and c:\n") is None


@pytest.mark.parametrize(
    "text", ["[0, 0, 0, 0, 0, 0]", "# " + "-" * 78, "x += 1\nx += 1\nx += 1\n", "ax.plot(x)\nax.plot(y)\n"]
)
def test_ordinary_repetition_is_no_loop(text):
    assert loop_end(text) is None


@given(st.text(alphabet="abc(, \n", min_size=1, max_size=2), st.integers(0, 2), st.integers(2, 79))
def test_a_ruler_is_no_loop_wherever_it_breaks_off(mark, start, length):
    assert loop_end("# " + (mark * length)[start : start + length]) is None


@given(st.text(alphabet="abc(, \n", min_size=3, max_size=30), st.integers(1, 5))
@example("a\na", 1)
@example("ab\nab", 1)
@example("a a", 1)
@example("a, a, a", 1)
def test_a_loop_keeps_one_round_and_takes_nothing_from_before_it(unit, more):
    text = "start:" + unit * (60 + more)
    end = loop_end(text)
    assert end is not None
    assert text.startswith(text[:end])
    assert end <= len("start:") + 2 * len(unit)
