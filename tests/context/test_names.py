"""Names that code defines and mentions."""

from __future__ import annotations

import pytest

from cg2magic.context.names import defined, mentioned


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import numpy as np", {"np"}),
        ("import os.path, sys", {"os", "sys"}),
        ("from a.b import c as d, e", {"d", "e"}),
        ("from a import (\n    b,\n    c as d,\n)", {"b", "d"}),
        ("def f(x):\n    y = 1\n", {"f"}),
        ("async def f(): ...\nclass C(Base): ...", {"f", "C"}),
        ("a, b = 1, 2\nc: int = 3", {"a", "b", "c"}),
        ("for i, row in rows: pass\nwith open(x) as file: pass", {"i", "row", "file"}),
        ("a == b\nf(x=1)\nx.y = 3\nx['a'] = 2\nx += 1", set()),
    ],
)
def test_names_at_the_left_margin_of_python_are_found(code, names):
    assert defined(code, "python") == names


@pytest.mark.parametrize(
    ("language", "code", "names"),
    [
        ("javascript", "const a = 1;\nfunction f(x) {}\nclass C {}", {"a", "f", "C"}),
        ("r", "x <- 5\ny = 3", {"x", "y"}),
        ("shell", "name=3\nfunction f { :; }", {"name", "f"}),
    ],
)
def test_names_in_other_languages_are_found_by_their_words(language, code, names):
    assert defined(code, language) == names


def test_names_behind_a_dot_are_not_mentioned():
    assert mentioned("df.groupby(column).mean()[0]  # df") == ["df", "column"]
