"""Models in int8: near to float, a quarter of the size, and which kernel they run on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name
from transformers import LlamaConfig, LlamaForCausalLM

from cg2magic.errors import LoadError
from cg2magic.models.int8 import kernels as int8_kernels
from cg2magic.models.int8 import linear as int8
from cg2magic.models.int8.linear import HalfEmbedding, Int8Linear
from cg2magic.models.loading import load_model
from tests.checkpoints import make_config, make_tokenizer, make_weights, write_checkpoint
from tests.models.kernels import (
    OF_MODELS,
    of_whole_numbers,
    one_grid_for_all,
    relative_errors,
)


@pytest.fixture(params=OF_MODELS)
def chosen(request, monkeypatch):
    """The kernel of the models that are loaded."""
    kernel = OF_MODELS[request.param]()
    monkeypatch.setattr(int8, "best_kernel", lambda: kernel)
    return kernel


def held_out() -> str:
    """Code that mini has not seen: our own, as it was on 2026-11-28; a figure is of one text."""
    return (Path(__file__).parent / "held_out.txt").read_text("utf-8")


def read(model, pieces):
    """The mean loss of a model on these tokens, and which it finds likeliest at each place."""
    losses, likeliest = [], []
    with torch.inference_mode():
        for piece in pieces:
            logits = model(piece[None]).logits[0, :-1]
            losses.append(F.cross_entropy(logits, piece[1:], reduction="none"))
            likeliest.append(logits.argmax(-1))
    return torch.cat(losses).mean(), torch.cat(likeliest)


@pytest.fixture(scope="module")
def in_float(mini):
    """Tokens that mini has not seen, and what it makes of them in float."""
    pieces = torch.tensor(mini.tokenizer(held_out(), verbose=False)["input_ids"][:8192]).split(512)
    return pieces, *read(mini.model, pieces)


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


def test_mini_in_int8_is_near_to_float(in_float, chosen):
    ints = load_model("mini", precision="int8").model
    assert ints.lm_head.kernel is chosen
    pieces, exact, likeliest = in_float
    near, likeliest_in_int8 = read(ints, pieces)
    assert abs(near - exact) <= 0.01
    assert (likeliest == likeliest_in_int8).float().mean() >= 0.98


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
