"""A 5-gram model over mini's tokens, for scale: interpolated Kneser-Ney, so its probabilities sum to one.

S. F. Chen and J. Goodman, *An empirical study of smoothing techniques for language modeling* (1999), with
one discount for each order. Below the highest order, what counts is not how often a token came but behind how
many different tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Order:
    """The n-grams of one length.

    An n-gram's key is the place of its first n - 1 tokens in the order below, times the size of the
    vocabulary, plus its last token. ``counts`` are of ``keys``; ``totals`` and ``kinds`` of the contexts: the
    sum of the counts, and how many there are.
    """

    keys: Ints
    counts: Ints
    totals: Ints
    kinds: Ints
    discount: float


class NGram:
    """Counts n-grams of a stream of token ids, and gives the probability of each token of another.

    Parameters
    ----------
    ids : array of int, (N,)
        The text to learn from.
    vocabulary : int
        Number of tokens.
    longest : int
        Tokens of the longest n-gram.
    """

    def __init__(self, ids: Ints, vocabulary: int, longest: int = 5) -> None:
        self._vocabulary = vocabulary
        self._orders: list[_Order] = []
        places: Ints = np.zeros(len(ids) + 1, np.int64)  # of the context that ends before each token
        grams: list[tuple[Ints, Ints, Ints, Ints]] = []
        for length in range(1, longest + 1):
            starts = len(ids) - length + 1
            keys = places[:starts] * vocabulary + ids[length - 1 :]
            grams.append(np.unique(keys, return_index=True, return_inverse=True, return_counts=True))
            places = grams[-1][2]
        for length, (keys, _, place_of, counts) in enumerate(grams, 1):
            if length < longest:
                # Each different longer n-gram is one more token that this one came behind.
                behind = grams[length][1] + 1
                counts = np.bincount(place_of[behind], minlength=len(keys))
            contexts = len(grams[length - 2][0]) if length > 1 else 1
            self._orders.append(self._order(keys, counts, contexts))

    def _order(self, keys: Ints, counts: Ints, contexts: int) -> _Order:
        context = keys // self._vocabulary
        totals = np.bincount(context, counts, contexts).astype(np.int64)
        kinds = np.bincount(context, counts > 0, contexts).astype(np.int64)
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        return _Order(keys, counts, totals, kinds, float(once / max(1, once + 2 * twice)))

    def probabilities(self, ids: Ints) -> NDArray[np.float64]:
        """Return the probability of each id but the first, given those before it."""
        probability: NDArray[np.float64] = np.full(len(ids), 1 / self._vocabulary)
        places: Ints = np.zeros(len(ids), np.int64)  # of each token's context; -1 where it was never seen
        for order in self._orders:
            keys = places * self._vocabulary + ids
            at = np.minimum(np.searchsorted(order.keys, keys), len(order.keys) - 1)
            found = (order.keys[at] == keys) & (places >= 0)
            totals = np.where(places >= 0, order.totals[places], 0)
            known = totals > 0
            count = np.where(found, np.maximum(order.counts[at] - order.discount, 0), 0)
            left = order.discount * order.kinds[places]
            mixed = (count + left * probability) / np.maximum(totals, 1)
            probability = np.where(known, mixed, probability)
            # The context of the next order ends before the next token: the n-gram that ends at this one.
            places = np.concatenate(([-1], np.where(found, at, -1)[:-1]))
        return probability[1:]
