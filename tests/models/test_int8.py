"""Layers in int8: near to float, token by token, with each of the kernels."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from cg2magic.models.int8 import kernels as int8_kernels
from cg2magic.models.int8 import linear as int8
from cg2magic.models.int8.kernels import is_exact, packing
from cg2magic.models.int8.linear import Int8Linear, Int8Slice, quantize
from tests.models.kernels import (
    KERNELS,
    of_whole_numbers,
    one_grid_for_all,
    relative_errors,
    symmetric_grid,
)


@pytest.fixture(params=KERNELS)
def rounding(request):
    """A kernel that rounds the activations, and then computes exactly."""
    return of_whole_numbers(request.param)


@pytest.fixture(params=[*KERNELS, "float"])
def kernel(request):
    """Any kernel. The one in float is what is left where none is exact, so it need not be."""
    return int8_kernels._FloatKernel() if request.param == "float" else of_whole_numbers(request.param)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def packed(w, scale, bias=None, *, kernel, is_head=False):
    layer = Int8Linear(w, scale, bias, is_head=is_head)
    with packing():
        layer.pack(kernel)
    return layer


def test_weights_are_rounded_to_the_nearest_of_255_steps(random):
    weight = torch.randn(700, 40, generator=random)
    weight[3] = 0.0
    w, scale = quantize(weight)
    assert w.dtype == torch.int8
    assert (w.int().abs().amax(1)[scale > 1e-30] == 127).all()
    assert ((w * scale[:, None] - weight).abs() <= scale[:, None] * 0.5001).all()
    assert (w[3] == 0).all()


def test_weights_that_are_no_numbers_do_not_become_numbers():
    weight = torch.ones(4, 8)
    weight[1, 2], weight[2, 2] = torch.nan, torch.inf
    layer = Int8Linear(*quantize(weight))
    for _ in range(2):
        assert layer(torch.ones(1, 8))[0].isfinite().tolist() == [True, False, False, True]
        int8.pack(layer)


def test_a_layer_computes_what_a_linear_layer_does(kernel, random):
    linear = nn.Linear(200, 300).requires_grad_(requires_grad=False)
    x = torch.randn(2, 3, 200, generator=random)
    layer = packed(*quantize(linear.weight), linear.bias, kernel=kernel)
    y, exact = layer(x), linear(x)
    assert y.shape == exact.shape
    assert y.dtype == torch.float32
    assert relative_errors(y, exact).max() < 0.03
    assert relative_errors(layer(x[:1, :1]), exact[:1, :1]).max() < 0.03
    assert layer(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("tokens", [1, 3])
@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (3.0, 4.0), (-4.0, -3.0), (5.0, 5.0), (-0.17, 6.0)])
def test_any_range_of_inputs_has_a_grid(kernel, random, tokens, low, high):
    x = low + (high - low) * torch.rand(tokens, 200, generator=random)
    linear = nn.Linear(200, 300).requires_grad_(requires_grad=False)
    y, exact = packed(*quantize(linear.weight), linear.bias, kernel=kernel)(x), linear(x)
    assert (y - exact).norm() < 0.03 * max(1.0, exact.norm())


def test_a_layer_computes_before_it_is_packed_as_well(random):
    linear = nn.Linear(200, 300).requires_grad_(requires_grad=False)
    x = torch.randn(5, 200, generator=random)
    assert relative_errors(Int8Linear.of(linear)(x), linear(x)).max() < 0.02


def test_a_layer_says_what_it_is_before_it_is_packed_and_afterwards(kernel):
    layer = Int8Linear.of(nn.Linear(200, 300))
    assert repr(layer) == "Int8Linear(in_features=200, out_features=300, kernel=none yet)"
    with packing():
        layer.pack(kernel)
    assert repr(layer) == f"Int8Linear(in_features=200, out_features=300, kernel={kernel.name})"


def test_an_outlier_among_the_tokens_does_no_harm_to_the_others(kernel, random, monkeypatch):
    weight, x = torch.randn(300, 200, generator=random), torch.randn(8, 200, generator=random)
    layer = packed(*quantize(weight), kernel=kernel)
    before = layer(x)
    x[5] *= 1000
    after, exact = layer(x), x @ weight.T
    others = torch.arange(8) != 5
    assert torch.equal(after[others], before[others])
    assert relative_errors(after, exact).max() < 0.03
    if kernel.name != "float":
        monkeypatch.setattr(int8, "_grid", one_grid_for_all)
        assert relative_errors(layer(x), exact)[others].min() > 0.3


def test_a_token_comes_out_the_same_in_any_company(rounding, random):
    layer = packed(*quantize(torch.randn(320, 256, generator=random)), kernel=rounding)
    x = torch.randn(33, 256, generator=random)
    together = layer(x)
    assert torch.equal(torch.cat([layer(part) for part in x.split(7)]), together)
    # One row goes another way to the same whole numbers: only what is done with their sum is rounded anew.
    assert torch.allclose(torch.cat([layer(row[None]) for row in x]), together, rtol=1e-5, atol=1e-4)


def test_a_slow_kernel_is_not_taken_where_the_cpu_has_nothing_for_it(monkeypatch):
    monkeypatch.setattr(int8_kernels, "has_vnni", lambda: False)
    with pytest.raises(NotImplementedError):
        int8_kernels._make_plain(255)


def test_inputs_with_hardly_anything_below_zero_use_all_steps(rounding, random, monkeypatch):
    weight = torch.randn(300, 256, generator=random)
    w, scale = quantize(weight)
    x = F.gelu(torch.randn(64, 256, generator=random) * 3)
    layer = packed(w, scale, kernel=rounding)
    exact = x @ (w * scale[:, None]).T
    errors = relative_errors(layer(x), exact).mean()
    monkeypatch.setattr(int8, "_grid", symmetric_grid)  # from -max to max
    assert errors < 0.7 * relative_errors(layer(x), exact).mean()


def test_the_logits_read_their_input_in_two_parts(rounding, random):
    weight, x = torch.randn(300, 256, generator=random), torch.randn(5, 256, generator=random)
    w, scale = quantize(weight)
    exact = x @ (w * scale[:, None]).T  # of the rounded weights: only the activations are looked at
    bias = torch.randn(300, generator=random)
    layers = [packed(w, scale, bias, kernel=rounding, is_head=is_head) for is_head in (False, True)]
    plain, head = (relative_errors(layer(x) - bias, exact).max() for layer in layers)
    assert head < plain / 50


def test_what_was_packed_can_be_taken_out_again(kernel, random):
    w, scale = quantize(torch.randn(70, 64, generator=random))
    layer = packed(w, scale, kernel=kernel)
    again, scale_again = layer.unpack()
    assert torch.equal(again, w)
    assert torch.allclose(scale_again, scale, rtol=1e-6)
    assert layer.numel == 70 * 64
    assert layer.nbytes == 70 * 64 + 4 * 70


def test_only_the_kernels_own_form_of_the_weights_is_kept(random):
    w, scale = quantize(torch.randn(64, 64, generator=random))
    given = weakref.ref(w)
    layer = packed(w, scale, kernel=KERNELS["packed"]())
    del w
    gc.collect()
    assert given() is None
    assert not list(layer.parameters())
    assert [name for name, _ in layer.named_buffers()] == ["offsets"]


class Saturating(int8_kernels._PlainKernel):
    """Adds pairs of products in int16, as CPUs without VNNI do."""

    def multiply(self, a, packed):
        w, scale = packed
        shift = int8_kernels.centre(self)  # such a kernel wants unsigned activations
        products = (a.round()[:, None].int() + shift) * w[None].int()  # (tokens, out, in)
        pairs = products.unflatten(-1, (-1, 2)).sum(-1).clamp(-32768, 32767)
        return (pairs.sum(-1) - shift * w.int().sum(-1)) * scale


def test_a_kernel_that_overflows_is_found_out():
    assert not is_exact(Saturating(255))
    assert is_exact(Saturating(127))


def test_layers_of_one_input_can_be_one(random):
    block = nn.ModuleDict({"a": nn.Linear(64, 96, bias=False), "b": nn.Linear(64, 32)})
    block.requires_grad_(requires_grad=False)
    x = torch.randn(5, 64, generator=random)
    exact = [block[name](x) for name in "ab"]
    for name in "ab":
        block[name] = Int8Linear.of(block[name])
    int8.join(block, "both", ["a", "b"])
    int8.pack(block)
    assert [type(block[name]) for name in "ab"] == [Int8Slice, Int8Slice]
    for name, expected in zip("abba", exact + exact[::-1], strict=True):
        assert relative_errors(block[name](x), expected).max() < 0.03
        assert not torch.equal(block[name](2 * x), block[name](x))
    assert block["both"].numel == 64 * 96 + 64 * 32 + 96 + 32


def test_packing_leaves_torchs_engine_as_the_person_had_it():
    before = torch.backends.quantized.engine
    int8.pack(nn.Sequential(Int8Linear(*quantize(torch.ones(8, 8)))))
    assert torch.backends.quantized.engine == before
