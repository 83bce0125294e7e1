"""Keys and values of the tokens that were read: written in place, and shared where they are the same.

transformers' own cache makes new tensors of all it holds for every token. Here a token is written behind the
others, in room made beforehand. Copies of a cache share its memory: what others may look at is never written
again. Rows of a batch that came from one prompt share that prompt's keys and values, and read them once.
"""

from __future__ import annotations

import sys

import torch

#: Tokens of room that are made at a time.
_STEP = 128
_NONE = sys.maxsize

Pair = tuple[torch.Tensor, torch.Tensor]


class KVLayer:
    """Keys and values of one layer.

    Parameters
    ----------
    dtype : torch.dtype
        They are held in.

    Attributes
    ----------
    shared : pair of Tensor, ``(1, heads, length, head_dim)``, or None
        The beginning that all rows have in common.
    keys, values : Tensor, ``(rows, heads, room, head_dim)``, or None
        What follows, one a row; filled up to `length`.
    length : int
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.shared: Pair | None = None
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None
        self.length = 0
        self._free = 0  # from here on, nobody else looks at `keys` and `values`

    def __copy__(self) -> KVLayer:
        copied = KVLayer(self.dtype)
        copied.shared, copied.keys, copied.values = self.shared, self.keys, self.values
        copied.length = self.length
        self._free, copied._free = max(self._free, self.length), _NONE
        return copied

    @property
    def shared_length(self) -> int:
        """Tokens in `shared`."""
        return 0 if self.shared is None else self.shared[0].shape[2]

    @property
    def own(self) -> Pair:
        """The filled part of `keys` and `values`."""
        assert self.keys is not None
        assert self.values is not None
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    @property
    def whole(self) -> Pair:
        """Keys and values of every row from the first token on, ``(rows, heads, length, head_dim)``."""
        if self.shared is None:
            return self.own
        return tuple(
            torch.cat((shared.expand(len(own), -1, -1, -1), own), dim=2)
            for shared, own in zip(self.shared, self.own, strict=True)
        )

    def append(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Add tokens, ``(rows, heads, tokens, head_dim)``."""
        end = self.length + keys.shape[2]
        if self.keys is None or self.length < self._free or end > self.keys.shape[2]:
            self._move(keys, -(-end // _STEP) * _STEP)
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, self.length : end] = keys
        self.values[:, :, self.length : end] = values
        self.length = end

    def _move(self, like: torch.Tensor, room: int) -> None:
        """Copy into new tensors with so much room."""
        new = [like.new_empty(*like.shape[:2], room, like.shape[3], dtype=self.dtype) for _ in range(2)]
        if self.length:
            for tensor, old in zip(new, self.own, strict=True):
                tensor[:, :, : self.length] = old
        self.keys, self.values = new
        self._free = 0

    def crop(self, tokens: int) -> None:
        """Forget the last `tokens` of those that are not shared."""
        if tokens > self.length:
            raise ValueError(f"{tokens} tokens can't be forgotten: {self.length} are not shared by all rows")
        self.length -= tokens

    def repeat(self) -> None:
        """Share the one row there is; more come with the tokens in which they differ."""
        self.shared = self.whole
        self.keys = self.values = None
        self.length = self._free = 0

    def select(self, rows: torch.Tensor) -> None:
        """Keep these rows."""
        if self.length:
            self.keys, self.values = (tensor.index_select(0, rows) for tensor in self.own)
            self._free = 0


class KVCache:
    """Keys and values of all layers, with the names that transformers' ``DynamicCache`` has for them.

    A copy of the cache is one of this object and of each of its `layers`; it costs nothing.

    Parameters
    ----------
    layers : int
    dtype : torch.dtype
        They are held in.
    """

    is_croppable = True

    def __init__(self, layers: int, dtype: torch.dtype) -> None:
        self.layers = [KVLayer(dtype) for _ in range(layers)]

    def get_seq_length(self) -> int:
        """Return how many tokens are in it."""
        return self.layers[0].shared_length + self.layers[0].length

    def crop(self, tokens: int) -> None:
        """Forget the last tokens; `tokens` is their number, negative."""
        for layer in self.layers:
            layer.crop(-tokens)

    def reorder_cache(self, rows: torch.Tensor) -> None:
        """Let the batch be of these rows; at first, of the one there is as often as it is named."""
        for layer in self.layers:
            layer.repeat() if layer.shared is None else layer.select(rows)
