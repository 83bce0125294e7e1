"""How much of a suggestion is shown, while it grows and at its end."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.frontends.inline.floors import NO_FLOOR, Floor
from cg2magic.frontends.inline.shown import Shown
from cg2magic.request import Suggestion, TokenLogprob

HALF = Floor(0.5, 0.5)


def written(*tokens, before="x = ", end=None):
    """A suggestion of ``(text, probability)``; a text alone is certain."""
    pairs = [(token, 1.0) if isinstance(token, str) else token for token in tokens]
    logprobs = tuple(TokenLogprob(0, text, math.log(p)) for text, p in pairs)
    return Suggestion((before,), ("".join(text for text, _ in pairs),), logprobs, end)


def shown(suggestion, reach="line", floor=NO_FLOOR):
    return Shown.of(suggestion, reach, floor).text


def test_a_whole_line_is_shown_where_the_model_is_sure_of_each_token():
    assert shown(written("np", ".", "ones", "(3)", end="stop"), floor=HALF) == "np.ones(3)"
    assert shown(written(("np", 0.6), (".ones", 0.6), end="stop"), floor=HALF) == "np.ones"


def test_it_ends_before_the_first_token_that_is_not_likely_enough():
    assert shown(written("np", ".", "ones", ("zz", 0.4), "(", end="stop"), floor=HALF) == "np"
    assert shown(written(("np", 0.4), ".ones", end="stop"), floor=HALF) == ""
    # What is certain behind it does not make up for it.
    assert shown(written("np", (" +", 0.4), *" x y z w", end="stop"), floor=HALF) == "np"


def test_the_first_two_tokens_have_a_floor_of_their_own():
    floor = Floor(0.8, 0.3)
    assert shown(written(("np", 0.5), ".ones", end="stop"), floor=floor) == ""
    assert shown(written("np", (".ones", 0.5), end="stop"), floor=floor) == "np"
    assert shown(written("np", ".ones", (" + 1", 0.5), end="stop"), floor=floor) == "np.ones + 1"


@pytest.mark.parametrize(
    ("text", "before", "kept"),
    [
        ("np.mean(", "x = ", "np.mean"),
        ("np.mean(x, ", "x = ", "np.mean"),
        ("np.mean(x) + ", "x = ", "np.mean(x)"),
        ("np.mean(x).ro", "x = ", "np.mean(x)"),
        ("[i for i in", "x = ", ""),
        ("a and b or", "x = ", "a and b"),
        ('"two words', "x = ", ""),
        ('y, "a", b', "f(", 'y, "a"'),
        ('y) + f"{z', "f(", "y)"),
        ("y + 1", "x = (1, ", "y"),
    ],
)
def test_what_is_not_whole_ends_behind_a_word_or_a_bracket_with_nothing_left_open(text, before, kept):
    assert shown(written(text, before=before)) == kept
    assert shown(written(text, before=before, end="length")) == kept


def test_of_a_new_line_the_first_name_alone_is_not_shown():
    assert shown(written("plt", (".show", 0.3), "()", before="y = 1\n"), floor=HALF) == ""
    assert shown(written("plt", (".show", 0.3), "()\n", "x", before="y = 1\n"), floor=HALF) == ""
    assert shown(written("nt", ("(y", 0.3), ")", before="pri"), floor=HALF) == "nt"
    assert shown(written("\nplt", (".show", 0.3), before="y = 1"), "next line", HALF) == ""
    assert shown(written("plt.show", ("()", 0.3), before="y = 1\n"), floor=HALF) == "plt.show"
    assert shown(written("plt", end="stop", before="y = 1\n"), floor=HALF) == "plt"


def test_a_comment_is_shown_when_it_is_whole():
    assert shown(written("f(x)  # all of", end="stop")) == "f(x)  # all of"
    assert shown(written("f(x)  # all of", end="length")) == "f(x)"
    assert shown(written("# all of them", before="", end="stop")) == "# all of them"
    assert shown(written("of them", before="# all ", end="stop")) == "of them"


def test_in_a_string_or_a_comment_of_the_persons_own_it_may_end_behind_any_word():
    assert shown(written("of them, or so", before="# all ")) == "of them, or"
    assert shown(written("of them, o", before='print("all ')) == "of them"
    assert shown(written('of it", fla', before='print("all ')) == 'of it"'


def test_half_a_call_is_not_shown_although_the_model_ended_the_line_there():
    assert shown(written("plt.plot(", end="stop")) == "plt.plot"


def test_a_line_ends_where_the_line_does():
    assert shown(written("1\n", "y = 2\n")) == "1"
    assert shown(written("\n", "y = 2\n")) == ""
    # But not within brackets.
    assert shown(written("f(\n    1,\n)", end="stop")) == "f(\n    1,\n)"


def test_the_next_line_begins_with_the_end_of_this_one():
    assert shown(written("\n", "y = 2\n", "z"), "next line") == "\ny = 2"
    assert shown(written(" + 1\n", "z"), "next line") == " + 1"


def test_a_block_is_shown_in_whole_lines():
    text = ("a = 1\n", "    b = f(\n", "        2)\n", "    c")
    assert shown(written(*text, end="length"), "block") == "a = 1\n    b = f(\n        2)"
    assert shown(written(*text[:2], end="length"), "block") == "a = 1"
    assert shown(written(*text, end="stop"), "block") == "".join(text)
    assert shown(written("total = sum(", "x"), "block") == "total = sum"


def test_white_space_alone_is_nothing():
    assert shown(written("  \n  ", end="stop"), "block") == ""
    assert shown(Suggestion(("x = ",), ())) == ""


def test_it_is_final_when_nothing_more_can_be_shown():
    assert not Shown.of(written("np", ".ones"), "line", HALF).is_final
    assert Shown.of(written("np", (".ones", 0.4)), "line", HALF).is_final
    assert Shown.of(written("1\n", "y"), "line", HALF).is_final
    assert not Shown.of(written("1\n", "y"), "block", HALF).is_final
    # How sure the model is of its beginning is learned from two tokens.
    assert not Shown.of(written(("np", 0.4)), "line", HALF).is_final


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b ", "\n", "(", ")", '"', ".", " = "]), st.floats(0.3, 1))),
    st.sampled_from(["line", "next line", "block"]),
)
def test_what_is_shown_only_grows_and_not_after_it_is_final(tokens, reach):
    steps = [Shown.of(written(*tokens[:count]), reach, HALF) for count in range(len(tokens) + 1)]
    for earlier, later in itertools.pairwise(steps):
        assert later.text.startswith(earlier.text)
        assert later.text == earlier.text or not earlier.is_final
