"""The floor follows the model: what is usual for it is learned from what it writes."""

from __future__ import annotations

import math

import pytest

from cg2magic.frontends.inline.floors import Certainty
from cg2magic.request import Suggestion, TokenLogprob


def begun(*probabilities):
    tokens = tuple(TokenLogprob(0, "x", math.log(p)) for p in probabilities)
    return Suggestion(("",), ("x" * len(tokens),), tokens)


def taught(*probabilities, times=64):
    certainty = Certainty()
    for _ in range(times):
        certainty.learn(begun(*probabilities))
    return certainty


def test_before_anything_is_learned_there_is_a_floor_that_one_suggestion_does_not_move():
    start = Certainty().floor()
    assert 0.3 < start.later < start.beginning < 0.9
    assert taught(0.01, 0.01, times=1).floor() == start


def test_a_model_that_is_surer_needs_more():
    modest, sure = taught(0.3, 0.3).floor(), taught(0.6, 0.6).floor()
    assert modest.beginning < sure.beginning
    assert modest.later < modest.beginning


def test_it_is_learned_from_the_mean_of_the_first_two_tokens():
    assert taught(0.9, 0.1, 0.9).floor().later == pytest.approx(1.1 * 0.3)


def test_what_is_all_but_certain_is_shown_by_any_model():
    assert taught(1.0, 1.0).floor().beginning == 0.9


def test_what_is_learned_is_forgotten_again():
    certainty = taught(0.2, 0.2)
    for _ in range(64):
        certainty.learn(begun(0.4, 0.4))
    assert certainty.floor() == taught(0.4, 0.4).floor()


def test_nothing_written_is_nothing_learned():
    certainty = taught(0.2, 0.2)
    before = certainty.floor()
    certainty.learn(begun())
    assert certainty.floor() == before


def test_a_new_line_is_shown_with_less():
    certainty = taught(0.5, 0.5)
    within, new = certainty.floor(), certainty.floor(on_new_line=True)
    assert new.beginning < new.later < 0.5 < within.later < within.beginning
