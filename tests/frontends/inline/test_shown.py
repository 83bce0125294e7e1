"""How much of a suggestion is shown, while it grows and at its end."""

from __future__ import annotations

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from cg2magic.frontends.inline.shown import shown
from cg2magic.request import Suggestion, TokenLogprob


def written(*tokens, parts=("x = ",)):
    """A suggestion of ``(text, probability)``."""
    logprobs = tuple(TokenLogprob(0, text, math.log(p)) for text, p in tokens)
    return Suggestion(parts, ("".join(text for text, _ in tokens),), logprobs)


def test_what_is_likely_is_shown():
    assert shown(written(("np", 0.9), (".ones", 0.5)), "line", 0.35) == "np.ones"


def test_what_is_unlikely_as_a_whole_is_not_shown():
    assert shown(written(("np", 0.1)), "line", 0.35) == ""
    assert shown(written(("np", 0.1), (".ones", 0.9)), "line", 0.35) == ""


def test_an_unlikely_end_is_left_out():
    assert shown(written(("np", 0.9), (".ones", 0.9), ("zz", 0.001)), "line", 0.35) == "np.ones"


def test_without_a_floor_all_is_shown():
    assert shown(written(("np", 1e-9)), "line", 0) == "np"


def test_a_line_ends_where_the_line_does():
    assert shown(written(("1\n", 0.9), ("y = 2\n", 0.9)), "line", 0) == "1"
    assert shown(written(("\n", 0.9), ("y = 2\n", 0.9)), "line", 0) == ""


def test_the_next_line_begins_with_the_end_of_this_one():
    assert shown(written(("\n", 0.9), ("y = 2\n", 0.9), ("z", 0.9)), "next line", 0) == "\ny = 2"
    assert shown(written((" + 1\n", 0.9), ("z", 0.9)), "next line", 0) == " + 1"


def test_a_block_has_all_its_lines():
    assert shown(written(("a = 1\n", 0.9), ("    b = 2\n", 0.9)), "block", 0) == "a = 1\n    b = 2"


def test_white_space_alone_is_nothing():
    assert shown(written(("  \n  ", 0.9)), "block", 0) == ""


def test_before_the_first_token_there_is_nothing():
    assert shown(Suggestion(("x = ",), ()), "line", 0) == ""


@given(st.lists(st.tuples(st.text("ab \n", min_size=1, max_size=4), st.floats(0.01, 1)), max_size=12))
def test_what_is_shown_only_grows(tokens):
    steps = [shown(written(*tokens[:count]), "block", 0.35) for count in range(len(tokens) + 1)]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(steps))
