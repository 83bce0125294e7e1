"""What can't be loaded is refused in one line that says what to try, and nothing of it is run."""

from __future__ import annotations

import gc
import json
import os
import pickle
import re
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cg2magic.errors import LoadError
from cg2magic.models import placement
from cg2magic.models.codegen import checkpoint as layout
from cg2magic.models.loading import load_model
from cg2magic.progress import LoadCancelled
from tests.checkpoints import make_config, make_weights, write_checkpoint


def refusal(name: str | Path, **options) -> str:
    """Return the line with which a model is refused."""
    with pytest.raises(LoadError) as caught:
        load_model(str(name), **options)
    line = str(caught.value)
    assert "\n" not in line
    assert 20 < len(line) < 600
    return line


def edit_config(folder: Path, **fields) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def without(folder: Path, name: str) -> None:
    """Save the weights again, less one."""
    weights = make_weights(make_config())
    del weights[name]
    save_file(weights, folder / "model.safetensors")


def with_weight(folder: Path, name: str, tensor: torch.Tensor) -> None:
    save_file(make_weights(make_config()) | {name: tensor}, folder / "model.safetensors")


def cut(path: Path, to: int) -> None:
    path.write_bytes(path.read_bytes()[:to])


NAMES = {
    "codegen2-2B": "no model 'codegen2-2B'; did you mean .*codegen2-1B",
    "mni": "did you mean mini",
    "": "no model ''; `%cg2 load` without a name shows",
    "gpt-5": "owner/name",
    "./nowhere": "no folder ./nowhere",
    "~/nowhere": "no folder ~/nowhere",
    "/no/such/folder": "no folder /no/such/folder",
    "a\0b": "no model",
    "x" * 300: "",
    "Salesforce/codegen2-1B": "HF_HUB_OFFLINE forbids the network.*local folder$",
    "salesforce/codegen2-2B": "HF_HUB_OFFLINE.*did you mean .*codegen2-1B",
    "owner/na..me": "is not the name of a model",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_nowhere(name):
    assert re.search(NAMES[name], refusal(name))


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config.json": (
        lambda f: (f / "config.json").unlink(),
        "not a checkpoint: it has no readable config.json",
    ),
    "config is not JSON": (lambda f: (f / "config.json").write_text("{model"), "config.json is not JSON"),
    "config is not text": (
        lambda f: (f / "config.json").write_bytes(b"\xff\xfe\0"),
        "config.json is not JSON",
    ),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "names no model_type"),
    "config names no type": (lambda f: (f / "config.json").write_text("{}"), "names no model_type"),
    "config of another kind": (
        lambda f: edit_config(f, n_embd="wide"),
        "config.json is not that of a CodeGen",
    ),
    "zero layers": (lambda f: edit_config(f, n_layer=0), "n_layer is 0"),
    "heads do not divide": (lambda f: edit_config(f, n_head=7), "64 is not a multiple of n_head 7"),
    "odd rotary": (lambda f: edit_config(f, rotary_dim=3), "rotary_dim 3 is not an even number up to 8"),
    "rotary too large": (lambda f: edit_config(f, rotary_dim=64), "rotary_dim 64"),
    "unknown activation": (lambda f: edit_config(f, activation_function="nope"), "nope"),
    "unknown type": (lambda f: edit_config(f, model_type="nope"), "transformers can't use its config.json"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights; expected model.safetensors"),
    "empty weights": (lambda f: cut(f / "model.safetensors", 0), "model.safetensors .*cut short or damaged"),
    "cut weights": (lambda f: cut(f / "model.safetensors", 100_000), "cut short or damaged.*download"),
    "cut header": (lambda f: cut(f / "model.safetensors", 50), "cut short or damaged"),
    "weights are text": (
        lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1"),
        "cut short or damaged",
    ),
    "no tensors": (lambda f: save_file({}, f / "model.safetensors"), "holds no tensors"),
    "missing tensor": (lambda f: without(f, "lm_head.bias"), "no tensor lm_head.bias"),
    "misshaped tensor": (
        lambda f: with_weight(f, "transformer.ln_f.bias", torch.zeros(65)),
        r"transformer.ln_f.bias has shape \(65,\).* should be \(64,\)",
    ),
    "unexpected tensor": (
        lambda f: with_weight(f, "transformer.h.2.ln_1.bias", torch.zeros(64)),
        "has a tensor transformer.h.2.ln_1.bias",
    ),
    "packed integers": (
        lambda f: with_weight(f, "transformer.ln_f.bias", torch.zeros(64, dtype=torch.int8)),
        "transformer.ln_f.bias is I8; give a checkpoint that is not quantized",
    ),
    "not a number": (
        lambda f: with_weight(f, "transformer.ln_f.bias", torch.full((64,), torch.nan)),
        "don't give finite numbers",
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer; put its tokenizer.json"),
    "broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "tokenizer can't be loaded"),
}


@pytest.mark.parametrize("damage", FOLDERS)
def test_a_folder_that_is_no_model(checkpoint, damage):
    harm, expected = FOLDERS[damage]
    harm(checkpoint)
    line = refusal(checkpoint)
    assert re.search(expected, line), line
    assert not (checkpoint / "EXECUTED").exists()


def test_an_empty_folder_and_a_file(tmp_path, checkpoint):
    (tmp_path / "empty").mkdir()
    assert "not a checkpoint" in refusal(tmp_path / "empty")
    assert "is a file; give the folder" in refusal(checkpoint / "model.safetensors")


def test_a_tokenizer_of_another_model(tmp_path):
    config = make_config() | {"vocab_size": 300}
    assert "vocabulary size" in refusal(write_checkpoint(tmp_path / "m", config))


@pytest.mark.parametrize("file_format", ["safetensors", "bin"])
def test_shards_that_are_not_all_there(tmp_path, file_format):
    folder = write_checkpoint(tmp_path / "m", file_format=file_format, shards=3)
    shard = next(folder.glob("*-00002-of-00003.*"))
    cut(shard, 60_000)
    assert f"{shard.name} in {folder} is cut short or damaged" in refusal(folder)
    shard.unlink()
    assert f"{shard.name} is missing" in refusal(folder)


@pytest.mark.parametrize(
    "index",
    [
        "not json",
        "[]",
        "{}",
        '{"weight_map": {}}',
        '{"weight_map": []}',
        '{"weight_map": {"a": 3}}',
        '{"weight_map": {"a": "../model.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
    ],
)
def test_an_index_that_is_none(tmp_path, index):
    folder = write_checkpoint(tmp_path / "m", shards=2)
    (folder / "model.safetensors.index.json").write_text(index)
    assert "not an index of weight files" in refusal(folder)


def test_an_index_that_leads_from_safetensors_to_a_pickle(tmp_path):
    folder = write_checkpoint(tmp_path / "m", shards=2)
    torch.save({}, folder / "x.bin")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "x.bin"}}')
    assert "in another format" in refusal(folder)


class _Trap:
    """Leaves a file called EXECUTED if it is ever unpickled the plain way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "EXECUTED"),)


@pytest.mark.parametrize("model_type", ["codegen", "gpt2"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_not_read(tmp_path, model_type, zipped):
    folder = write_checkpoint(tmp_path / "m", file_format="bin")
    edit_config(folder, model_type=model_type)
    weights = {"transformer.wte.weight": _Trap(folder)}
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    assert "was not read, because reading it could run code" in refusal(folder)
    assert not (folder / "EXECUTED").exists()
    pickle.loads(pickle.dumps(weights))  # the trap works
    assert (folder / "EXECUTED").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([torch.zeros(3)], "not of named weights"),
        ({"model": {"a": torch.zeros(3)}}, "not of named weights"),
        ({1: torch.zeros(3)}, "not of named weights"),
        ({"a": torch.zeros(3, 3).to_sparse()}, "not of named weights"),
        ("hello", "not of named weights"),
    ],
)
def test_a_pickle_that_is_not_weights(tmp_path, content, expected):
    folder = write_checkpoint(tmp_path / "m", file_format="bin")
    torch.save(content, folder / "pytorch_model.bin")
    assert expected in refusal(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(object, protocol=2))
    assert "was not read" in refusal(folder)


@pytest.mark.parametrize("to", [0, 3, 1000, 100_000])
def test_a_pickle_that_is_cut_short(tmp_path, to):
    folder = write_checkpoint(tmp_path / "m", file_format="bin")
    cut(folder / "pytorch_model.bin", to)
    assert "pytorch_model.bin" in refusal(folder)


def test_nothing_of_a_checkpoint_is_run_when_it_loads(checkpoint):
    load_model(str(checkpoint))
    assert not (checkpoint / "EXECUTED").exists()
    exec((checkpoint / "modeling_codegen.py").read_text())  # the trap works
    assert (checkpoint / "EXECUTED").exists()


def test_code_of_a_checkpoint_of_unknown_type_is_not_run_either(checkpoint):
    edit_config(checkpoint, model_type="codegen3")
    refusal(checkpoint)
    assert not (checkpoint / "EXECUTED").exists()


def test_too_little_memory_is_noticed_before_anything_is_read(checkpoint, monkeypatch):
    def read(*_, **__):
        raise AssertionError("it read the weights")

    monkeypatch.setattr(placement, "free_memory", lambda _device: 500_000)
    monkeypatch.setattr(layout, "load_phi", read)
    line = refusal(checkpoint, precision="fp32")
    assert "not enough memory: it needs 0.7 MB in fp32, but only 0.5 MB is free" in line
    assert "precision='int8'" in line
    monkeypatch.undo()
    monkeypatch.setattr(placement, "free_memory", lambda _device: 500_000)
    assert load_model(str(checkpoint), precision="int8").precision == "int8"


def test_a_device_or_a_precision_that_is_not_there(checkpoint):
    assert "no device 'gpu'" in refusal(checkpoint, device="gpu")
    assert "no device 'cuda:7' that torch can use" in refusal(checkpoint, device="cuda:7")
    assert "no precision 'int3'; use 'auto'" in refusal(checkpoint, precision="int3")


def test_a_load_that_is_cancelled_ends_between_tensors(checkpoint):
    told = []
    with pytest.raises(LoadCancelled) as caught:
        load_model(str(checkpoint), progress=told.append, cancelled=lambda: len(told) >= 5)
    assert len(told) == 5
    assert "\n" not in str(caught.value)


def test_a_failed_load_keeps_nothing_in_memory(checkpoint, monkeypatch):
    built = []
    empty_phi = layout.empty_phi

    def watched(config):
        model = empty_phi(config)
        built.append(weakref.ref(model))
        return model

    monkeypatch.setattr(layout, "empty_phi", watched)
    (checkpoint / "modeling_codegen.py").unlink()
    with pytest.raises(LoadError, match="give the number") as caught:
        load_model(str(checkpoint))
    gc.collect()
    assert built[0]() is None
    assert caught.value.__context__ is None
