"""Attention with a `KVCache`, and rotary angles, for the forward passes on a CPU.

Shapes: B is the batch size, S the new tokens, H the heads of the keys, G the queries for each of them (1
unless the queries are grouped), D the channels per head, R the rotated channels per head, L the tokens in the
cache, of which P are shared by the batch and O = L - P are each sequence's own.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from cg2magic.models.quick.kv_cache import KVLayer

#: Up to this many new tokens, attention is two plain matrix products; above, torch's fused kernel is faster.
_FEW = 16


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate the first R channels of each head of x ``[B, S, heads, D]``, in float32.

    Parameters
    ----------
    x : Tensor
    cos, sin : Tensor, ``[S, 1, R / 2]``
    """
    half = cos.shape[-1]
    # [B, S, heads, R / 2] twice, and [B, S, heads, D - R]
    a, b, rest = x.float().split((half, half, x.shape[-1] - 2 * half), dim=-1)
    turned_a = torch.addcmul(a * cos, b, sin, value=-1)
    turned_b = torch.addcmul(b * cos, a, sin)
    return torch.cat((turned_a, turned_b, rest), dim=-1)  # [B, S, heads, D]


def causal_mask(tokens: int, start: int) -> torch.Tensor | None:
    """Mask with minus infinity where a new token must not attend; None if no mask is needed.

    For few tokens it is ``[S, S]`` and covers only the new tokens, for many ``[S, L]``.
    """
    if tokens <= _FEW:
        return torch.full((tokens, tokens), -math.inf).triu(1) if tokens > 1 else None  # [S, S]
    return torch.full((tokens, start + tokens), -math.inf).triu(start + 1) if start else None  # [S, L]


def attend(q: torch.Tensor, layer: KVLayer, mask: torch.Tensor | None) -> torch.Tensor:
    """Compute attention for `q`, ``[B, H * G, S, D]``, in float32; the result has the same shape.

    For few tokens, the G queries of a head and its S tokens are rows of one matrix, so keys and values are
    read once and never copied.

    Parameters
    ----------
    q : Tensor
    layer : KVLayer
        The new tokens are its last ones.
    mask : Tensor or None
        From `causal_mask`.
    """
    batch, heads, tokens, head_dim = q.shape
    if tokens > _FEW:
        keys, values = (part.float() for part in layer.whole)  # [B, H, L, D]
        return functional.scaled_dot_product_attention(
            q, keys, values, attn_mask=mask, is_causal=mask is None, enable_gqa=heads != keys.shape[1]
        )
    keys, values = (part.float() for part in layer.own)  # [B, H, O, D]
    groups = heads // keys.shape[1]
    q = (q * head_dim**-0.5).reshape(batch, -1, groups * tokens, head_dim)  # [B, H, G * S, D]
    scores = _products(q, keys, groups)  # [B, H, G * S, O]
    if mask is not None:
        scores[..., -tokens:] += mask.repeat(groups, 1)
    mixed = _attend_shared(q, layer, scores, values, groups) if layer.shared else scores.softmax(-1) @ values
    return mixed.reshape(batch, heads, tokens, head_dim)


def _products(q: torch.Tensor, keys: torch.Tensor, groups: int) -> torch.Tensor:
    """Multiply each query with each key, ``[…, rows, D]`` with ``[…, keys, D]``.

    The first way is several times as fast for a row or two: oneMKL reads the keys once, in order. The second
    is faster by half for the rows of grouped queries.
    """
    return (keys @ q.mT).mT if groups == 1 else q @ keys.mT


def _attend_shared(
    q: torch.Tensor, layer: KVLayer, scores: torch.Tensor, values: torch.Tensor, groups: int
) -> torch.Tensor:
    """Attend to the keys that the batch shares in one product for all of it, and to each sequence's own.

    Parameters
    ----------
    q : Tensor, ``[B, H, G * S, D]``
    layer : KVLayer
    scores : Tensor, ``[B, H, G * S, O]``
        Of its own keys.
    values : Tensor, ``[B, H, O, D]``
        Its own.
    groups : int
        G.
    """
    assert layer.shared is not None
    batch, heads, rows, head_dim = q.shape
    shared_keys, shared_values = (part[0].float() for part in layer.shared)  # [H, P, D]
    together = q.transpose(0, 1).reshape(heads, batch * rows, head_dim)  # [H, B * G * S, D]
    # [H, B * G * S, P] -> [B, H, G * S, P]
    shared = _products(together, shared_keys, groups).unflatten(1, (batch, rows)).transpose(0, 1)
    weights = torch.cat((shared, scores), dim=-1).softmax(-1)  # [B, H, G * S, L]
    of_shared, of_own = weights.split((layer.shared_length, layer.length), dim=-1)
    together = of_shared.transpose(0, 1).reshape(heads, batch * rows, -1)  # [H, B * G * S, P]
    # [H, B * G * S, D] -> [B, H, G * S, D]
    mixed = (together @ shared_values).unflatten(1, (batch, rows)).transpose(0, 1)
    return mixed + of_own @ values
