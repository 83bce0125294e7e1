"""The forward pass of Llama's layout, which Qwen2 shares, for CPUs: as transformers has it, in fewer steps.

One block is ``x += o(attention(norm(x)))``, and then ``x += down(silu(gate(h)) * up(h))`` with
``h = norm(x)``. As in `codegen.phi`, a token takes as long as reading the weights if everything else is fast:
keys and values are written in place, layers with the same input can be joined, and a key that several queries
share is read once.

Shapes: as in `quick.attention`, and W is the width, I the inner width of the MLP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from transformers import LlamaForCausalLM, Qwen2ForCausalLM

from cg2magic.models.quick.attention import attend, causal_mask, rotate
from cg2magic.models.quick.forward import QuickForward, joined

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from cg2magic.models.quick.kv_cache import KVCache

_QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_GATE_UP = ("mlp.gate_proj", "mlp.up_proj")


class _LlamaLayout(QuickForward):
    JOINED = {"qkv": _QKV, "gate_up": _GATE_UP}  # noqa: RUF012 - declared as a constant above
    # As several queries share a key, there are few keys: converting them each time would cost more.
    KV_TYPE = torch.float32

    def _blocks(self, ids: torch.Tensor, cache: KVCache) -> torch.Tensor:
        batch, tokens = ids.shape
        start = cache.get_seq_length()
        x = self.model.embed_tokens(ids)  # [B, S, W]
        angles = self.model.rotary_emb(x.float(), torch.arange(start, start + tokens)[None])
        # Both halves of a head have the same angles.
        cos, sin = (table[0, :, None, : table.shape[-1] // 2] for table in angles)  # [S, 1, D / 2]
        mask = causal_mask(tokens, start)
        for block, layer in zip(self.model.layers, cache.layers, strict=True):
            attention, mlp = block.self_attn, block.mlp
            qkv = joined(block, "qkv", _QKV, _norm(block.input_layernorm, x))
            qkv = qkv.unflatten(-1, (-1, attention.head_dim))  # [B, S, (G + 2) * H, D]
            heads = qkv.shape[2] // (attention.num_key_value_groups + 2)  # H
            qk, v = qkv.tensor_split((-heads,), dim=2)
            # The shape becomes [B, (G + 1) * H, S, D].
            q, k = rotate(qk, cos, sin).transpose(1, 2).tensor_split((-heads,), dim=1)
            layer.append(k, v.transpose(1, 2))
            mixed = attend(q, layer, mask).transpose(1, 2).reshape(batch, tokens, -1)  # [B, S, G * H * D]
            x = x + attention.o_proj(mixed.to(x.dtype))
            h = joined(block, "gate_up", _GATE_UP, _norm(block.post_attention_layernorm, x))
            gate, up = h.chunk(2, dim=-1)  # [B, S, I]
            x += mlp.down_proj(mlp.act_fn(gate) * up)
        return x

    def _last_norm(self, x: torch.Tensor) -> torch.Tensor:
        return _norm(self.model.norm, x)


def _norm(norm: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Compute a root-mean-square norm in one step."""
    return functional.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


class QuickLlama(_LlamaLayout, LlamaForCausalLM):
    """``LlamaForCausalLM``, see `QuickForward`."""


class QuickQwen2(_LlamaLayout, Qwen2ForCausalLM):
    """``Qwen2ForCausalLM``, see `QuickForward`."""


def quick_class(config: PreTrainedConfig) -> type[PreTrainedModel] | None:
    """Return the class for a model of Llama's layout; None for others, and for those with a window."""
    kinds = getattr(config, "layer_types", None) or ()
    if any(kind != "full_attention" for kind in kinds):
        return None
    return {"llama": QuickLlama, "qwen2": QuickQwen2}.get(config.model_type)
