"""Models larger than one GPU. There is no GPU here: what goes where is looked at, and nothing is moved."""

from __future__ import annotations

import pytest
import torch

from cg2magic.errors import LoadError
from cg2magic.models import multi_gpu
from cg2magic.models.loading import load_model
from tests.checkpoints import make_config, write_checkpoint
from tests.models.conftest import FakeGpu


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "m", make_config(layers=4, width=128))


@pytest.fixture
def small_gpu(fake_gpus):
    """A machine that says it has a GPU, with room for nothing."""
    fake_gpus(FakeGpu("NVIDIA A2", (8, 6), free=1000))


def test_blocks_are_laid_over_the_gpus_and_never_split(folder):
    model = load_model(str(folder)).model
    block = sum(weight.nbytes for weight in model.model.layers[0].parameters())
    rest = model.model.embed_tokens.weight.nbytes + model.lm_head.weight.nbytes
    where = multi_gpu.layout(model, {0: 2 * block + rest, 1: 3 * block + rest, "cpu": 1 << 30})
    assert {0, 1} <= set(where.values())
    blocks = [name for name in where if name.startswith("model.layers.")]
    assert blocks
    assert all(name.count(".") == 2 for name in blocks)


@pytest.mark.usefixtures("small_gpu")
def test_what_does_not_fit_one_gpu_is_read_and_then_spread(folder, monkeypatch):
    spread = []

    def kept_on_the_cpu(model):
        spread.append({weight.dtype for weight in model.parameters()})
        return model

    monkeypatch.setattr(multi_gpu, "spread", kept_on_the_cpu)
    loaded = load_model(str(folder))
    assert spread == [{torch.bfloat16}]
    assert (loaded.device, loaded.precision) == ("cuda", "bf16")


@pytest.mark.usefixtures("small_gpu")
def test_without_accelerate_one_line_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(multi_gpu, "find_spec", lambda _: None)
    with pytest.raises(
        LoadError, match=r"no GPU has enough free memory.*pip install 'cg2magic\[accelerate\]'"
    ):
        load_model(str(folder))
