"""The count of groups in ``qkv_proj`` is found and proven, or asked for."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch

from cg2magic.errors import LoadError
from cg2magic.models.codegen.checkpoint import CodegenShape
from cg2magic.models.codegen.grouping import declared_in, judge, possible_counts
from cg2magic.models.loading import load_model
from tests.checkpoints import make_config, make_weights, write_checkpoint

IDS = torch.arange(100)[None]


def copy_declaring(folder: Path, copy: Path, groups: int) -> str:
    """Copy a checkpoint, and give it the code of one with this many groups."""
    shutil.copytree(folder, copy)
    (copy / "modeling_codegen.py").write_text(f"class Attention:\n    mp_num = {groups}\n")
    return str(copy)


@pytest.mark.parametrize("groups", [8, 4])
def test_a_trained_checkpoint_that_declares_nothing_shows_its_count(trained, groups):
    loaded = load_model(str(trained[groups]))
    assert loaded.groups == groups
    plain = load_model(str(trained[groups]), groups=groups)
    assert torch.equal(loaded.model(IDS).logits, plain.model(IDS).logits)


@pytest.mark.parametrize("groups", [8, 4])
def test_a_trained_checkpoint_that_declares_the_wrong_count_is_refused(trained, tmp_path, groups):
    forged = copy_declaring(trained[groups], tmp_path / "forged", 12 - groups)
    with pytest.raises(LoadError, match=f"declared to be in {12 - groups} groups.* try groups={groups}$"):
        load_model(forged)
    assert load_model(forged, groups=groups).groups == groups
    with pytest.raises(LoadError, match=f"try groups={groups}$"):
        load_model(str(trained[groups]), groups=12 - groups)
    with pytest.raises(LoadError, match=f"try groups={groups}$"):
        load_model(str(trained[groups]), groups=2)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_proof_holds_in_half_precision(trained, precision):
    assert load_model(str(trained[8]), precision=precision).groups == 8
    assert load_model(str(trained[4]), precision=precision).groups == 4


@pytest.mark.parametrize("scale", [0.02, 0.2, 0.6])
def test_random_weights_leave_it_to_the_declaration(tmp_path, scale):
    config = make_config()
    for seed in range(3):
        weights = make_weights(config, seed=seed, scale=scale)
        for declared in (8, 4, 2):
            folder = write_checkpoint(tmp_path / f"{seed}-{declared}", config, weights, declared=declared)
            assert load_model(str(folder)).groups == declared


def test_random_weights_without_a_declaration_are_asked_about(tmp_path):
    folder = str(write_checkpoint(tmp_path / "m", declared=None))
    with pytest.raises(LoadError, match=r"give the number with groups=8 or 4$"):
        load_model(folder)
    assert load_model(folder, groups=4).groups == 4
    assert load_model(folder, groups=8).groups == 8


def test_heads_that_allow_one_count_only_need_no_declaration(tmp_path):
    config = make_config(heads=4)
    assert load_model(str(write_checkpoint(tmp_path / "m", config, declared=None))).groups == 4


def test_a_count_that_does_not_divide_the_heads_is_refused(tmp_path):
    with pytest.raises(LoadError, match="4 attention heads can't be split into 8 groups; try groups=4"):
        load_model(str(write_checkpoint(tmp_path / "m", make_config(heads=4), declared=8)))
    six = str(write_checkpoint(tmp_path / "six", make_config(width=60, heads=6), declared=None))
    with pytest.raises(LoadError, match="can't be split into 8 or 4 groups; give the right number"):
        load_model(six)
    assert load_model(six, groups=3).groups == 3
    with pytest.raises(LoadError, match="into -8 groups"):
        possible_counts(CodegenShape(1, 64, 8, 4, 256, 100), -8)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("class A:\n    def f(self):\n        # logical cores\n        mp_num = 8\n", 8),
        ("mp_num=4", 4),
        ("mp_num = 4\nmp_num = 4\n", 4),
        ("mp_num = 4\nmp_num = 8\n", None),  # it says two things
        ("# mp_num = 8\n", None),
        ("mp_num = cores()\n", None),
        ("", None),
    ],
)
def test_the_declaration_is_read_from_the_text_of_the_code(tmp_path, text, count):
    (tmp_path / "modeling_codegen.py").write_text(text)
    assert declared_in(tmp_path) == count


def test_code_that_is_no_text_declares_nothing(tmp_path):
    assert declared_in(tmp_path) is None
    (tmp_path / "modeling_codegen.py").write_bytes(bytes(range(256)))
    assert declared_in(tmp_path) is None


def test_the_verdict_follows_the_losses():
    def verdict(in_8: float, in_4: float, declared: int | None) -> int | None:
        try:
            return judge({8: in_8, 4: in_4}, declared, vocabulary=51200)
        except LoadError:
            return None

    assert verdict(0.34, 8.93, None) == 8
    assert verdict(8.93, 0.34, None) == 4
    assert verdict(0.34, 8.93, 8) == 8
    assert verdict(0.34, 8.93, 4) is None
    assert verdict(10.8, 10.9, 4) == 4  # nothing is learned: ln(51200) is 10.8
    assert verdict(10.8, 10.9, None) is None
    assert verdict(30.0, 40.0, None) is None  # far apart, and still nothing is learned
    assert verdict(30.0, 40.0, 4) == 4
    assert verdict(2.0, 2.1, 4) == 4  # hardly apart
    assert verdict(2.0, 2.1, None) is None
    assert verdict(2.0, math.inf, None) == 8  # the wrong count may leave half precision's range
    assert verdict(2.0, math.inf, 4) is None
    assert verdict(math.inf, math.inf, 8) is None
