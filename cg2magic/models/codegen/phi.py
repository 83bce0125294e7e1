"""The forward pass of CodeGen2 in Phi's layout, for a CPU: transformers' own is the same in more steps.

One block is ``x + dense(attention(h)) + fc2(gelu(fc1(h)))`` with ``h = layer_norm(x)``. On a CPU a token
costs the time to read the weights, so all else must be little: keys and values are written in place, the
angles of rotary are looked up, the four layers that read ``h`` can be one, and the candidates of a request
read the keys and values of the prompt they share once.
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

#: Up to so many new tokens a row, attention is two plain matrix products; torch's fused one pays above.
_FEW = 16


class Phi(PhiForCausalLM):
    """``PhiForCausalLM``, quicker on a CPU with a `KVCache` or with no cache; in all else it is as it was."""

    def __init__(self, config: PhiConfig) -> None:
        super().__init__(config)
        if config.hidden_act == "gelu_new":
            for block in self.model.layers:
                block.mlp.activation_fn = nn.GELU(approximate="tanh")  # the same, in one step

    def join(self) -> None:
        """Make one int8 layer of the four of each block that read the same; before they are packed."""
        for block in self.model.layers:
            parts = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1")
            join(block, "qkv_fc1", parts)

    def new_cache(self) -> KVCache:
        """Make an empty cache for this model."""
        # Beside the rounding of int8 that of bfloat16 is small, and it halves what a context takes.
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
        """Feed tokens; logits after the last `logits_to_keep` of them, after all of them at 0.

        Parameters
        ----------
        input_ids : Tensor of int64, ``(rows, tokens)``
        past_key_values : KVCache, optional
            What came before; the tokens are added to it.
        logits_to_keep : int
        use_cache : bool, optional
            False: no cache is returned.
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
        x = self._blocks(input_ids, cache)[:, -logits_to_keep:]
        logits = self.lm_head(self.model.final_layernorm(x))
        return CausalLMOutputWithPast(logits=logits, past_key_values=None if use_cache is False else cache)

    def _blocks(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run all the blocks; ``(rows, tokens, width)``."""
        rows, tokens = ids.shape
        start = cache.get_seq_length()
        cos, sin = (table[start : start + tokens, None] for table in self._angles)
        mask = _causal_mask(tokens, start)
        x = self.model.embed_tokens(ids)
        for block, layer in zip(self.model.layers, cache.layers, strict=True):
            attention, mlp = block.self_attn, block.mlp
            h = block.input_layernorm(x)
            if hasattr(block, "qkv_fc1"):
                width = x.shape[-1]
                qkv, up = block.qkv_fc1(h).tensor_split((3 * width,), dim=-1)
                parts = qkv.split(width, dim=-1)
            else:
                parts = (attention.q_proj(h), attention.k_proj(h), attention.v_proj(h))
                up = mlp.fc1(h)
            q, k, v = (  # (rows, tokens, heads, head_dim)
                part.unflatten(-1, (-1, attention.head_dim)) for part in parts
            )
            q, k = _rotate(torch.cat((q, k), dim=2), cos, sin).transpose(1, 2).chunk(2, dim=1)
            layer.append(k, v.transpose(1, 2))
            mixed = _attend(q, layer, mask)  # (rows, heads, tokens, head_dim)
            mixed = mixed.transpose(1, 2).reshape(rows, tokens, -1).to(x.dtype)
            x = x + attention.dense(mixed)
            x += mlp.fc2(mlp.activation_fn(up))
        return x

    @cached_property
    def _angles(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of rotary, ``(positions, rotary_dim / 2)`` each."""
        positions = torch.arange(self.config.max_position_embeddings, dtype=torch.float32)
        angles = torch.outer(positions, self.model.rotary_emb.inv_freq.float())
        return angles.cos(), angles.sin()


def _rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn the first channels of each head, ``(rows, tokens, heads, head_dim)``, in float32."""
    half = cos.shape[-1]
    a, b, rest = x.float().split((half, half, x.shape[-1] - 2 * half), dim=-1)
    turned_a = torch.addcmul(a * cos, b, sin, value=-1)
    turned_b = torch.addcmul(b * cos, a, sin)
    return torch.cat((turned_a, turned_b, rest), dim=-1)


def _causal_mask(tokens: int, start: int) -> torch.Tensor | None:
    """What new tokens must not see, as minus infinity in the scores; None where that goes without saying.

    Few tokens: ``(tokens, tokens)``, among themselves. Many: ``(tokens, start + tokens)``.
    """
    if tokens <= _FEW:
        return torch.full((tokens, tokens), -math.inf).triu(1) if tokens > 1 else None
    return torch.full((tokens, start + tokens), -math.inf).triu(start + 1) if start else None


def _attend(q: torch.Tensor, layer: KVLayer, mask: torch.Tensor | None) -> torch.Tensor:
    """Mix the values that `q` looks for; ``(rows, heads, tokens, head_dim)``, in float32.

    ``keys @ q.mT`` is ``(q @ keys.mT).mT`` and, for few tokens, several times as fast: oneMKL reads the keys
    once, in order.
    """
    rows, heads, tokens, head_dim = q.shape
    if tokens > _FEW:
        keys, values = (part.float() for part in layer.whole)
        return functional.scaled_dot_product_attention(
            q, keys, values, attn_mask=mask, is_causal=mask is None
        )
    q = q * head_dim**-0.5
    keys, values = (part.float() for part in layer.own)
    scores = (keys @ q.mT).mT  # (rows, heads, tokens, length)
    if mask is not None:
        scores[..., -tokens:] += mask
    if layer.shared is None:
        return scores.softmax(-1) @ values
    # All rows look at the shared keys at once: (heads, rows * tokens, head_dim)
    shared_keys, shared_values = (part[0].float() for part in layer.shared)
    together = q.transpose(0, 1).reshape(heads, rows * tokens, head_dim)
    shared = (shared_keys @ together.mT).mT.unflatten(1, (rows, tokens)).transpose(0, 1)
    weights = torch.cat((shared, scores), dim=-1).softmax(-1)
    of_shared, of_own = weights.split((layer.shared_length, layer.length), dim=-1)
    together = of_shared.transpose(0, 1).reshape(heads, rows * tokens, -1)
    mixed = (together @ shared_values).unflatten(1, (rows, tokens)).transpose(0, 1)
    return mixed + of_own @ values
