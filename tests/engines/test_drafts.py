"""Drafts: what is proposed, and when it stops being proposed."""

from __future__ import annotations

from cg2magic.engines.drafts import PromptLookup


def test_what_followed_the_same_tokens_is_proposed():
    assert PromptLookup((1, 2, 3, 4, 5, 9, 1, 2, 3)).propose(8) == [4, 5]


def test_the_latest_place_counts():
    assert PromptLookup((1, 2, 3, 4, 0, 1, 2, 3, 7, 0, 1, 2, 3)).propose(1) == [7]


def test_nothing_is_proposed_where_nothing_repeats():
    assert PromptLookup((1, 2, 3, 4, 5, 6)).propose(8) == []
    assert PromptLookup(()).propose(8) == []


def test_drafts_grow_while_they_are_right():
    lookup = PromptLookup((*range(50), 0, 1, 2))
    lengths = []
    for _ in range(4):
        draft = lookup.propose(50)
        lengths.append(len(draft))
        lookup.settle(len(draft), len(draft))
    assert lengths == [2, 4, 8, 8]


def test_drafts_that_are_wrong_become_rare():
    lookup = PromptLookup((1, 2, 3, 4, 1, 2, 3))
    proposals = 0
    for _ in range(1000):
        draft = lookup.propose(8)
        proposals += bool(draft)
        lookup.settle(len(draft), 0)
    assert 0 < proposals < 12
