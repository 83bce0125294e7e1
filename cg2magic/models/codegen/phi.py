"""CodeGen2's forward pass in Phi's layout, for CPUs: as transformers computes it, but in fewer steps.

One block is ``x + dense(attention(h)) + fc2(gelu(fc1(h)))`` with ``h = layer_norm(x)``. On a CPU, a token
takes as long as reading the weights, so everything else must be fast: keys and values are written in place,
rotary angles are looked up, the four layers that read ``h`` can be joined into one, and the candidates of a
request read the keys and values of their common prompt only once.

Shapes: B is the batch size, S the new tokens, H the number of heads, D the channels per head, W = H * D the
width, R the rotated channels per head, L the tokens in the cache, of which P are shared by the batch and
O = L - P are each sequence's own, and V the vocabulary size.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PhiConfig, PhiForCausalLM
from transformers.modeling_outputs import CausalLMOutputWithPast

from cg2magic.models.codegen.kv_cache import KVCache, KVLayer
from cg2magic.models.int8.linear import Int8Linear, join

#: Up to this many new tokens, attention is two plain matrix products; above, torch's fused kernel is faster.
_FEW = 16


class Phi(PhiForCausalLM):
    """``PhiForCausalLM``, but faster on a CPU with a `KVCache` or without a cache."""

    def __init__(self, config: PhiConfig) -> None:
        super().__init__(config)
        if config.hidden_act == "gelu_new":
            for block in self.model.layers:
                block.mlp.activation_fn = nn.GELU(approximate="tanh")  # the same function in one step

    def join(self) -> None:
        """In each block, join the four int8 layers with the same input; call this before packing."""
        for block in self.model.layers:
            parts = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1")
            join(block, "qkv_fc1", parts)

    def new_cache(self) -> KVCache:
        """Create an empty cache for this model."""
        # Next to the rounding error of int8, that of bfloat16 is small, and it halves the size of the cache.
        is_int8 = isinstance(self.lm_head, Int8Linear)
        return KVCache(len(self.model.layers), torch.bfloat16 if is_int8 else self.dtype)

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
            See ``PhiForCausalLM``.
        """
        is_plain = (
            isinstance(past_key_values, KVCache | None)
            and isinstance(logits_to_keep, int)
            and all(other is None for other in others.values())
        )
        if not is_plain or input_ids is None or input_ids.device.type != "cpu" or self.training:
            return super().forward(
                input_ids=input_ids,
                past_key_values=past_key_values,
                logits_to_keep=logits_to_keep,
                use_cache=use_cache,
                **others,
            )
        cache = past_key_values or self.new_cache()
        x = self._blocks(input_ids, cache)[:, -logits_to_keep:]  # [B, logits_to_keep, W]
        logits = self.lm_head(self.model.final_layernorm(x))  # [B, logits_to_keep, V]
        return CausalLMOutputWithPast(logits=logits, past_key_values=None if use_cache is False else cache)

    def _blocks(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run all the blocks on ids ``[B, S]``; return ``[B, S, W]``."""
        batch, tokens = ids.shape
        start = cache.get_seq_length()
        cos, sin = (table[start : start + tokens, None] for table in self._angles)  # [S, 1, R / 2]
        mask = _causal_mask(tokens, start)
        x = self.model.embed_tokens(ids)  # [B, S, W]
        for block, layer in zip(self.model.layers, cache.layers, strict=True):
            attention, mlp = block.self_attn, block.mlp
            h = block.input_layernorm(x)  # [B, S, W]
            if hasattr(block, "qkv_fc1"):
                width = x.shape[-1]
                # qkv: [B, S, 3 * W], up: [B, S, inner width]
                qkv, up = block.qkv_fc1(h).tensor_split((3 * width,), dim=-1)
                parts = qkv.split(width, dim=-1)  # three of [B, S, W]
            else:
                parts = (attention.q_proj(h), attention.k_proj(h), attention.v_proj(h))
                up = mlp.fc1(h)
            q, k, v = (  # [B, S, H, D]
                part.unflatten(-1, (-1, attention.head_dim)) for part in parts
            )
            # The shape becomes [B, H, S, D].
            q, k = _rotate(torch.cat((q, k), dim=2), cos, sin).transpose(1, 2).chunk(2, dim=1)
            layer.append(k, v.transpose(1, 2))
            mixed = _attend(q, layer, mask)  # [B, H, S, D]
            mixed = mixed.transpose(1, 2).reshape(batch, tokens, -1).to(x.dtype)  # [B, S, W]
            x = x + attention.dense(mixed)
            x += mlp.fc2(mlp.activation_fn(up))
        return x

    @cached_property
    def _angles(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the rotary angles, each ``[positions, R / 2]``."""
        positions = torch.arange(self.config.max_position_embeddings, dtype=torch.float32)
        angles = torch.outer(positions, self.model.rotary_emb.inv_freq.float())  # [positions, R / 2]
        return angles.cos(), angles.sin()


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate the first R channels of each head of x ``[B, S, H, D]``, in float32."""
    half = cos.shape[-1]
    # [B, S, H, R / 2] twice, and [B, S, H, D - R]
    a, b, rest = x.float().split((half, half, x.shape[-1] - 2 * half), dim=-1)
    turned_a = torch.addcmul(a * cos, b, sin, value=-1)
    turned_b = torch.addcmul(b * cos, a, sin)
    return torch.cat((turned_a, turned_b, rest), dim=-1)  # [B, S, H, D]


def _causal_mask(tokens: int, start: int) -> torch.Tensor | None:
    """Mask with minus infinity where a new token must not attend; None if no mask is needed.

    For few tokens it is ``[S, S]`` and covers only the new tokens, for many ``[S, L]``.
    """
    if tokens <= _FEW:
        return torch.full((tokens, tokens), -math.inf).triu(1) if tokens > 1 else None  # [S, S]
    return torch.full((tokens, start + tokens), -math.inf).triu(start + 1) if start else None  # [S, L]


def _attend(q: torch.Tensor, layer: KVLayer, mask: torch.Tensor | None) -> torch.Tensor:
    """Compute attention for `q`, ``[B, H, S, D]``, in float32; the result has the same shape.

    ``keys @ q.mT`` equals ``(q @ keys.mT).mT`` and is several times as fast for few tokens: oneMKL reads the
    keys once, in order.
    """
    batch, heads, tokens, head_dim = q.shape
    if tokens > _FEW:
        keys, values = (part.float() for part in layer.whole)  # [B, H, L, D]
        return functional.scaled_dot_product_attention(
            q, keys, values, attn_mask=mask, is_causal=mask is None
        )
    q = q * head_dim**-0.5
    keys, values = (part.float() for part in layer.own)  # [B, H, O, D]
    scores = (keys @ q.mT).mT  # [B, H, S, O]
    if mask is not None:
        scores[..., -tokens:] += mask
    if layer.shared is None:
        return scores.softmax(-1) @ values  # [B, H, S, D]
    # The whole batch attends to the shared keys in one product.
    shared_keys, shared_values = (part[0].float() for part in layer.shared)  # [H, P, D]
    together = q.transpose(0, 1).reshape(heads, batch * tokens, head_dim)  # [H, B * S, D]
    # [H, B * S, P] -> [B, H, S, P]
    shared = (shared_keys @ together.mT).mT.unflatten(1, (batch, tokens)).transpose(0, 1)
    weights = torch.cat((shared, scores), dim=-1).softmax(-1)  # [B, H, S, L]
    of_shared, of_own = weights.split((layer.shared_length, layer.length), dim=-1)
    together = of_shared.transpose(0, 1).reshape(heads, batch * tokens, -1)  # [H, B * S, P]
    # [H, B * S, D] -> [B, H, S, D]
    mixed = (together @ shared_values).unflatten(1, (batch, tokens)).transpose(0, 1)
    return mixed + of_own @ values  # [B, H, S, D]
