"""The 5-gram model gives probabilities: they sum to one, and what was read is likely."""

from __future__ import annotations

import numpy as np
import pytest

from training.ngram import NGram


@pytest.fixture(scope="module")
def stream():
    return np.random.default_rng(0).integers(0, 6, 3000)


@pytest.mark.parametrize("longest", [1, 2, 3, 5])
@pytest.mark.parametrize("context", [[], [1], [2, 3], [0, 1, 2, 3], [6, 1, 2], [6, 6, 6, 6], "end"])
def test_the_probabilities_of_all_tokens_sum_to_one(stream, longest, context):
    model = NGram(stream, 7, longest)
    before = list(stream[-5:]) if context == "end" else [0, *context]
    total = sum(model.probabilities(np.array([*before, token]))[-1] for token in range(7))
    assert total == pytest.approx(1)


def test_kneser_ney_as_worked_out_by_hand():
    # The bigrams are 01 twice, 10 twice and 02 once: the discount is 1 / (1 + 2 · 2). Each token has been
    # seen behind one other: the discount of the lower order is 1, all goes to the uniform distribution.
    model = NGram(np.array([0, 1, 0, 1, 0, 2]), 3, 2)
    assert model.probabilities(np.array([0, 1])) == pytest.approx([(2 - 0.2) / 3 + 0.2 * 2 / 3 / 3])


def test_a_sequence_that_was_read_is_likelier_than_another(stream):
    model = NGram(stream, 7)
    read, other = stream[100:130], stream[100:130][::-1].copy()
    assert np.log(model.probabilities(read)).sum() > np.log(model.probabilities(other)).sum() + 10
