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

from functools import cached_property

import torch
from torch import nn
from transformers import PhiConfig, PhiForCausalLM

from cg2magic.models.quick.attention import attend, causal_mask, rotate
from cg2magic.models.quick.forward import QuickForward, joined
from cg2magic.models.quick.kv_cache import KVCache


class Phi(QuickForward, PhiForCausalLM):
    """``PhiForCausalLM``, but faster on a CPU with a `KVCache` or without a cache."""

    JOINED = {"qkv_fc1": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1")}  # noqa: RUF012
    # Next to the rounding error of int8, that of bfloat16 is small, and it halves the size of the cache.
    KV_TYPE = torch.bfloat16

    def __init__(self, config: PhiConfig) -> None:
        super().__init__(config)
        if config.hidden_act == "gelu_new":
            for block in self.model.layers:
                block.mlp.activation_fn = nn.GELU(approximate="tanh")  # the same function in one step

    def _blocks(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run all the blocks on ids ``[B, S]``; return ``[B, S, W]``."""
        batch, tokens = ids.shape
        start = cache.get_seq_length()
        cos, sin = (table[start : start + tokens, None] for table in self._angles)  # [S, 1, R / 2]
        mask = causal_mask(tokens, start)
        x = self.model.embed_tokens(ids)  # [B, S, W]
        for block, layer in zip(self.model.layers, cache.layers, strict=True):
            attention, mlp = block.self_attn, block.mlp
            # qkv: [B, S, 3 * W], up: [B, S, inner width]
            whole = joined(block, "qkv_fc1", self.JOINED["qkv_fc1"], block.input_layernorm(x))
            qkv, up = whole.tensor_split((3 * x.shape[-1],), dim=-1)
            qkv = qkv.unflatten(-1, (-1, attention.head_dim))  # [B, S, 3 * H, D]
            qk, v = qkv.tensor_split((2 * qkv.shape[2] // 3,), dim=2)
            # The shape becomes [B, H, S, D].
            q, k = rotate(qk, cos, sin).transpose(1, 2).chunk(2, dim=1)
            layer.append(k, v.transpose(1, 2))
            mixed = attend(q, layer, mask)  # [B, H, S, D]
            mixed = mixed.transpose(1, 2).reshape(batch, tokens, -1).to(x.dtype)  # [B, S, W]
            x = x + attention.dense(mixed)
            x += mlp.fc2(mlp.activation_fn(up))
        return x

    def _last_norm(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.final_layernorm(x)

    @cached_property
    def _angles(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the rotary angles, each ``[positions, R / 2]``."""
        positions = torch.arange(self.config.max_position_embeddings, dtype=torch.float32)
        angles = torch.outer(positions, self.model.rotary_emb.inv_freq.float())  # [positions, R / 2]
        return angles.cos(), angles.sin()
