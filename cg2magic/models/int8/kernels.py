"""torch's kernels to multiply a few rows of activations by a matrix of int8 weights on a CPU.

When the first layer is made, we choose the fastest kernel that computes correctly on this machine. torch
plans to remove the first one: then the next is used, with a notice to the user. All kernels take plain int8
weights with scales.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import torch

#: Rows of a weight matrix that are converted to float at a time: few enough for the CPU's cache.
_BLOCK = 512
#: With up to this many tokens, torch's kernel for bfloat16 times int8 reads the weights only once.
_FEW = 8


class Kernel(Protocol):
    """One of torch's kernels for int8 weights.

    Attributes
    ----------
    name : str
        Its name in torch.
    steps : int
        Activations are rounded to the integers 0 … ``steps``, see `int8.linear`.
    notice : str
        What users should know about it.
    """

    name: str
    steps: int
    notice: str

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        """Convert a quantized matrix to the kernel's layout; call it within `packing`, on any thread."""
        ...

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what was packed."""
        ...

    def multiply(self, a: torch.Tensor, packed: Any) -> torch.Tensor:
        """Round float32 ``(tokens, in_features)``, at most `centre` away from zero, and multiply.

        Returns
        -------
        Tensor of float32, ``(tokens, out_features)``
            ``scale[o] · Σ_i round(a[t, i]) · w[o, i]``
        """
        ...

    def multiply_row(self, x: torch.Tensor, step: float, zero: int, packed: Any) -> torch.Tensor | None:
        """Round ``x / step`` to ``-zero … steps - zero`` and multiply; for one token, ``(1, in_features)``.

        Returns
        -------
        Tensor of float32, ``(1, out_features)``, or None
            ``scale[o] · Σ_i x[i] · w[o, i]``; None if the kernel has no faster path for one token.
        """
        ...


def centre(kernel: Kernel) -> int:
    """Return the offset that makes numbers in 0 … ``steps`` signed."""
    return (kernel.steps + 1) // 2


class _PackedKernel:
    """``torch.ops.quantized``: FBGEMM's kernel for x86, the fastest for a few tokens.

    A CPU without VNNI adds pairs of products in int16, which overflow from ``255 · 127`` on; with activations
    up to 127 they stay in range.

    Parameters
    ----------
    steps : int
        255, or 127 if that overflows.
    """

    name = "torch.ops.quantized"
    notice = ""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._centre = centre(self)
        self._multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        weight = torch._make_per_channel_quantized_tensor(  # noqa: SLF001 - it only wraps int8 values
            w, scale.double(), torch.zeros(len(w), dtype=torch.long), axis=0
        )
        return torch.ops.quantized.linear_prepack(weight, None)

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        weight = torch.ops.quantized.linear_unpack(packed)[0]
        return weight.int_repr(), weight.q_per_channel_scales().float()

    def multiply(self, a: torch.Tensor, packed: Any) -> torch.Tensor:
        return self._multiply(a, 1.0, self._centre, packed)

    def multiply_row(self, x: torch.Tensor, step: float, zero: int, packed: Any) -> torch.Tensor | None:
        return self._multiply(x, step, zero, packed)


class _PlainKernel:
    """``torch._int_mm``: oneDNN's product of plain int8 matrices; as fast on prompts if the CPU has VNNI."""

    name = "torch._int_mm"
    notice = "int8 runs on torch._int_mm: this torch has no faster kernel for this CPU"

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        return w, scale

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return packed

    def multiply(self, a: torch.Tensor, packed: Any) -> torch.Tensor:
        w, scale = packed
        low, high = -centre(self), centre(self) - 1
        rounded = a.round().clamp_(low, high).to(torch.int8)
        return torch._int_mm(rounded, w.t()).float().mul_(scale)  # noqa: SLF001 - it has no public name

    def multiply_row(self, x: torch.Tensor, step: float, zero: int, packed: Any) -> torch.Tensor | None:
        del x, step, zero, packed
        return None


def multiply_floats(x: torch.Tensor, w: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Multiply float32 ``(tokens, in_features)`` by int8 weights, converted to float block by block."""
    return torch.cat([x @ block.float().t() for block in w.split(_BLOCK)], dim=1).mul_(scale)


class _FloatKernel:
    """Plain int8 weights, converted to float during the product: needs no more memory, but is slower.

    A few tokens use torch's product of bfloat16 and int8; many use a product in float32, block by block.
    Activations are not rounded.
    """

    name = "float"
    steps = 255
    notice = "int8 runs without an int8 kernel: this torch has none for this CPU, so expect half the speed"

    def pack(self, w: torch.Tensor, scale: torch.Tensor) -> Any:
        return w, scale

    def unpack(self, packed: Any) -> tuple[torch.Tensor, torch.Tensor]:
        return packed

    def multiply(self, a: torch.Tensor, packed: Any) -> torch.Tensor:
        w, scale = packed
        few = getattr(torch, "_weight_int8pack_mm", None)
        if few is not None and len(a) <= _FEW:
            return few(a.bfloat16(), w, torch.ones_like(scale, dtype=torch.bfloat16)).float().mul_(scale)
        return multiply_floats(a, w, scale)

    def multiply_row(self, x: torch.Tensor, step: float, zero: int, packed: Any) -> torch.Tensor | None:
        del step, zero
        return self.multiply(x, packed)  # it does not round, so it needs no step


def has_vnni() -> bool:
    """Whether torch detects that this CPU has special instructions for int8 products (VNNI)."""
    ask = getattr(torch.cpu, "_is_vnni_supported", None)
    return bool(ask and ask())


def _make_packed(steps: int) -> Kernel:
    if "x86" not in torch.backends.quantized.supported_engines:
        raise NotImplementedError
    return _PackedKernel(steps)


def _make_plain(steps: int) -> Kernel:
    if not (torch.backends.mkldnn.is_available() and has_vnni()):
        raise NotImplementedError  # without VNNI it is many times slower than float32
    return _PlainKernel(steps)


#: From fastest to slowest. 127 steps are for CPUs without VNNI.
_CHOICES = ((_make_packed, 255), (_make_packed, 127), (_make_plain, 255), (_make_plain, 127))


@cache
def best_kernel() -> Kernel:
    """Choose the fastest kernel that is available and exact."""
    for make, steps in _CHOICES:
        try:
            candidate = make(steps)
            if is_exact(candidate):
                return candidate
        except (AttributeError, NotImplementedError, RuntimeError):
            continue  # not available in this torch or on this machine
    return _FloatKernel()


@contextmanager
def packing() -> Iterator[None]:
    """Allow packing of weights; restore torch's settings afterwards."""
    engine = torch.backends.quantized.engine
    with warnings.catch_warnings():
        # torch warns that these calls will be removed; we are prepared with the other kernels.
        warnings.simplefilter("ignore")
        try:
            if "x86" in torch.backends.quantized.supported_engines:
                torch.backends.quantized.engine = "x86"
            yield
        finally:
            torch.backends.quantized.engine = engine


def is_exact(kernel: Kernel) -> bool:
    """Whether a kernel computes the sum of the largest possible products correctly on this CPU.

    Kernels overflow silently, so we test this instead of looking at the CPU's name. We test one token, a few
    and many, because kernels have separate code for each.
    """
    w = torch.full((32, 256), 127, dtype=torch.int8)
    w[1::2] = -127
    with packing():
        packed = kernel.pack(w, torch.ones(32))
    for tokens in (1, 5, 80):
        a = torch.full((tokens, 256), float(kernel.steps - centre(kernel)))
        a[1::2] = -centre(kernel)
        product = kernel.multiply(a, packed).double()
        if (product - a.double() @ w.double().T).abs().max() >= 1.0:
            return False
    return True


def notices() -> tuple[str, ...]:
    """Return a one-line notice to users if int8 is slower than it could be."""
    notice = best_kernel().notice
    return (notice,) if notice else ()
