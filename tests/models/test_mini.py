"""The model that comes with the package is what it says it is."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cg2magic.errors import LoadError
from cg2magic.models import catalog
from cg2magic.models.codegen.grouping import SAMPLE
from cg2magic.models.loading import LoadedModel, load_model
from cg2magic.models.locate import MINI
from tests.checkpoints import reference_logits


@pytest.fixture(scope="module")
def mini() -> LoadedModel:
    return load_model("mini", device="cpu")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Mini in a folder of its own, where nothing says how it is grouped."""
    return shutil.copytree(MINI, tmp_path / "copy", ignore=shutil.ignore_patterns("modeling_codegen.py"))


def test_mini_runs_exactly_and_fills_holes(mini):
    assert (mini.name, mini.family, mini.groups) == ("mini", "codegen2", 8)
    assert mini.precision == "fp32"
    entry = catalog.find("mini")
    assert entry is not None
    assert mini.parameters == pytest.approx(entry.parameters, rel=0.01)
    assert sum(path.stat().st_size for path in MINI.iterdir()) < 30_000_000


def test_mini_computes_what_the_equations_say(mini):
    weights = {name: weight.float() for name, weight in load_file(MINI / "model.safetensors").items()}
    config = json.loads((MINI / "config.json").read_text())
    ids = mini.tokenizer(SAMPLE, return_tensors="pt")["input_ids"]
    right = reference_logits(weights, config, 8, ids[0])
    assert (mini.model(ids).logits[0] - right).abs().max() < 1e-4


def test_mini_with_its_declared_count_forged_is_refused(copy, monkeypatch):
    refused = r"mini: .* declared to be in 4 groups, but only make sense in 8: .* try groups=8$"
    with pytest.raises(LoadError, match=refused):
        load_model("mini", groups=4)

    forged = tuple(
        dataclasses.replace(entry, groups=4) if entry.name == "mini" else entry for entry in catalog.CATALOG
    )
    monkeypatch.setattr(catalog, "CATALOG", forged)
    with pytest.raises(LoadError, match=refused):
        load_model("mini")

    (copy / "modeling_codegen.py").write_text("mp_num = 4\n")
    with pytest.raises(LoadError, match=r"try groups=8$"):
        load_model(str(copy))


def test_mini_with_no_count_declared_shows_it(copy, mini):
    loaded = load_model(str(copy))
    assert loaded.groups == 8
    ids = torch.arange(60)[None]
    assert torch.equal(loaded.model(ids).logits, mini.model(ids).logits)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mini_is_still_itself_in_half_precision(copy, mini, precision):
    loaded = load_model(str(copy), precision=precision)
    assert loaded.groups == 8
    ids = mini.tokenizer(SAMPLE, return_tensors="pt")["input_ids"]
    agree = loaded.model(ids).logits.argmax(-1) == mini.model(ids).logits.argmax(-1)
    assert agree.float().mean() > 0.9
