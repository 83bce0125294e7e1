"""CodeGen checkpoints compute in Phi's layout what they compute in their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import CodeGenConfig, CodeGenForCausalLM, PhiForCausalLM

from cg2magic.models.codegen.checkpoint import CodegenShape, qkv_rows, rotary_factor
from cg2magic.models.loading import LoadedModel, load_model
from tests.checkpoints import make_config, make_weights, reference_logits, write_checkpoint

IDS = torch.randint(0, 340, (120,), generator=torch.Generator().manual_seed(1))


def load(folder: Path, **options) -> LoadedModel:
    return load_model(str(folder), precision="fp32", device="cpu", **options)


def logits(folder: Path, **options) -> torch.Tensor:
    return load(folder, **options).model(input_ids=IDS[None]).logits[0]


def greedy(folder: Path, tokens: int) -> list[int]:
    """What plain transformers writes after the first ids."""
    model = load(folder).model
    model.generation_config.eos_token_id = None
    out = model.generate(IDS[None, :20], max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    return out[0, 20:].tolist()


@pytest.mark.parametrize("groups", [8, 4])
def test_logits_are_those_of_the_equations(tmp_path, groups):
    config = make_config(layers=3)
    weights = make_weights(config)
    got = logits(write_checkpoint(tmp_path / "m", config, weights, declared=groups))
    right = reference_logits(weights, config, groups, IDS)
    mixed = reference_logits(weights, config, 12 - groups, IDS)
    assert (right.argmax(-1) != mixed.argmax(-1)).float().mean() > 0.5  # the test can fail
    assert (got - right).abs().max() < 1e-4
    assert torch.equal(got.argmax(-1), right.argmax(-1))


@pytest.mark.parametrize("groups", [8, 4])
def test_64_greedy_tokens_are_those_of_the_equations(tmp_path, groups):
    config = make_config()
    weights = make_weights(config)
    ids = IDS[:20]
    for _ in range(64):
        ids = torch.cat([ids, reference_logits(weights, config, groups, ids)[-1].argmax()[None]])
    assert greedy(write_checkpoint(tmp_path / "m", config, weights, declared=groups), 64) == ids[20:].tolist()


def test_4_groups_are_what_transformers_itself_computes(tmp_path):
    config = make_config(layers=3)
    weights = make_weights(config)
    theirs = CodeGenForCausalLM(CodeGenConfig(**config)).eval()
    theirs.load_state_dict(weights)
    folder = write_checkpoint(tmp_path / "m", config, weights, declared=4)
    with torch.no_grad():
        assert (logits(folder) - theirs(IDS[None]).logits[0]).abs().max() < 1e-4
    theirs.generation_config.eos_token_id = None
    written = theirs.generate(IDS[None, :20], max_new_tokens=64, do_sample=False, pad_token_id=0)
    assert greedy(folder, 64) == written[0, 20:].tolist()


@pytest.mark.parametrize(
    "shape",
    [
        {"width": 48, "heads": 8, "rotary_dim": 2},
        {"width": 48, "heads": 8, "rotary_dim": 6},  # all of a head is turned
        {"width": 96, "heads": 16, "rotary_dim": 4},
    ],
)
def test_other_shapes_load_as_well(tmp_path, shape):
    config = make_config(**shape)
    weights = make_weights(config)
    got = logits(write_checkpoint(tmp_path / "m", config, weights, declared=8))
    assert (got - reference_logits(weights, config, 8, IDS)).abs().max() < 1e-4


def test_a_tied_head_shares_the_embeddings(tmp_path):
    config = make_config() | {"tie_word_embeddings": True}
    weights = make_weights(config)
    del weights["lm_head.weight"]
    loaded = load(write_checkpoint(tmp_path / "m", config, weights))
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    right = reference_logits(weights, config, 8, IDS)
    assert (
        loaded.model(IDS[None]).logits[0] - right
    ).abs().max() < 1e-3  # the embeddings are five times larger


@pytest.mark.parametrize("file_format", ["safetensors", "bin"])
@pytest.mark.parametrize("shards", [1, 3])
def test_each_format_of_files_gives_the_same_model(tmp_path, file_format, shards):
    plain = logits(write_checkpoint(tmp_path / "plain"))
    other = logits(write_checkpoint(tmp_path / "other", file_format=file_format, shards=shards))
    assert torch.equal(plain, other)


def test_a_pickle_from_before_torch_1_6_gives_the_same_model(tmp_path):
    plain = logits(write_checkpoint(tmp_path / "plain"))
    folder = write_checkpoint(tmp_path / "old", file_format="bin")
    weights = make_weights(make_config())
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert torch.equal(plain, logits(folder))


def test_masks_that_old_checkpoints_carry_are_left_aside(tmp_path):
    config = make_config()
    weights = make_weights(config)
    for layer in range(config["n_layer"]):
        weights[f"transformer.h.{layer}.attn.causal_mask"] = torch.ones(1, 1, 256, 256, dtype=torch.bool)
        weights[f"transformer.h.{layer}.attn.bias"] = torch.ones(1, 1, 256, 256, dtype=torch.uint8)
        weights[f"transformer.h.{layer}.attn.masked_bias"] = torch.tensor(-1e9)
    old = load(write_checkpoint(tmp_path / "old", config, weights, file_format="bin"))
    plain = load(write_checkpoint(tmp_path / "plain", config))
    assert old.parameters == plain.parameters
    assert torch.equal(old.model(IDS[None]).logits, plain.model(IDS[None]).logits)


@pytest.mark.parametrize(
    ("precision", "dtype", "size"),
    [("fp32", torch.float32, 4), ("bf16", torch.bfloat16, 2), ("fp16", torch.float16, 2)],
)
def test_weights_are_held_in_the_precision_asked_for(checkpoint, precision, dtype, size):
    loaded = load_model(str(checkpoint), precision=precision)
    assert {tensor.dtype for tensor in loaded.model.parameters()} == {dtype}
    assert loaded.model.dtype == loaded.model.config.dtype == dtype
    assert loaded.precision == precision
    assert loaded.memory == pytest.approx(loaded.parameters * size, rel=0.001)
    near = reference_logits(make_weights(make_config()), make_config(), 8, IDS)
    assert (loaded.model(IDS[None]).logits[0].float() - near).abs().mean() < 0.1


def test_a_half_precision_file_is_read_into_float(tmp_path):
    config = make_config()
    halves = {name: weight.half() for name, weight in make_weights(config).items()}
    got = logits(write_checkpoint(tmp_path / "m", config, halves))
    floats = {name: weight.float() for name, weight in halves.items()}
    assert (got - reference_logits(floats, config, 8, IDS)).abs().max() < 1e-4


def test_a_load_says_what_it_loaded(checkpoint):
    told = []
    loaded = load_model(str(checkpoint), progress=told.append)
    assert isinstance(loaded.model, PhiForCausalLM)
    assert not loaded.model.training
    assert loaded.model.config._attn_implementation == "sdpa"
    assert not any(tensor.requires_grad or tensor.is_meta for tensor in loaded.model.parameters())
    assert not any(tensor.is_meta for tensor in loaded.model.buffers())
    weights = make_weights(make_config())
    zero_biases = 2 * 4 * 64
    assert loaded.parameters == sum(weight.numel() for weight in weights.values()) + zero_biases
    assert (loaded.name, loaded.family, loaded.device) == ("random", "codegen2", "cpu")
    assert (loaded.precision, loaded.context, loaded.groups) == ("fp32", 256, 8)
    assert loaded.source == str(checkpoint)
    assert loaded.seconds > 0
    assert loaded.tokenizer.decode(loaded.tokenizer("x = 1")["input_ids"]) == "x = 1"

    size = sum(weight.nbytes for weight in weights.values())
    assert {(step.total, step.unit, step.what) for step in told} == {(size, "B", "reading random")}
    done = [step.done for step in told]
    assert (done[0], done[-1], done) == (0, size, sorted(done))
    assert len(done) > len(weights)


def test_the_model_does_not_depend_on_the_files_once_loaded(tmp_path):
    loaded = load(write_checkpoint(tmp_path / "m"))
    before = loaded.model(IDS[None]).logits
    file = tmp_path / "m" / "model.safetensors"
    file.write_bytes(bytes(file.stat().st_size))
    assert torch.equal(before, loaded.model(IDS[None]).logits)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc on this system; Linux has it")
@pytest.mark.parametrize("file_format", ["safetensors", "bin"])
def test_the_checkpoint_is_never_twice_in_memory(tmp_path, file_format):
    def held() -> int:
        """Bytes of memory that are the process's own; pages of files are the system's."""
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) * 1024

    config = make_config(layers=4, width=512)
    weights = {name: weight.bfloat16() for name, weight in make_weights(config).items()}
    folder = write_checkpoint(tmp_path / "m", config, weights, file_format=file_format)
    largest = max(weight.nbytes for weight in weights.values())
    size = sum(weight.nbytes for weight in weights.values())
    del weights
    load_model(str(folder), precision="bf16")  # what is imported and set up once is not what is measured
    before = held()
    surplus = []
    loaded = load_model(
        str(folder), precision="bf16", progress=lambda step: surplus.append(held() - before - step.done)
    )
    assert size > 20e6
    assert max(surplus) < 3 * largest + 2e6
    assert loaded.memory == pytest.approx(size, rel=0.01)


def test_rotary_channels_survive_the_fraction_that_phi_keeps_them_as():
    # For some pairs int(head_dim * (rotary_dim / head_dim)) is one too few: 30 of 44 is one.
    for head_dim in range(2, 257):
        for rotary_dim in range(2, head_dim + 1, 2):
            shape = CodegenShape(1, 8 * head_dim, 8, rotary_dim, 4, 10)
            assert int(head_dim * rotary_factor(shape)) == rotary_dim


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_every_row_of_qkv_is_used_once(groups):
    shape = CodegenShape(layers=1, width=96, heads=8, rotary_dim=6, inner=384, vocabulary=10)
    assert torch.equal(qkv_rows(shape, groups).sort().values, torch.arange(3 * 96))
