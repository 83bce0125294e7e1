"""Linear layers with weights in int8, which a CPU reads four times as fast as float32.

A weight matrix has one scale for each of its rows, an output channel; a matrix of activations has a step and
a zero for each of its rows, a token, found when it is multiplied::

    weight[o, i] ≈ scale[o] · w[o, i]               w in -127 … 127, scale[o] = max |weight[o]| / 127
    x[t, i]      ≈ step[t] · (a[t, i] - zero[t])    a in 0 … S, from the least of x[t] and 0 to the largest
    y[t, o]      = step[t] · scale[o] · Σ_i (a[t, i] - zero[t]) · w[o, i] + bias[o]

``S`` is the kernel's, and its sum is exact, in int32. So what a token comes to does not depend on the tokens
beside it: an outlier among them does no harm. What comes out of GELU has hardly anything below zero; with a
zero of its own it uses all the steps.

Several rows go through a kernel that has one zero for all of them, its centre ``c``; the difference is made
up for with ``sums[o] = scale[o] · Σ_i w[o, i]``::

    y[t, o] = step[t] · (scale[o] · Σ_i (a[t, i] - c) · w[o, i] + (c - zero[t]) · sums[o]) + bias[o]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from cg2magic.models.int8.kernels import Kernel, best_kernel, centre, multiply_floats, packing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

#: Rows that are quantized at a time: never a whole matrix in float32, and few enough for the CPU's cache.
_BLOCK = 256
#: Linear layers of fewer weights, a router of experts say, decide much and cost little.
_SMALL = 1 << 18
#: The layer that gives the logits, in Phi.
HEAD = "lm_head"
_TINY = torch.finfo(torch.float32).tiny


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

    Until `pack` it holds plain int8 and is slow; that is enough to arrange the weights, and to prove them.

    Parameters
    ----------
    w : Tensor of int8, ``(out_features, in_features)``
    scale : Tensor of float32, ``(out_features,)``
    bias : Tensor, ``(out_features,)``, optional
    is_head : bool
        Whether it gives the logits. They are compared with each other, so its activations are taken in two
        parts, the rounded ones and what rounding left, as twice the rows. Few rows cost as much as one.
    """

    bias: torch.Tensor | None
    offsets: torch.Tensor

    def __init__(
        self,
        w: torch.Tensor,
        scale: torch.Tensor,
        bias: torch.Tensor | None = None,
        *,
        is_head: bool = False,
    ) -> None:
        super().__init__()
        self.is_head = is_head
        self.out_features, self.in_features = w.shape
        self.register_buffer("bias", None if bias is None else bias.float())
        self.register_buffer("offsets", None)  # sums, and the bias, ``(2, out_features)``; once it is packed
        self.rearrange(w, scale)

    @classmethod
    def of(cls, linear: nn.Linear, *, is_head: bool = False) -> Int8Linear:
        """Quantize a layer."""
        bias = None if linear.bias is None else linear.bias.detach()
        return cls(*quantize(linear.weight.detach()), bias, is_head=is_head)

    @classmethod
    def stacked(cls, layers: Sequence[Int8Linear]) -> Int8Linear:
        """Make one layer of several that are given the same input; its outputs are theirs, one by one."""
        w, scale = (torch.cat(parts) for parts in zip(*(layer.unpack() for layer in layers), strict=True))
        biases = [torch.zeros(x.out_features) if x.bias is None else x.bias for x in layers]
        return cls(w, scale, torch.cat(biases))

    def rearrange(self, w: torch.Tensor, scale: torch.Tensor) -> None:
        """Take these weights instead, not packed yet."""
        self.kernel: Kernel | None = None
        self._weights: Any = (w, scale)

    def pack(self, kernel: Kernel) -> None:
        """Lay the weights out for a kernel, and keep only that; within `packing`."""
        self._weights = kernel.pack(*self.unpack())
        self.kernel = kernel
        # A row of ones: the kernel adds up faster than anything else would.
        sums = kernel.multiply(torch.ones(1, self.in_features), self._weights)[0]
        self.offsets = torch.stack((sums, torch.zeros_like(sums) if self.bias is None else self.bias))

    def unpack(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``w`` and ``scale``."""
        return self._weights if self.kernel is None else self.kernel.unpack(self._weights)

    @property
    def numel(self) -> int:
        """Number of weights, with the bias."""
        return self.out_features * (self.in_features + (self.bias is not None))

    @property
    def nbytes(self) -> int:
        """Bytes of the weights and their scales."""
        return self.out_features * (self.in_features + 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply; ``(…, in_features)`` → ``(…, out_features)`` in the type of `x`."""
        flat = x.reshape(-1, x.shape[-1]).float()
        if self.kernel is None:
            y = multiply_floats(flat, *self._weights)
            y = y if self.bias is None else y.add_(self.bias)
        elif len(flat) == 1 and not self.is_head:
            y = self._multiply_row(flat, self.kernel)
        else:
            y = self._multiply_rows(flat, self.kernel)
        return y.view(*x.shape[:-1], self.out_features).to(x.dtype)

    def _multiply_row(self, x: torch.Tensor, kernel: Kernel) -> torch.Tensor:
        # Beside the kernel, a token costs the number of tensors that are made: these two are Python's own.
        least, largest = (bound.item() for bound in x.aminmax())
        step = max((max(largest, 0.0) - min(least, 0.0)) / kernel.steps, _TINY)
        y = kernel.multiply_row(x, step, round(-min(least, 0.0) / step), self._weights)
        if y is None:
            return self._multiply_rows(x, kernel)
        return y if self.bias is None else y.add_(self.bias)

    def _multiply_rows(self, x: torch.Tensor, kernel: Kernel) -> torch.Tensor:
        step, shift = _grid(x, kernel)
        a = torch.addcmul(shift, x, 1 / step)
        corrections = torch.cat((-shift * step, torch.ones_like(step)), dim=1)
        if not self.is_head:
            y = kernel.multiply(a, self._weights).mul_(step)
            return y.addmm_(corrections, self.offsets)
        left = torch.addcmul(x, a.round_() - shift, step, value=-1)
        step_left, shift_left = _grid(left, kernel)
        a = torch.cat((a, torch.addcmul(shift_left, left, 1 / step_left)))
        y, y_left = kernel.multiply(a, self._weights).chunk(2)
        corrections[:, :1] -= shift_left * step_left
        return y.mul_(step).addcmul_(y_left, step_left).addmm_(corrections, self.offsets)

    def extra_repr(self) -> str:
        """Say the sizes, as ``nn.Linear`` does."""
        kernel = "none yet" if self.kernel is None else self.kernel.name
        return f"in_features={self.in_features}, out_features={self.out_features}, kernel={kernel}"


def _grid(x: torch.Tensor, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``step[t]`` and ``zero[t] - c`` of each row, ``(tokens, 1)`` each."""
    # `aminmax` of rows is many times slower than these two.
    least, largest = x.amin(1, keepdim=True).clamp_(max=0.0), x.amax(1, keepdim=True).clamp_(min=0.0)
    step = ((largest - least) / kernel.steps).clamp_(min=_TINY)
    return step, (least / -step).round_() - centre(kernel)


class Int8Slice(nn.Module):
    """Some of the outputs of a layer made of several, in the place of the one that they were.

    Parameters
    ----------
    whole : Int8Linear
        From `Int8Linear.stacked`.
    outputs : slice
        Its own.
    asked : list
        What the slices of a layer were given last, and its result: theirs in common; the last empties it.
    """

    def __init__(self, whole: Int8Linear, outputs: slice, asked: list[torch.Tensor]) -> None:
        super().__init__()
        self._whole = (whole,)  # not a part of this module: it stands elsewhere in the model
        self._outputs = outputs
        self._asked = asked

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply; ``(…, in_features)`` → ``(…, out_features)``."""
        (whole,) = self._whole
        if not self._asked or self._asked[0] is not x:
            self._asked[:] = x, whole(x)
        y = self._asked[1][..., self._outputs]
        if self._outputs.stop == whole.out_features:
            self._asked.clear()
        return y


def join(block: nn.Module, name: str, parts: Sequence[str]) -> None:
    """Make one layer, `name`, of those of a block that are given the same input: fewer and larger products.

    Parameters
    ----------
    block : nn.Module
    name : str
    parts : sequence of str
        Paths of layers that are not packed yet; in their places there are slices of the new one.
    """
    layers = [block.get_submodule(part) for part in parts]
    whole = Int8Linear.stacked(layers)
    asked: list[torch.Tensor] = []
    start = 0
    for part, layer in zip(parts, layers, strict=True):
        outputs = slice(start, start := start + layer.out_features)
        block.set_submodule(part, Int8Slice(whole, outputs, asked))
    block.add_module(name, whole)


def pack(model: nn.Module, tell: Callable[[int, int], None] | None = None) -> None:
    """Lay out all layers of a model for the fastest kernel, several at once; it takes 0.1 s for 10 MB.

    Parameters
    ----------
    model : nn.Module
    tell : callable, optional
        Gets how many bytes are done, and of how many; it may raise.
    """
    kernel = best_kernel()
    layers = [module for module in model.modules() if isinstance(module, Int8Linear)]
    done, total = 0, sum(layer.nbytes for layer in layers)
    with packing(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for layer, _ in zip(layers, pool.map(lambda layer: layer.pack(kernel), layers), strict=True):
            done += layer.nbytes
            if tell is not None:
                tell(done, total)


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
    pack(model)
    return True


def count(model: nn.Module) -> tuple[int, int]:
    """Return the number of a model's weights, and the bytes of them and of its buffers."""
    packed = [module for module in model.modules() if isinstance(module, Int8Linear)]
    numel = sum(parameter.numel() for parameter in model.parameters()) + sum(layer.numel for layer in packed)
    nbytes = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    return numel, nbytes + sum(layer.nbytes for layer in packed)
