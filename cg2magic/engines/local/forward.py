"""One pass through a model, as the decoding loops see it: token ids and a KV cache in, logits out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, StaticCache

    from cg2magic.models.quick.kv_cache import KVCache

    Cache: TypeAlias = DynamicCache | StaticCache | KVCache | "ForkingCache"


class ForkingCache(Protocol):
    """A KV cache that is not made of tensors, and so copies itself."""

    layers: Sequence[Any]  # none

    @property
    def is_croppable(self) -> bool:
        """Whether tokens can be removed again."""
        ...

    @property
    def nbytes(self) -> int:
        """Size of its keys and values in bytes."""
        ...

    def get_seq_length(self) -> int:
        """How many tokens each sequence has."""
        ...

    def crop(self, tokens: int, /) -> None:
        """Remove the last ``-tokens`` tokens."""
        ...

    def fork(self) -> ForkingCache:
        """Copy it."""
        ...

    def reorder_cache(self, rows: torch.Tensor, /) -> None:
        """Let row ``k`` of the batch be what row ``rows[k]`` was."""
        ...


class Forward(Protocol):
    """One pass through the model.

    Shapes: B is the batch size, S the tokens fed, V the vocabulary size of the model.
    """

    def __call__(self, ids: torch.Tensor, cache: Cache, keep: int = 1) -> torch.Tensor:
        """Feed `ids`, ``[B, S]``; return the logits after the last `keep` of them, ``[B, keep, V]``."""
        ...
