"""Int8 on the CPU: near to float, token by token, with each of the kernels."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name
from transformers import LlamaConfig, LlamaForCausalLM

from cg2magic.errors import LoadError
from cg2magic.models.int8 import kernels as int8_kernels
from cg2magic.models.int8 import linear as int8
from cg2magic.models.int8.kernels import is_exact, packing
from cg2magic.models.int8.linear import HalfEmbedding, Int8Linear, Int8Slice, quantize
from cg2magic.models.loading import load_model
from tests.checkpoints import make_config, make_tokenizer, make_weights, write_checkpoint

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


@pytest.fixture(params=KERNELS)
def rounding(request):
    """A kernel that rounds the activations, and then computes exactly."""
    return of_whole_numbers(request.param)


@pytest.fixture(params=[*KERNELS, "float"])
def kernel(request):
    """Any kernel. The one in float is what is left where none is exact, so it need not be."""
    return int8_kernels._FloatKernel() if request.param == "float" else of_whole_numbers(request.param)


@pytest.fixture(params=OF_MODELS)
def chosen(request, monkeypatch):
    """The kernel of the models that are loaded."""
    kernel = OF_MODELS[request.param]()
    monkeypatch.setattr(int8, "best_kernel", lambda: kernel)
    return kernel


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def relative_errors(y, exact):
    """By token."""
    return (y - exact).norm(dim=-1) / exact.norm(dim=-1)


def held_out() -> str:
    """Code that mini has not seen: our own, as it was on 2026-11-28; a figure is of one text."""
    return (Path(__file__).parent / "held_out.txt").read_text("utf-8")


def packed(w, scale, bias=None, *, kernel, is_head=False):
    layer = Int8Linear(w, scale, bias, is_head=is_head)
    with packing():
        layer.pack(kernel)
    return layer


def one_grid_for_all(x, kernel, grid=int8._grid):
    """What `int8._grid` finds, but for the whole matrix."""
    return tuple(found.expand(len(x), 1) for found in grid(x.reshape(1, -1), kernel))


def symmetric_grid(x, kernel):
    step = x.abs().amax(1, keepdim=True) * 2 / kernel.steps
    return step, torch.zeros_like(step)


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


@pytest.mark.parametrize(
    ("missing", "name", "notice"),
    [
        ((), "torch.ops.quantized", None),
        (("_PackedKernel",), "torch._int_mm", "int8 runs on torch._int_mm"),
        (("_PackedKernel", "_PlainKernel"), "float", "without an int8 kernel"),
    ],
)
def test_the_next_kernel_takes_over_with_a_line_about_it(monkeypatch, checkpoint, missing, name, notice):
    if not missing:
        of_whole_numbers("packed, 127 steps")

    def gone(_steps):
        raise AttributeError("torch has it no more")

    # Where there is none, oneDNN computes the same, slowly.
    monkeypatch.setattr(int8_kernels, "has_vnni", lambda: True)
    for kernel in missing:
        monkeypatch.setattr(int8_kernels, kernel, gone)
    int8_kernels.best_kernel.cache_clear()
    try:
        assert int8_kernels.best_kernel().name == name
        loaded = load_model(str(checkpoint), precision="int8")
        assert loaded.model.lm_head.kernel.name == name
        assert [notice in line for line in loaded.notes] == ([True] if notice else [])
        assert loaded.model(torch.arange(9)[None]).logits.isfinite().all()
    finally:
        monkeypatch.undo()
        int8_kernels.best_kernel.cache_clear()


def test_packing_leaves_torchs_engine_as_the_person_had_it():
    before = torch.backends.quantized.engine
    int8.pack(nn.Sequential(Int8Linear(*quantize(torch.ones(8, 8)))))
    assert torch.backends.quantized.engine == before


def test_a_checkpoint_in_int8_is_a_quarter_of_its_size(tmp_path):
    config = make_config(layers=2, width=256)
    folder = write_checkpoint(tmp_path / "m", config)
    floats, ints = (load_model(str(folder), precision=precision) for precision in ("fp32", "int8"))
    assert ints.precision == "int8"
    assert ints.parameters == pytest.approx(floats.parameters, rel=0.01)
    assert ints.memory < floats.memory * 0.3
    assert isinstance(ints.model.lm_head, Int8Linear)
    assert isinstance(ints.model.model.embed_tokens, HalfEmbedding)
    assert {weight.dtype for weight in ints.model.model.final_layernorm.parameters()} == {torch.float32}


@pytest.mark.parametrize("tied", [False, True])
def test_tied_embeddings_are_counted_once_though_int8_keeps_a_copy(tied):
    config = LlamaConfig(
        vocab_size=512,
        hidden_size=640,
        intermediate_size=640,
        num_hidden_layers=1,
        num_attention_heads=10,
        tie_word_embeddings=tied,
    )
    model = LlamaForCausalLM(config)
    before = model.num_parameters()
    assert int8.pays(model)
    int8.swap_linears(model)
    numel, nbytes = int8.count(model)
    assert numel == before
    assert nbytes > before


def test_tied_embeddings_are_quantized_for_the_logits_only(tmp_path):
    config, weights = make_config() | {"tie_word_embeddings": True}, make_weights(make_config())
    del weights["lm_head.weight"]
    folder = write_checkpoint(tmp_path / "m", config, weights)
    floats, ints = (load_model(str(folder), precision=p).model for p in ("fp32", "int8"))
    ids = torch.arange(50)[None]
    assert isinstance(ints.lm_head, Int8Linear)
    assert relative_errors(ints(ids).logits, floats(ids).logits).mean() < 0.1


def test_the_grouping_is_proven_in_int8_too(trained):
    for groups, folder in trained.items():
        assert load_model(str(folder), precision="int8").groups == groups
        with pytest.raises(LoadError, match=f"only make sense in {groups}"):
            load_model(str(folder), precision="int8", groups=12 - groups)


def test_mini_in_int8_is_near_to_float(mini, chosen):
    ints = load_model("mini", precision="int8").model
    assert ints.lm_head.kernel is chosen
    ids = torch.tensor(mini.tokenizer(held_out(), verbose=False)["input_ids"][:8192])
    losses, agreed = torch.zeros(2), 0
    with torch.inference_mode():
        for piece in ids.split(512):
            exact, near = (model(piece[None]).logits[0, :-1] for model in (mini.model, ints))
            losses += torch.stack([F.cross_entropy(y, piece[1:], reduction="sum") for y in (exact, near)])
            agreed += int((exact.argmax(-1) == near.argmax(-1)).sum())
    places = len(ids) - len(ids.split(512))
    assert abs(losses[1] - losses[0]) / places <= 0.01
    assert agreed / places >= 0.98


def test_outliers_in_a_few_channels_are_survived_because_scales_are_per_token(tmp_path, monkeypatch, chosen):
    config = make_config(layers=3, width=512)
    weights = make_weights(config, scale=0.02)
    channels = [3, 77, 130]
    for layer in range(3):
        mlp = f"transformer.h.{layer}.mlp"
        # They are 50 times as large as others, in the tokens in which they are not silent.
        weights[f"{mlp}.fc_in.weight"][channels] *= 50
        weights[f"{mlp}.fc_in.bias"][channels] = -45.0
        weights[f"{mlp}.fc_out.weight"][:, channels] /= 50
    folder = write_checkpoint(tmp_path / "m", config, weights)
    floats, ints = (load_model(str(folder), precision=p).model for p in ("fp32", "int8"))
    ids = torch.randint(0, 400, (4, 200), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        exact, near = (model(ids).logits for model in (floats, ints))
    assert ints.lm_head.kernel is chosen
    assert (near.argmax(-1) == exact.argmax(-1)).float().mean() >= 0.97
    if chosen.name == "float":
        return  # it has no scales for activations
    monkeypatch.setattr(int8, "_grid", one_grid_for_all)
    with torch.inference_mode():
        common = ints(ids).logits
    # By the kernel's own figure: one with 255 steps bears a scale for all far better than one with 127.
    assert relative_errors(near, exact).mean() < 0.5 * relative_errors(common, exact).mean()


def save_llama(folder: Path, **fields: int) -> Path:
    config = LlamaConfig(
        vocab_size=448, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, **fields
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def test_the_linear_layers_of_other_models_are_quantized(tmp_path):
    folder = save_llama(tmp_path / "llama", hidden_size=512, intermediate_size=1024)
    floats, ints = (load_model(str(folder), precision=precision) for precision in ("fp32", "int8"))
    ids = torch.arange(50)[None]
    assert ints.precision == "int8"
    assert ints.parameters == floats.parameters
    assert ints.memory < floats.memory * 0.4
    block = ints.model.model.layers[0]
    assert all(isinstance(layer, Int8Linear) for layer in (block.qkv, block.gate_up, block.mlp.down_proj))
    assert block.input_layernorm.weight.dtype == torch.float32
    assert relative_errors(ints.model(ids).logits.float(), floats.model(ids).logits).mean() < 0.1


def test_a_model_without_such_layers_is_refused_in_one_line(tmp_path):
    folder = save_llama(tmp_path / "llama", hidden_size=64, intermediate_size=128)
    with pytest.raises(LoadError, match=r"^llama: int8 does not support its layers; use precision='bf16'$"):
        load_model(str(folder), precision="int8")
