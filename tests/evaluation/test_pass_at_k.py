"""The estimator, against counting."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.evaluation.pass_at_k import mean_pass_at_k, pass_at_k


@pytest.mark.parametrize("n", range(1, 7))
def test_it_is_the_share_of_draws_that_hold_one_that_works(n):
    for c in range(n + 1):
        for k in range(1, n + 1):
            draws = list(combinations(range(n), k))
            hits = sum(min(draw) < c for draw in draws)
            assert pass_at_k(n, c, k) == pytest.approx(hits / len(draws))


@given(st.integers(1, 300), st.data())
def test_it_is_the_formula_of_the_paper(n, data):
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert pass_at_k(n, c, k) == pytest.approx(1 - comb(n - c, k) / comb(n, k), abs=1e-12)


@pytest.mark.parametrize(("n", "c", "k"), [(10, 3, 11), (10, 3, 0), (10, 11, 1), (10, -1, 1)])
def test_what_cannot_be_estimated_is_refused(n, c, k):
    with pytest.raises(ValueError, match=r"can't work|needs at least"):
        pass_at_k(n, c, k)


def test_each_problem_weighs_the_same():
    assert mean_pass_at_k([(1, 1), (10, 0)], 1) == 0.5
