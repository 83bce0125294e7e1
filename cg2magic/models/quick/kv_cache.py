"""The KV cache: written in place, and shared between copies and between the sequences of a batch.

For every token, transformers' own cache copies all its tensors. Here a token is appended in memory allocated
in advance. Copies of a cache share its memory: nothing that another copy may read is ever overwritten.
Sequences in a batch that continue the same prompt share its keys and values, which are read once for all.

Shapes: B is the batch size, H the number of heads, D the channels per head, S the new tokens, L the tokens in
the cache, of which P are shared by the batch and O are each sequence's own, and C the tokens of its own that
there is memory for.
"""

from __future__ import annotations

import sys

import torch

#: Memory is allocated for a multiple of this many tokens.
_STEP = 128
_NONE = sys.maxsize

Pair = tuple[torch.Tensor, torch.Tensor]


class KVLayer:
    """Keys and values of one layer.

    Parameters
    ----------
    dtype : torch.dtype
        Type to store them in.

    Attributes
    ----------
    shared : pair of Tensor, ``[1, H, P, D]``, or None
        The common beginning of all sequences.
    keys, values : Tensor, ``[B, H, C, D]``, or None
        What follows in each sequence; filled up to `length`.
    length : int
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.shared: Pair | None = None
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None
        self.length = 0
        self._free = 0  # from here on, no copy reads `keys` and `values`

    def __copy__(self) -> KVLayer:
        copied = KVLayer(self.dtype)
        copied.shared, copied.keys, copied.values = self.shared, self.keys, self.values
        copied.length = self.length
        self._free, copied._free = max(self._free, self.length), _NONE
        return copied

    @property
    def shared_length(self) -> int:
        """Number of tokens in `shared`."""
        return 0 if self.shared is None else self.shared[0].shape[2]

    @property
    def own(self) -> Pair:
        """The filled part of `keys` and `values`, ``[B, H, O, D]``."""
        assert self.keys is not None
        assert self.values is not None
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]  # [B, H, O, D]

    @property
    def whole(self) -> Pair:
        """Keys and values of every sequence from the first token on, ``[B, H, L, D]``."""
        if self.shared is None:
            return self.own
        return tuple(
            torch.cat((shared.expand(len(own), -1, -1, -1), own), dim=2)  # [B, H, L, D]
            for shared, own in zip(self.shared, self.own, strict=True)
        )

    def append(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Add tokens; `keys` and `values` are ``[B, H, S, D]``."""
        end = self.length + keys.shape[2]
        if self.keys is None or self.length < self._free or end > self.keys.shape[2]:
            self._move(keys, -(-end // _STEP) * _STEP)
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, self.length : end] = keys  # [B, H, S, D]
        self.values[:, :, self.length : end] = values
        self.length = end

    def _move(self, like: torch.Tensor, room: int) -> None:
        """Copy into new tensors with memory for `room` tokens."""
        # two of [B, H, C, D]
        new = [like.new_empty(*like.shape[:2], room, like.shape[3], dtype=self.dtype) for _ in range(2)]
        if self.length:
            for tensor, old in zip(new, self.own, strict=True):
                tensor[:, :, : self.length] = old
        self.keys, self.values = new
        self._free = 0

    def crop(self, tokens: int) -> None:
        """Remove the last `tokens` tokens, which must not be shared."""
        if tokens > self.length:
            raise ValueError(f"can't remove {tokens} tokens: all but {self.length} are shared by the batch")
        self.length -= tokens

    def repeat(self) -> None:
        """Share the single sequence; several sequences can then be appended to it."""
        self.shared = self.whole
        self.keys = self.values = None
        self.length = self._free = 0

    def select(self, sequences: torch.Tensor) -> None:
        """Keep these sequences of the batch."""
        if self.length:
            # [B, H, O, D], with the new B
            self.keys, self.values = (tensor.index_select(0, sequences) for tensor in self.own)
            self._free = 0


class KVCache:
    """Keys and values of all layers, with the interface of transformers' ``DynamicCache``.

    To copy the cache, copy this object and each of its `layers`; no tensor is copied.

    Parameters
    ----------
    layers : int
    dtype : torch.dtype
        Type to store them in.
    """

    is_croppable = True

    def __init__(self, layers: int, dtype: torch.dtype) -> None:
        self.layers = [KVLayer(dtype) for _ in range(layers)]

    def get_seq_length(self) -> int:
        """Return the number of tokens in the cache."""
        return self.layers[0].shared_length + self.layers[0].length

    def crop(self, tokens: int) -> None:
        """Remove the last tokens; `tokens` is their number, negated."""
        for layer in self.layers:
            layer.crop(-tokens)

    def reorder_cache(self, sequences: torch.Tensor) -> None:
        """Keep these sequences of the batch; the first call lets all share the single one there is."""
        for layer in self.layers:
            layer.repeat() if layer.shared is None else layer.select(sequences)
