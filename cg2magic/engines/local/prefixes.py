"""KV caches of earlier prompts, so that a request computes only the part that is new.

Requests often share a prefix with an earlier request: they have the same cells above, an edited cell, or come
from *Regenerate* or a request for more candidates. Keys and values of a token depend only on the tokens
before it, so those of the common prefix can be reused as they are.
"""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cg2magic.engines.local.forward import Cache

#: Bytes of keys and values to keep: a full context of codegen2-1B in int8, whose KV cache is in 16 bits.
BYTES = 1 << 28
#: A newer cache replaces an older one that has at most this many tokens of its own: recomputing them takes no
#: time. Otherwise every keystroke would leave a cache behind that differs only in its last tokens.
_TAIL = 64


class PrefixCache:
    """The most recently used caches, within a memory limit.

    Parameters
    ----------
    limit : int
        Maximum size of all keys and values in bytes; the least recently used cache is dropped first. The
        newest is kept even if it alone is larger.
    """

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self._kept: OrderedDict[tuple[int, ...], Cache] = OrderedDict()

    def longest(self, ids: tuple[int, ...]) -> tuple[int, Cache | None]:
        """Return the length of the longest prefix of `ids` in a cache, and the cache, cropped to it.

        The prefix never includes the last id, which must go through the model to produce logits.
        """
        best, length, kept = self._best(ids)
        if best is None or kept is None:
            return 0, None
        self._kept.move_to_end(best)
        cache = fork(kept)
        cache.crop(length - len(best))
        return length, cache

    def keep(self, ids: tuple[int, ...], cache: Cache) -> None:
        """Keep the cache of one sequence, `ids`; it must not be modified afterwards."""
        if most_that_can_go(cache) < 0 or cache.get_seq_length() != len(ids):
            return
        for kept in [kept for kept in self._kept if len(kept) - _shared(kept, ids) <= _TAIL]:
            del self._kept[kept]  # the new one is as good, except for a few tokens
        self._kept[ids] = cache
        while len(self._kept) > 1 and self.memory > self.limit:
            self._kept.popitem(last=False)

    def _best(self, ids: tuple[int, ...]) -> tuple[tuple[int, ...] | None, int, Cache | None]:
        """Find the kept ids that share the longest prefix, the length of that, and their cache."""
        best, length = None, 0
        for kept in self._kept:
            shared = _shared(kept, ids[:-1])
            if shared > length:
                best, length = kept, shared
        return best, length, None if best is None else self._kept[best]

    def clear(self) -> None:
        """Drop all caches."""
        self._kept.clear()

    @property
    def memory(self) -> int:
        """Size of all keys and values in bytes."""
        return sum(map(_nbytes, self._kept.values()))


def _nbytes(cache: Cache) -> int:
    if not cache.layers:
        return getattr(cache, "nbytes", 0)
    return sum(
        tensor.untyped_storage().nbytes()
        for layer in cache.layers
        for tensor in (layer.keys, layer.values)
        if tensor is not None
    )


def fork(cache: Cache) -> Cache:
    """Copy a cache but not its tensors: a layer that grows does not change those of its copies."""
    if hasattr(cache, "fork"):
        return cache.fork()  # its tensors are llama.cpp's
    forked = copy.copy(cache)
    forked.layers = [copy.copy(layer) for layer in cache.layers]
    return forked


def most_that_can_go(cache: Cache) -> int:
    """Return how many tokens can be added to a cache and removed again; negative if none can.

    A sliding window forgets the tokens it has passed, and the state of a recurrent layer can't be reverted at
    all. (``is_croppable`` is true for a sliding window even if `crop` refuses.)
    """
    if not cache.is_croppable:
        return -1
    forgetting = [layer for layer in cache.layers if not getattr(layer, "record_past", True)]
    windows = [getattr(layer, "sliding_window", 0) for layer in forgetting]
    return min(windows) - 1 - cache.get_seq_length() if windows else sys.maxsize


def _shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return the length of the common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
