"""CodeGen2's arithmetic in a layout that trains fast: parallel blocks, one LayerNorm, partial rotary.

The weights are those of the published layout, only arranged differently; ``export.py`` arranges them back.
Shapes in comments: B samples, T tokens, H heads, D channels of a head, C = H·D the width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def precision() -> torch.dtype:
    """Return what this processor multiplies fastest: without instructions for bfloat16, that is float32."""
    has = torch.cpu.get_capabilities()
    fast = any(has.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))
    return torch.bfloat16 if fast else torch.float32


@dataclass(frozen=True)
class Shape:
    """The numbers that fix a model. ``n_positions`` is what the exported config declares."""

    n_layer: int = 6
    n_embd: int = 256
    n_head: int = 8
    rotary_dim: int = 16
    vocab_size: int = 8192
    n_positions: int = 1024


def rotary_table(length: int, rotary_dim: int) -> tuple[Tensor, Tensor]:
    """Return cos and sin, each (T, rotary_dim / 2), of the angles position / 10000^(2i / rotary_dim)."""
    frequency = 1.0 / 10_000 ** (torch.arange(0, rotary_dim, 2) / rotary_dim)
    angle = torch.arange(length)[:, None] * frequency[None, :]
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the first channels of each head; here they lie in halves, x is (B, H, T, D)."""
    half = cos.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat((first * cos - second * sin, second * cos + first * sin, rest), dim=-1)


class Block(nn.Module):
    """``x + attention(ln(x)) + mlp(ln(x))``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.n_embd
        self.heads = shape.n_head
        self.ln = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.fc_in = nn.Linear(width, 4 * width)
        self.fc_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Add to x (B, T, C) what the block makes of it."""
        batch, length, width = x.shape
        h = self.ln(x)
        qkv = self.qkv(h).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        attention = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + attention + self.fc_out(functional.gelu(self.fc_in(h), approximate="tanh"))


class Mini(nn.Module):
    """The model. ``forward`` gives the last hidden states; the head is applied where a loss is wanted."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(shape.vocab_size, shape.n_embd)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layer))
        self.ln_f = nn.LayerNorm(shape.n_embd)
        self.head = nn.Linear(shape.n_embd, shape.vocab_size)
        cos, sin = rotary_table(shape.n_positions, shape.rotary_dim)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self._initialize()

    def _initialize(self) -> None:
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif weight.ndim == 2:
                # What writes to the residual stream starts at zero: each block starts as the identity.
                silent = name.endswith(("out.weight", "fc_out.weight"))
                nn.init.normal_(weight, std=0.0 if silent else 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (B, T) → hidden states (B, T, C), after the last LayerNorm."""
        length = ids.shape[1]
        x = self.wte(ids)
        cos, sin = self.cos[:length].to(x.dtype), self.sin[:length].to(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.ln_f(x)

    def logits(self, ids: Tensor) -> Tensor:
        """Ids (B, T) → logits (B, T, V), for evaluation."""
        return self.head(self(ids))


class ChunkedLoss(torch.autograd.Function):
    """Cross-entropy of ``hidden @ weight.T + bias`` that never holds the logits of all rows at once.

    The gradients are computed in the forward pass, chunk by chunk: the loss is the end of the graph, so
    backward has only to scale them.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, scale: Tensor, chunk: int
    ) -> tuple[Tensor, Tensor]:
        """Of hidden (N, C), weight (V, C), bias (V), targets and scale (N): the scaled sum, losses (N).

        Products are in the precision of ``hidden``, sums over rows in float32.
        """
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros(weight.shape, dtype=torch.float32)
        grad_bias = torch.zeros_like(bias)
        losses = torch.empty(len(targets))
        low = weight.to(hidden.dtype)
        for start in range(0, len(targets), chunk):
            rows = slice(start, start + chunk)
            h, target = hidden[rows], targets[rows]
            logits = (h @ low.T).float() + bias
            at = logits.gather(1, target[:, None])[:, 0]
            norm = logits.logsumexp(1)
            losses[rows] = norm - at
            probability = logits.sub_(norm[:, None]).exp_()
            probability.scatter_add_(1, target[:, None], -torch.ones(len(target), 1))
            grad = probability.mul_(scale[rows, None])
            grad_bias += grad.sum(0)
            grad = grad.to(hidden.dtype)
            torch.mm(grad, low, out=grad_hidden[rows])
            grad_weight += grad.T @ h
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.mark_non_differentiable(losses)
        return (losses * scale).sum(), losses

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what forward computed."""
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        return grad_hidden * upstream, grad_weight * upstream, grad_bias * upstream, None, None, None
