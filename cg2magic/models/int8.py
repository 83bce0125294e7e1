"""Linear layers with weights in int8, which a CPU reads four times as fast as float32.

A weight matrix has one scale for each of its rows, an output channel; a matrix of activations has one for
each of its rows, a token, found when it is multiplied::

    weight[o, i] ≈ scale[o] · w[o, i]                   w in -127 … 127, scale[o] = max |weight[o]| / 127
    x[t, i]      ≈ middle[t] + unit[t] / L · a[t, i]    a in -L … L
    y[t, o]      = unit[t] / L · scale[o] · Σ_i a[t, i] · w[o, i] + middle[t] · sums[o] + bias[o]
    sums[o]      = scale[o] · Σ_i w[o, i]

``middle`` is half way between the least and the largest of ``x[t]``, ``unit`` half of their distance: what
comes out of GELU has hardly anything below zero, and would leave half of the levels unused. ``L`` is the
kernel's, and its sum is exact, in int32. So a token's result does not depend on the tokens beside it: an
outlier among them does no harm, and batches and chunks of any size give the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from cg2magic.models.int8_kernels import Kernel, best_kernel

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Rows that are quantized at a time: never a whole matrix in float32, and few enough for the CPU's cache.
_BLOCK = 256
#: Linear layers of fewer weights, a router of experts say, decide much and cost little.
_SMALL = 1 << 18
#: The layer that gives the logits, in Phi.
HEAD = "lm_head"
_TINY = torch.finfo(torch.float32).tiny


class Rows(NamedTuple):
    """Activations made ready for a kernel; layers that share an input share this work.

    Attributes
    ----------
    values : Tensor, ``(tokens, in_features)``
        As the kernel wants them.
    unit, middle : Tensor of float32, ``(tokens, 1)``
        Of each row, see above.
    shape : torch.Size
        Of the tensor they came from.
    dtype : torch.dtype
        Of that tensor, and of the result.
    """

    values: torch.Tensor
    unit: torch.Tensor
    middle: torch.Tensor
    shape: torch.Size
    dtype: torch.dtype


def quantize(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a weight matrix to int8.

    Parameters
    ----------
    weight : Tensor, ``(out_features, in_features)``
        Of any floating-point type.

    Returns
    -------
    w : Tensor of int8, ``(out_features, in_features)``
    scale : Tensor of float32, ``(out_features,)``
    """
    w = torch.empty(weight.shape, dtype=torch.int8)
    scale = torch.empty(len(weight))
    for of_weight, of_w, of_scale in zip(
        weight.split(_BLOCK), w.split(_BLOCK), scale.split(_BLOCK), strict=True
    ):
        block = of_weight.to(torch.float32, copy=True)
        largest = torch.maximum(block.amax(1), -block.amin(1)).clamp_(min=_TINY)
        of_scale.copy_(largest / 127)
        of_w.copy_(block.mul_((127 / largest)[:, None]).round_())
    return w, scale


class Int8Linear(nn.Module):
    """A linear layer with int8 weights; takes and gives what ``nn.Linear`` does.

    Parameters
    ----------
    w : Tensor of int8, ``(out_features, in_features)``
    scale : Tensor of float32, ``(out_features,)``
    bias : Tensor, ``(out_features,)``, optional
    is_head : bool
        Whether it gives the logits. They are compared with each other, so its activations are taken in two
        parts, the rounded ones and what rounding left, as twice the rows. Few rows cost as much as one.
    kernel : Kernel, optional
        The machine's best, by default.
    """

    bias: torch.Tensor | None
    sums: torch.Tensor

    def __init__(
        self,
        w: torch.Tensor,
        scale: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        is_head: bool = False,
        kernel: Kernel | None = None,
    ) -> None:
        super().__init__()
        self.is_head = is_head
        self.kernel = kernel or best_kernel()
        self.out_features, self.in_features = w.shape
        self.register_buffer("bias", None if bias is None else bias.float())
        self.pack(w, scale)
        # A row of ones: the kernel adds up faster than anything else would.
        ones = self.kernel.prepare(torch.ones(1, self.in_features))
        self.register_buffer("sums", self.kernel.multiply(ones, self._packed)[0])

    @classmethod
    def of(cls, linear: nn.Linear, *, is_head: bool = False) -> Int8Linear:
        """Quantize a layer."""
        bias = None if linear.bias is None else linear.bias.detach()
        return cls(*quantize(linear.weight.detach()), bias, is_head=is_head)

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> None:
        """Take these weights; only the kernel's own form of them is kept."""
        self._packed = self.kernel.pack(w, scale)

    def unpack(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``w`` and ``scale``."""
        return self.kernel.unpack(self._packed)

    @property
    def numel(self) -> int:
        """Number of weights, with the bias."""
        return self.out_features * (self.in_features + (self.bias is not None))

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and their scales."""
        return self.out_features * (self.in_features + 4)

    def rows(self, x: torch.Tensor) -> Rows:
        """Make `x` ready for this layer, and for others that are given the same."""
        flat = x.reshape(-1, x.shape[-1]).float()
        least, largest = flat.aminmax(dim=1, keepdim=True)
        middle = (least + largest) / 2
        flat = flat - middle
        unit = (largest - middle).clamp_(min=_TINY)
        if self.is_head:
            step = unit / self.kernel.levels
            rounded = (flat / step).round_().mul_(step)
            flat = torch.cat((rounded, flat - rounded))
            unit = flat.abs().amax(1, keepdim=True).clamp_(min=_TINY)
        return Rows(self.kernel.prepare(flat / unit), unit, middle, x.shape, x.dtype)

    def forward(self, x: torch.Tensor | Rows) -> torch.Tensor:
        """Multiply; ``(…, in_features)`` → ``(…, out_features)`` in the type of `x`."""
        rows = x if isinstance(x, Rows) else self.rows(x)
        y = self.kernel.multiply(rows.values, self._packed).mul_(rows.unit)
        if self.is_head:
            y = y[: len(y) // 2] + y[len(y) // 2 :]
        y.addmm_(rows.middle, self.sums[None])
        if self.bias is not None:
            y += self.bias
        return y.view(*rows.shape[:-1], self.out_features).to(rows.dtype)

    def extra_repr(self) -> str:
        """Say the sizes, as ``nn.Linear`` does."""
        return f"in_features={self.in_features}, out_features={self.out_features}, kernel={self.kernel.name}"


class HalfEmbedding(nn.Embedding):
    """An embedding held in 16 bits that gives float32, as all around it is."""

    @classmethod
    def of(cls, weight: torch.Tensor) -> HalfEmbedding:
        """Make one of this weight, ``(rows, width)``."""
        return cls(*weight.shape, _weight=weight, _freeze=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - as torch has it
        """Look rows up."""
        return super().forward(input).float()


def set_tensor(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Put a tensor of a checkpoint into a model whose linear layers are to be in int8.

    The weight of a linear layer is quantized. An embedding keeps 16 bits, all else is held in float32.
    Nothing of `tensor` is kept.
    """
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    if leaf == "weight" and isinstance(module, nn.Linear):
        bias = None if module.bias is None or module.bias.is_meta else module.bias.detach()
        model.set_submodule(path, Int8Linear(*quantize(tensor), bias, is_head=path == HEAD))
    elif isinstance(module, Int8Linear):
        module.bias = tensor.to(torch.float32, copy=True)
    elif isinstance(module, nn.Embedding):
        half = tensor.dtype if tensor.element_size() == 2 else torch.bfloat16
        model.set_submodule(path, HalfEmbedding.of(tensor.to(half, copy=True)))
    else:
        setattr(module, leaf, nn.Parameter(tensor.to(torch.float32, copy=True), requires_grad=False))


def swap_linears(model: PreTrainedModel) -> bool:
    """Quantize the linear layers of a model that is in memory, one after the other; small ones stay.

    Returns
    -------
    bool
        False: they hold less than half of the weights, and nothing was done.
    """
    linears = {
        name: module
        for name, module in model.named_modules()
        if type(module) is nn.Linear and module.weight.numel() >= _SMALL
    }
    held = sum(module.weight.numel() for module in linears.values())
    if 2 * held < sum(parameter.numel() for parameter in model.parameters()):
        return False
    head = model.get_output_embeddings()
    while linears:
        name, module = linears.popitem()
        model.set_submodule(name, Int8Linear.of(module, is_head=module is head))
    return True


def count(model: nn.Module) -> tuple[int, int]:
    """Return the number of a model's weights, and the bytes of them and of its buffers."""
    packed = [module for module in model.modules() if isinstance(module, Int8Linear)]
    numel = sum(parameter.numel() for parameter in model.parameters()) + sum(layer.numel for layer in packed)
    nbytes = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    return numel, nbytes + sum(layer.nbytes for layer in packed)
