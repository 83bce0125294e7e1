"""What the quick forward passes have in common, whichever layout they are for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast

from cg2magic.models.int8.linear import Int8Linear, join
from cg2magic.models.quick.kv_cache import KVCache


class QuickForward(ABC):
    """A causal language model that is faster on a CPU, with a `KVCache` or without a cache.

    Put it before the class of transformers, whose forward pass does everything else.

    Shapes: B is the batch size, S the new tokens, W the width, V the vocabulary size.
    """

    model: Any
    lm_head: Any
    device: torch.device
    training: bool

    #: Layers with the same input, by the name of the layer that they become: their paths in a block.
    JOINED: ClassVar[dict[str, tuple[str, ...]]]
    #: Type of keys and values beside int8 weights.
    KV_TYPE: ClassVar[torch.dtype]

    def join(self) -> None:
        """In each block, join the int8 layers with the same input; call this before packing."""
        for block in self.model.layers:
            for name, parts in self.JOINED.items():
                join(block, name, parts)

    def new_cache(self) -> KVCache:
        """Create an empty cache for this model."""
        is_int8 = isinstance(self.lm_head, Int8Linear)
        return KVCache(len(self.model.layers), self.KV_TYPE if is_int8 else self.lm_head.weight.dtype)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        logits_to_keep: int | torch.Tensor = 0,
        use_cache: bool | None = None,  # noqa: FBT001 - as transformers has it
        **others: Any,
    ) -> Any:
        """Process tokens; return the logits after the last `logits_to_keep` of them, or after all if 0.

        Parameters
        ----------
        input_ids : Tensor of int64, ``[B, S]``
        past_key_values : KVCache, optional
            The tokens before these; the new ones are added to it.
        logits_to_keep : int
        use_cache : bool, optional
            If False, no cache is returned.
        others
            See transformers' class.
        """
        is_plain = (
            isinstance(past_key_values, KVCache | None)
            and isinstance(logits_to_keep, int)
            and all(other is None for other in others.values())
        )
        if not is_plain or input_ids is None or input_ids.device.type != "cpu" or self.training:
            return super().forward(  # type: ignore[misc]
                input_ids=input_ids,
                past_key_values=past_key_values,
                logits_to_keep=logits_to_keep,
                use_cache=use_cache,
                **others,
            )
        cache = past_key_values or self.new_cache()
        x = self._blocks(input_ids, cache)[:, -logits_to_keep:]  # [B, logits_to_keep, W]
        logits = self.lm_head(self._last_norm(x))  # [B, logits_to_keep, V]
        return CausalLMOutputWithPast(logits=logits, past_key_values=None if use_cache is False else cache)

    @abstractmethod
    def _blocks(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run all the blocks on ids ``[B, S]``; return ``[B, S, W]``."""

    @abstractmethod
    def _last_norm(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize what the last block returns, ``[B, S, W]``."""


def joined(block: nn.Module, name: str, parts: tuple[str, ...], x: torch.Tensor) -> torch.Tensor:
    """Compute the layers `parts` of a block, joined or not; return all their outputs, concatenated."""
    whole = getattr(block, name, None)
    if whole is not None:
        return whole(x)
    return torch.cat([block.get_submodule(part)(x) for part in parts], dim=-1)
