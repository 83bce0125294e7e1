"""The kernels of int8 that the tests compare, and how their results are."""

from __future__ import annotations

import pytest
import torch

from cg2magic.models.int8 import kernels as int8_kernels
from cg2magic.models.int8 import linear as int8
from cg2magic.models.int8.kernels import is_exact

KERNELS = {
    "packed": lambda: int8_kernels._PackedKernel(255),
    "packed, 127 steps": lambda: int8_kernels._PackedKernel(127),
    "plain": lambda: int8_kernels._PlainKernel(255),
    "plain, 127 steps": lambda: int8_kernels._PlainKernel(127),
}


class WholeNumbers(int8_kernels._PlainKernel):
    """Computes what every kernel does that is exact, and as fast on any processor."""

    def multiply(self, a, packed):
        w, scale = packed
        low, high = -int8_kernels.centre(self), int8_kernels.centre(self) - 1
        return (a.round().clamp_(low, high).double() @ w.double().t()).float().mul_(scale)


#: For whole models. The figures differ by the steps: none of these is measured by those of another.
OF_MODELS = {
    "this processor's": int8_kernels.best_kernel,
    "255 steps": lambda: WholeNumbers(255),
    "127 steps": lambda: WholeNumbers(127),
    "float": int8_kernels._FloatKernel,
}


def of_whole_numbers(name):
    if name.startswith("packed") and "x86" not in torch.backends.quantized.supported_engines:
        pytest.skip("no FBGEMM in this torch; one for x86 has it")
    kernel = KERNELS[name]()
    if not is_exact(kernel):
        pytest.skip("int8 products in 255 steps overflow on this processor; one with VNNI has room for them")
    return kernel


def relative_errors(y, exact):
    """By token."""
    return (y - exact).norm(dim=-1) / exact.norm(dim=-1)


def one_grid_for_all(x, kernel, grid=int8._grid):
    """What `int8._grid` finds, but for the whole matrix."""
    return tuple(found.expand(len(x), 1) for found in grid(x.reshape(1, -1), kernel))


def symmetric_grid(x, kernel):
    step = x.abs().amax(1, keepdim=True) * 2 / kernel.steps
    return step, torch.zeros_like(step)
