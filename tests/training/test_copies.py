"""What is to be copied stands in the sample, word for word, and enough around it to find it by."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import torch

from training.batches import Batches, Mixture
from training.copies import Copies
from training.spans import EOM, MASKS

TEXT = list(range(1000, 1040))


@pytest.fixture(params=range(40))
def rng(request):
    return random.Random(request.param)


@pytest.fixture
def copies():
    """Return a maker whose text is always a beginning of the same ids, some too short for holes."""
    return Copies(range(500), lambda rng, room: TEXT[: min(room, rng.randint(1, len(TEXT)))])


def pairs(ids):
    return set(pairwise(ids))


def test_what_counts_fully_in_a_row_has_followed_the_same_token_before(copies, rng):
    ids, weights = copies.row(rng, 300, causal=0.35)
    assert len(ids) == len(weights) == 300
    copied = [at for at, weight in enumerate(weights) if weight == 1.0]
    assert len(copied) > 30
    assert all((ids[at - 1], ids[at]) in pairs(ids[:at]) for at in copied)
    new = {ids[at] for at, weight in enumerate(weights) if weight == 0.35}
    assert new <= set(TEXT)


def test_a_fill_stands_whole_in_the_parts_between_what_surrounds_its_hole(copies, rng):
    parts, fills = copies.holes(rng)
    assert 1 <= len(fills) == len(parts) - 1 <= 3
    for before, fill, after in zip(parts, fills, parts[1:], strict=False):
        wanted = [*before[-2:], *fill, *after[:2]]
        assert len(wanted) == len(fill) + 4
        assert any(wanted == part[at : at + len(wanted)] for part in parts for at in range(len(part)))


class OneText:
    """Documents that are all the same."""

    def draw(self, _: random.Random) -> str:
        return "total = 0\nfor value in values:\n    total += value\n" * 9


def test_a_batch_of_copies_has_rows_of_both_kinds(tokens):
    batches = Batches(tokens, OneText(), Mixture(copies=1.0), rows=16, context=128, seed=0)
    ids, _, weights = batches.batch(0)
    assert ids.shape == weights.shape == (16, 128)
    assert (weights.sum(1) > 0).all()
    with_holes = (ids == tokens.token_to_id(MASKS[0])).any(1)
    assert 0 < with_holes.sum() < 16
    # Each mask stands in a prompt and in its answer, and each answer is closed: none is cut off.
    masks = torch.isin(ids, torch.tensor([tokens.token_to_id(mask) for mask in MASKS])).sum(1)
    assert (masks == 2 * (ids == tokens.token_to_id(EOM)).sum(1)).all()


def test_the_share_of_copies_follows_the_learning_rate(tokens):
    copies, none = (
        Batches(tokens, OneText(), Mixture(copies=share), rows=16, context=128, seed=0)
        for share in (1.0, 0.0)
    )
    at_the_end = copies.batch(0, rate=0.0)[0]
    assert at_the_end.equal(none.batch(0)[0])
    assert not at_the_end.equal(copies.batch(0)[0])
    # At half the rate, half of the rows are none; the first of a batch is drawn from the same chance in both.
    plain = [copies.batch(n, rate=0.5)[0][0].equal(none.batch(n)[0][0]) for n in range(40)]
    assert 8 < sum(plain) < 32
