"""Linear layers with int8 weights, which a CPU reads four times as fast as float32.

A weight matrix has one scale per output channel. Activations have a step and a zero point per token, computed
during the multiplication::

    weight[o, i] ≈ scale[o] · w[o, i]               w in -127 … 127, scale[o] = max |weight[o]| / 127
    x[t, i]      ≈ step[t] · (a[t, i] - zero[t])    a in 0 … S, from the least of x[t] and 0 to the largest
    y[t, o]      = step[t] · scale[o] · Σ_i (a[t, i] - zero[t]) · w[o, i] + bias[o]

``S`` is the number of steps of the kernel, which sums exactly, in int32. So the result for a token does not
depend on the other tokens, and an outlier among them does no harm. The output of GELU is hardly ever below
zero; with its own zero point it uses all the steps.

For several tokens, kernels have a single zero point, their centre ``c``. We correct the difference with
``sums[o] = scale[o] · Σ_i w[o, i]``::

    y[t, o] = step[t] · (scale[o] · Σ_i (a[t, i] - c) · w[o, i] + (c - zero[t]) · sums[o]) + bias[o]

Shapes: T is the number of tokens, I the input features, O the output features.
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

#: Output channels quantized at a time: never a whole matrix in float32, and few enough for the CPU's cache.
_BLOCK = 256
#: Linear layers with fewer weights, such as an expert router, matter a lot and cost little.
_SMALL = 1 << 18
#: The layer that computes the logits in Phi.
HEAD = "lm_head"
_TINY = torch.finfo(torch.float32).tiny


def quantize(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a weight matrix to int8.

    Parameters
    ----------
    weight : Tensor, ``(out_features, in_features)``
        With any floating-point type.

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
        block = of_weight.to(torch.float32, copy=True)  # [_BLOCK, I]
        largest = torch.maximum(block.amax(1), -block.amin(1)).clamp_(min=_TINY)  # [_BLOCK]
        of_scale.copy_(largest / 127)
        of_w.copy_(block.mul_((127 / largest)[:, None]).round_())
    return w, scale


class Int8Linear(nn.Module):
    """A linear layer with int8 weights, with the same input and output as ``nn.Linear``.

    Before `pack` is called it holds plain int8 and is slow; that is enough to rearrange and verify weights.

    Parameters
    ----------
    w : Tensor of int8, ``(out_features, in_features)``
    scale : Tensor of float32, ``(out_features,)``
    bias : Tensor, ``(out_features,)``, optional
    is_head : bool
        Whether it computes the logits. These are compared with each other, so its activations are split into
        two parts, the rounded ones and the rest, as twice as many rows. A few rows cost as much as one.
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
        self.register_buffer("offsets", None)  # sums and bias, [2, O], once it is packed
        self.rearrange(w, scale)

    @classmethod
    def of(cls, linear: nn.Linear, *, is_head: bool = False) -> Int8Linear:
        """Quantize a layer."""
        bias = None if linear.bias is None else linear.bias.detach()
        return cls(*quantize(linear.weight.detach()), bias, is_head=is_head)

    @classmethod
    def stacked(cls, layers: Sequence[Int8Linear]) -> Int8Linear:
        """Join several layers with the same input into one, whose output is all theirs, concatenated."""
        w, scale = (torch.cat(parts) for parts in zip(*(layer.unpack() for layer in layers), strict=True))
        if all(layer.bias is None for layer in layers):
            return cls(w, scale)  # O is the sum over the layers
        biases = [torch.zeros(x.out_features) if x.bias is None else x.bias for x in layers]
        return cls(w, scale, torch.cat(biases))

    def rearrange(self, w: torch.Tensor, scale: torch.Tensor) -> None:
        """Replace the weights by these, which are not packed."""
        self.kernel: Kernel | None = None
        self._weights: Any = (w, scale)

    def pack(self, kernel: Kernel) -> None:
        """Convert the weights to a kernel's layout and keep only that; call it within `packing`."""
        self._weights = kernel.pack(*self.unpack())
        self.kernel = kernel
        # Multiply by ones: no other sum is as fast as the kernel.
        sums = kernel.multiply(torch.ones(1, self.in_features), self._weights)[0]  # [O]
        self.offsets = torch.stack((sums, torch.zeros_like(sums) if self.bias is None else self.bias))

    def unpack(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return ``w`` and ``scale``."""
        return self._weights if self.kernel is None else self.kernel.unpack(self._weights)

    @property
    def numel(self) -> int:
        """Number of weights, including the bias."""
        return self.out_features * (self.in_features + (self.bias is not None))

    @property
    def nbytes(self) -> int:
        """Size of the weights and their scales in bytes."""
        return self.out_features * (self.in_features + 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply ``[…, I]``; return ``[…, O]`` in the type of `x`."""
        flat = x.reshape(-1, x.shape[-1]).float()  # [T, I]
        if self.kernel is None:
            y = multiply_floats(flat, *self._weights)
            y = y if self.bias is None else y.add_(self.bias)
        elif len(flat) == 1 and not self.is_head:
            y = self._multiply_row(flat, self.kernel)
        else:
            y = self._multiply_rows(flat, self.kernel)
        return y.view(*x.shape[:-1], self.out_features).to(x.dtype)  # […, O]

    def _multiply_row(self, x: torch.Tensor, kernel: Kernel) -> torch.Tensor:
        # Besides the kernel, a token costs time for each tensor created: so these two are Python numbers.
        least, largest = (bound.item() for bound in x.aminmax())
        step = max((max(largest, 0.0) - min(least, 0.0)) / kernel.steps, _TINY)
        y = kernel.multiply_row(x, step, round(-min(least, 0.0) / step), self._weights)  # [1, O]
        if y is None:
            return self._multiply_rows(x, kernel)
        return y if self.bias is None else y.add_(self.bias)

    def _multiply_rows(self, x: torch.Tensor, kernel: Kernel) -> torch.Tensor:
        step, shift = _grid(x, kernel)  # [T, 1]
        a = torch.addcmul(shift, x, 1 / step)  # [T, I]
        corrections = torch.cat((-shift * step, torch.ones_like(step)), dim=1)  # [T, 2]
        if not self.is_head:
            y = kernel.multiply(a, self._weights).mul_(step)  # [T, O]
            return y.addmm_(corrections, self.offsets)
        left = torch.addcmul(x, a.round_() - shift, step, value=-1)  # [T, I]
        step_left, shift_left = _grid(left, kernel)
        a = torch.cat((a, torch.addcmul(shift_left, left, 1 / step_left)))  # [2 * T, I]
        y, y_left = kernel.multiply(a, self._weights).chunk(2)  # [T, O]
        corrections[:, :1] -= shift_left * step_left
        return y.mul_(step).addcmul_(y_left, step_left).addmm_(corrections, self.offsets)

    def extra_repr(self) -> str:
        """Describe the sizes, as ``nn.Linear`` does."""
        kernel = "none yet" if self.kernel is None else self.kernel.name
        return f"in_features={self.in_features}, out_features={self.out_features}, kernel={kernel}"


def _grid(x: torch.Tensor, kernel: Kernel) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ``step[t]`` and ``zero[t] - c`` for each token of x ``[T, I]``; both are ``[T, 1]``."""
    # `aminmax` along a dimension is many times slower than these two.
    least, largest = x.amin(1, keepdim=True).clamp_(max=0.0), x.amax(1, keepdim=True).clamp_(min=0.0)
    step = ((largest - least) / kernel.steps).clamp_(min=_TINY)
    return step, (least / -step).round_() - centre(kernel)


class Int8Slice(nn.Module):
    """One part of the outputs of a joined layer; it replaces the layer that computed them before.

    Parameters
    ----------
    whole : Int8Linear
        From `Int8Linear.stacked`.
    outputs : slice
        Its part of the outputs.
    asked : list
        The last input of the joined layer and its output. All slices of a layer share this list; the last
        one empties it.
    """

    def __init__(self, whole: Int8Linear, outputs: slice, asked: list[torch.Tensor]) -> None:
        super().__init__()
        self._whole = (whole,)  # in a tuple, so that it is not registered here as a submodule too
        self._outputs = outputs
        self._asked = asked

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Multiply ``[…, I]``; return this part of the outputs, ``[…, O]``."""
        (whole,) = self._whole
        if not self._asked or self._asked[0] is not x:
            self._asked[:] = x, whole(x)
        y = self._asked[1][..., self._outputs]
        if self._outputs.stop == whole.out_features:
            self._asked.clear()
        return y


def join(block: nn.Module, name: str, parts: Sequence[str]) -> None:
    """Join layers of a block with the same input into one, `name`: fewer and larger products.

    Parameters
    ----------
    block : nn.Module
    name : str
    parts : sequence of str
        Paths of the layers, not packed yet; each is replaced by a slice of the new one.
    """
    layers = [block.get_submodule(part) for part in parts]
    whole = Int8Linear.stacked(layers)
    asked: list[torch.Tensor] = []
    start = 0
    for part, layer in zip(parts, layers, strict=True):
        outputs = slice(start, start := start + layer.out_features)
        block.set_submodule(part, Int8Slice(whole, outputs, asked))
    block.add_module(name, whole)


def pack(model: nn.Module, report: Callable[[int, int], None] | None = None) -> None:
    """Pack all layers of a model for the fastest kernel, several at once; 10 MB take 0.1 s.

    Parameters
    ----------
    model : nn.Module
    report : callable, optional
        Receives how many bytes are done, and the total; it may raise.
    """
    kernel = best_kernel()
    layers = [module for module in model.modules() if isinstance(module, Int8Linear)]
    done, total = 0, sum(layer.nbytes for layer in layers)
    with packing(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for layer, _ in zip(layers, pool.map(lambda layer: layer.pack(kernel), layers), strict=True):
            done += layer.nbytes
            if report is not None:
                report(done, total)


class HalfEmbedding(nn.Embedding):
    """An embedding stored in 16 bits that returns float32, like all other layers."""

    @classmethod
    def of(cls, weight: torch.Tensor) -> HalfEmbedding:
        """Make an embedding with this weight, ``(vocabulary size, width)``."""
        return cls(*weight.shape, _weight=weight, _freeze=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - as torch has it
        """Look up tokens."""
        return super().forward(input).float()


def set_tensor(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Put a tensor of a checkpoint into a model whose linear layers should be in int8.

    The weight of a linear layer is quantized. An embedding stays in 16 bits, everything else is stored in
    float32. No reference to `tensor` is kept.
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


def pays(model: PreTrainedModel) -> bool:
    """Whether large linear layers hold at least half of a model's weights."""
    held = sum(module.weight.numel() for module in _large_linears(model).values())
    return 2 * held >= sum(parameter.numel() for parameter in model.parameters())


def swap_linears(model: PreTrainedModel, report: Callable[[int, int], None] | None = None) -> None:
    """Quantize the linear layers of a model in memory, one at a time, except small ones.

    Parameters
    ----------
    model : PreTrainedModel
    report : callable, optional
        Receives how many weights are done, and how many there are to do; it may raise.
    """
    linears = _large_linears(model)
    head = model.get_output_embeddings()
    done, total = 0, sum(module.weight.numel() for module in linears.values())
    while linears:
        name, module = linears.popitem()
        model.set_submodule(name, Int8Linear.of(module, is_head=module is head))
        done += module.weight.numel()
        if report is not None:
            report(done, total)


def swap_all(model: nn.Module, report: Callable[[int, int], None] | None = None) -> None:
    """Convert all weights of a model in memory, one at a time, as `set_tensor` does; see `swap_linears`."""
    # The weight of the logits may be that of the embedding too. With only names, each is freed at once.
    sizes = {name: weight.numel() for name, weight in model.named_parameters(remove_duplicate=False)}
    done, total = 0, sum(sizes.values())
    for name, size in sizes.items():
        path, _, leaf = name.rpartition(".")
        set_tensor(model, name, getattr(model.get_submodule(path), leaf).detach())
        done += size
        if report is not None:
            report(done, total)


def _large_linears(model: nn.Module) -> dict[str, nn.Linear]:
    return {
        name: module
        for name, module in model.named_modules()
        if type(module) is nn.Linear and module.weight.numel() >= _SMALL
    }


def count(model: PreTrainedModel) -> tuple[int, int]:
    """Return the number of weights of a model, and the size of its weights and buffers in bytes.

    Weights that are tied are one parameter, even where int8 keeps a second copy of them.
    """
    packed = [module for module in model.modules() if isinstance(module, Int8Linear)]
    numel = sum(parameter.numel() for parameter in model.parameters()) + sum(layer.numel for layer in packed)
    head = model.get_output_embeddings()
    if isinstance(head, Int8Linear) and model.config.get_text_config().tie_word_embeddings:
        numel -= head.numel
    nbytes = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    return numel, nbytes + sum(layer.nbytes for layer in packed)
