"""One pass through a model, as the decoding loops see it: token ids and a KV cache in, logits out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, StaticCache

    from cg2magic.models.codegen.kv_cache import KVCache

    Cache: TypeAlias = DynamicCache | StaticCache | KVCache


class Forward(Protocol):
    """One pass through the model.

    Shapes: B is the batch size, S the tokens fed, V the vocabulary size of the model.
    """

    def __call__(self, ids: torch.Tensor, cache: Cache, keep: int = 1) -> torch.Tensor:
        """Feed `ids`, ``[B, S]``; return the logits after the last `keep` of them, ``[B, keep, V]``."""
        ...
