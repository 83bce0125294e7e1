"""Samples in which pieces come again word for word, so that the model learns to look things up.

Much of what stands in a file has stood there before: names, calls, whole lines. What a model needs to repeat
it (find where the last token stood earlier, take what followed) is learnt late from text alone, since the
frequent pairs of tokens are guessed well without it; it is learnt within minutes where nothing else helps.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import chain


class Copies:
    """Makes token ids, from chance and from text.

    Parameters
    ----------
    vocabulary : range
        The ids that are drawn at random.
    text : callable
        Gives the ids of a piece of text, at most so many, with a generator of chance.
    """

    def __init__(self, vocabulary: range, text: Callable[[random.Random, int], list[int]]) -> None:
        self._vocabulary, self._text = vocabulary, text

    def _by_chance(self, rng: random.Random, count: int) -> list[int]:
        return [rng.choice(self._vocabulary) for _ in range(count)]

    def row(self, rng: random.Random, size: int, causal: float) -> tuple[list[int], list[float]]:
        """Make a row: tokens at random, pieces of text, and slices of what stands in the row already.

        Returns
        -------
        tuple of list
            ``size`` ids, and the weight of each: 1 on what is copied, but for the first token of a slice,
            which nothing tells; ``causal`` on new text; 0 on tokens drawn at random.
        """
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) < size:
            if len(ids) > 16 and rng.random() < 0.6:
                start = rng.randrange(len(ids) - 4)
                piece = ids[start : start + rng.randint(4, 48)]
                weights += [0.0] + [1.0] * (len(piece) - 1)
            elif rng.random() < 0.5:
                piece = self._by_chance(rng, rng.randint(6, 48))
                weights += [0.0] * len(piece)
            else:
                piece = self._text(rng, rng.randint(12, 96))
                weights += [0.0] + [causal] * (len(piece) - 1)
            ids += piece
        return ids[:size], weights[:size]

    def holes(self, rng: random.Random) -> tuple[list[list[int]], list[list[int]]]:
        """Make the parts and the fills of an infill whose fills stand in its parts, word for word.

        A piece stands whole in one place, and in another with a hole. There are at most three.

        Returns
        -------
        tuple of list
            The ids of the parts around the holes, one more than there are holes; the ids of the fills.
        """
        whole = self._text(rng, rng.randint(24, 64)) if rng.random() < 0.5 else []
        if len(whole) < 24:
            whole = self._by_chance(rng, rng.randint(24, 64))
        # None is where a hole is.
        blocks: list[list[int | None]] = [[*whole], [*self._by_chance(rng, rng.randint(0, 12))]]
        fills_of: dict[int, list[int]] = {}
        for _ in range(rng.randint(1, 3)):
            start = rng.randrange(len(whole) - 12)
            piece = whole[start : start + rng.randint(8, 32)]
            # Two tokens at least stay on either side, to find the place by.
            first = rng.randrange(2, len(piece) - 3)
            last = rng.randint(first + 1, min(len(piece) - 2, first + 12))
            block = [*piece[:first], None, *piece[last:]]
            fills_of[id(block)] = piece[first:last]
            blocks.append(block)
        rng.shuffle(blocks)
        parts: list[list[int]] = [[]]
        for token in chain.from_iterable(blocks):
            if token is None:
                parts.append([])
            else:
                parts[-1].append(token)
        return parts, [fills_of[id(block)] for block in blocks if id(block) in fills_of]
