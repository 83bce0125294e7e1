"""Drafts: what is proposed, and where nothing is."""

from __future__ import annotations

import random

from cg2magic.engines.local.drafts import PromptLookup

#: A text that says the same four times: predictions are known to be good.
_REPEATING = (*range(20),) * 4


def test_what_followed_the_same_tokens_is_proposed():
    assert PromptLookup((*_REPEATING, 0, 1, 2)).propose(8) == [3, 4, 5, 6, 7, 8, 9, 10]


def test_no_more_is_proposed_than_fits():
    assert PromptLookup((*_REPEATING, 0, 1, 2)).propose(2) == [3, 4]
    assert PromptLookup((*_REPEATING, 0, 1, 2)).propose(0) == []


def test_the_latest_place_counts():
    text = (*_REPEATING, 50, 51, *_REPEATING, 60, 50, 51, 70, 71, *_REPEATING, 50, 51, 70)
    assert PromptLookup(text).propose(3) == [71, 0, 1]


def test_after_a_wrong_prediction_the_text_is_looked_up_anew():
    lookup = PromptLookup((*_REPEATING, 50, 51, *range(70, 90), 1, 2, 3))
    assert lookup.propose(1) == [4]
    for i in (50, 51, 70):
        lookup.extend(i)
    assert lookup.propose(3) == [71, 72, 73]


def test_nothing_is_proposed_where_nothing_repeats():
    assert PromptLookup((1, 2, 3, 4, 5, 6)).propose(8) == []
    assert PromptLookup(()).propose(8) == []


def test_two_tokens_that_come_again_are_not_enough():
    assert PromptLookup((*range(50), 7, 8)).propose(8) == []


def test_drafts_grow_while_they_are_right():
    lookup = PromptLookup((*range(50), 7, 8))
    lengths = []
    for i in range(9, 25):
        lookup.extend(i)
        lengths.append(len(lookup.propose(50)))
    assert lengths == sorted(lengths)
    assert lengths[-1] == 8


def test_drafts_that_are_wrong_cease():
    # The first two tokens of each group come again, what follows them never does.
    lookup = PromptLookup(_REPEATING)
    rng = random.Random(0)
    proposed = []
    for group in range(300):
        for i in (0, 1, 2, 1000 + group):
            lookup.extend(i)
        proposed.append(len(lookup.propose(8)))
        lookup.extend(rng.randrange(10**6, 10**7))
        proposed.append(len(lookup.propose(8)))
    assert not any(proposed[20:])


def test_what_comes_again_later_is_found_though_much_was_wrong():
    rng = random.Random(0)
    lookup = PromptLookup(tuple(rng.randrange(6) for _ in range(500)))  # two tokens say nothing of the next
    line = tuple(range(100, 140))
    for i in (*line, *line[:12]):
        lookup.extend(i)
    assert lookup.propose(4) == list(line[12:16])
