"""torch's ways to multiply a few rows of numbers by a matrix of int8 weights on a CPU.

The fastest that is right on this machine is chosen when the first layer is made. The first one is announced
to leave torch one day: then the next takes its place, with a line that says so. Weights are plain int8 with
scales for all of them.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, Protocol

import torch

#: Rows of a matrix that are made float at a time: few enough for the CPU's cache.
_BLOCK = 512
#: Up to so many rows, torch's kernel for bfloat16 times int8 reads the weights only once.
_FEW = 8


class Kernel(Protocol):
    """One of torch's ways to multiply by int8 weights.

    Attributes
    ----------
    name : str
        What torch calls it.
    levels : int
        ``L``: activations are rounded to ``-L … L``.
    notice : str
        What the person should know of it.
    """

    name: str
    levels: int
    notice: str

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        """Lay a quantized matrix out as the kernel reads it."""
        ...

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Give back what was packed."""
        ...

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        """Make activations ready: float32 in ``-1 … 1``, ``(tokens, in_features)``."""
        ...

    def multiply(self, x: torch.Tensor, packed: Any) -> torch.Tensor:
        """Multiply what `prepare` made; float32 ``(tokens, out_features)``."""
        ...


class _PackedKernel:
    """``torch.ops.quantized``: FBGEMM's kernel for x86, the fastest for a few rows.

    The kernel wants activations in 0 … 255, so they are shifted by `levels` + 1 and it takes that off again.
    A CPU without VNNI adds products in pairs in int16, which overflow from ``255 · 127`` on; `levels` of 63
    keep them in range.

    Parameters
    ----------
    levels : int
        127, or 63 where 127 overflows.
    """

    name = "torch.ops.quantized"
    notice = ""

    def __init__(self, levels: int) -> None:
        self.levels = levels
        self._multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        engine = torch.backends.quantized.engine
        with warnings.catch_warnings():
            # It tells developers that these calls will go; the other kernels are our answer to that.
            warnings.simplefilter("ignore")
            weight = torch._make_per_channel_quantized_tensor(  # noqa: SLF001 - quantizes nothing anew
                w, scale.double(), torch.zeros(len(w), dtype=torch.long), axis=0
            )
            try:
                torch.backends.quantized.engine = "x86"
                return torch.ops.quantized.linear_prepack(weight, None)
            finally:
                torch.backends.quantized.engine = engine

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        weight = torch.ops.quantized.linear_unpack(packed)[0]
        return weight.int_repr(), weight.q_per_channel_scales().float()

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        return x  # it rounds by itself

    def multiply(self, x: torch.Tensor, packed: Any) -> torch.Tensor:
        return self._multiply(x, 1 / self.levels, self.levels + 1, packed)


class _PlainKernel:
    """``torch._int_mm``: oneDNN's product of plain int8 matrices, as good on prompts where a CPU has VNNI."""

    name = "torch._int_mm"
    notice = "int8 runs on torch._int_mm: this torch has no faster kernel for this CPU"

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        return w, scale

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return packed

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        return (x * self.levels).round_().to(torch.int8)

    def multiply(self, x: torch.Tensor, packed: Any) -> torch.Tensor:
        w, scale = packed
        product = torch._int_mm(x, w.t())  # noqa: SLF001 - the only name it has
        return product.float().mul_(scale / self.levels)


class _FloatKernel:
    """Plain int8 weights, made float while they are multiplied: everywhere the same memory, but slower.

    A few rows go through torch's product of bfloat16 and int8, and many through one in float32, by blocks.
    """

    name = "float"
    levels = 127
    notice = "int8 runs without an int8 kernel: this torch has none for this CPU, so expect half the speed"

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        return w, scale

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return packed

    def prepare(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def multiply(self, x: torch.Tensor, packed: Any) -> torch.Tensor:
        w, scale = packed
        few = getattr(torch, "_weight_int8pack_mm", None)
        if few is not None and len(x) <= _FEW:
            return few(x.bfloat16(), w, torch.ones_like(scale, dtype=torch.bfloat16)).float().mul_(scale)
        product = torch.cat([x @ block.float().t() for block in w.split(_BLOCK)], dim=1)
        return product.mul_(scale)


def has_vnni() -> bool:
    """Whether this CPU multiplies int8 with instructions made for it, as far as torch can tell."""
    ask = getattr(torch.cpu, "_is_vnni_supported", None)
    return bool(ask and ask())


def _make_packed(levels: int) -> Kernel:
    if "x86" not in torch.backends.quantized.supported_engines:
        raise NotImplementedError
    return _PackedKernel(levels)


def _make_plain(levels: int) -> Kernel:
    if not (torch.backends.mkldnn.is_available() and has_vnni()):
        raise NotImplementedError  # without them it is many times slower than float32
    return _PlainKernel(levels)


#: From the fastest to the slowest. 63 levels are for CPUs without VNNI.
_CHOICES = ((_make_packed, 127), (_make_packed, 63), (_make_plain, 127), (_make_plain, 63))


@cache
def best_kernel() -> Kernel:
    """Choose the fastest kernel that is there and computes exactly."""
    for make, levels in _CHOICES:
        try:
            candidate = make(levels)
            if is_exact(candidate):
                return candidate
        except (AttributeError, NotImplementedError, RuntimeError):
            continue  # this torch, or this machine, does not have it
    return _FloatKernel()


def is_exact(kernel: Kernel) -> bool:
    """Whether a kernel gives the sum of the largest products it may meet, on this CPU.

    Kernels that overflow do it silently, so it is tried instead of asked for by the CPU's name; with a row, a
    few and many, for which they have code of their own.
    """
    w = torch.full((32, 256), 127, dtype=torch.int8)
    w[1::2] = -127
    packed = kernel.pack(w, torch.ones(32))
    for tokens in (1, 5, 80):
        x = torch.ones(tokens, 256)
        x[1::2] = -1.0
        product = kernel.multiply(kernel.prepare(x), packed).double()
        if (product - x.double() @ w.double().T).abs().max() >= 1.0:
            return False
    return True


def notices() -> tuple[str, ...]:
    """Tell the person, in a line, where int8 is slower than it could be."""
    notice = best_kernel().notice
    return (notice,) if notice else ()
