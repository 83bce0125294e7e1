"""KV caches of earlier prompts, so that a request computes only what is new in it.

Earlier cells, the same cell edited, *Regenerate* and more candidates all share a beginning with a request
before them. Keys and values of a token depend on the tokens before it only, so those of the shared
beginning can be used again as they are.
"""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cg2magic.engines.local.forward import Cache

#: Bytes of keys and values that are kept: a full context of codegen2-1B in int8, whose keys are in 16 bits.
BYTES = 1 << 28
#: Tokens that a cache may have of its own and still be let go for a newer one: what costs no time to compute
#: anew. While somebody types, each key would leave a cache behind that differs in its last tokens only.
_TAIL = 64


class PrefixCache:
    """The caches used last, within a bound of memory.

    Parameters
    ----------
    limit : int
        Bytes of keys and values in all; the one used longest ago goes first. The newest is kept even where
        it alone is larger.
    """

    def __init__(self, limit: int = BYTES) -> None:
        self.limit = limit
        self._kept: OrderedDict[tuple[int, ...], Cache] = OrderedDict()

    def longest(self, ids: tuple[int, ...]) -> tuple[int, Cache | None]:
        """Give the cache that shares the longest beginning with `ids`, cropped to it, and its length.

        The last of `ids` is never part of it: it has to go through the model to give logits.
        """
        best, length = None, 0
        for kept in self._kept:
            shared = _shared(kept, ids[:-1])
            if shared > length:
                best, length = kept, shared
        if best is None:
            return 0, None
        self._kept.move_to_end(best)
        cache = fork(self._kept[best])
        cache.crop(length - len(best))
        return length, cache

    def keep(self, ids: tuple[int, ...], cache: Cache) -> None:
        """Remember the cache of `ids`, of one sequence; it must not be written to afterwards."""
        if most_that_can_go(cache) < 0 or cache.get_seq_length() != len(ids):
            return
        for kept in [kept for kept in self._kept if len(kept) - _shared(kept, ids) <= _TAIL]:
            del self._kept[kept]  # this one is as good, but for a few tokens
        self._kept[ids] = cache
        while len(self._kept) > 1 and self.memory > self.limit:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    @property
    def memory(self) -> int:
        """Bytes of keys and values that are held."""
        return sum(
            tensor.untyped_storage().nbytes()
            for cache in self._kept.values()
            for layer in cache.layers
            for tensor in (layer.keys, layer.values)
            if tensor is not None
        )


def fork(cache: Cache) -> Cache:
    """Copy a cache without its tensors: a layer that grows makes new ones and leaves these alone."""
    forked = copy.copy(cache)
    forked.layers = [copy.copy(layer) for layer in cache.layers]
    return forked


def most_that_can_go(cache: Cache) -> int:
    """Return how many tokens may be added to a cache and be taken out again; negative if none ever can.

    A window that slides forgets what it leaves behind, and a recurrent layer's state can't be taken back at
    all. (``is_croppable`` is true of a window also where `crop` refuses.)
    """
    if not cache.is_croppable:
        return -1
    forgetting = [layer for layer in cache.layers if not getattr(layer, "record_past", True)]
    windows = [getattr(layer, "sliding_window", 0) for layer in forgetting]
    return min(windows) - 1 - cache.get_seq_length() if windows else sys.maxsize


def _shared(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Length of the common beginning."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
