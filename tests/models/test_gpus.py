"""Which GPU is chosen, with what numbers, and why not. There is none here: see `fake_gpus`."""

from __future__ import annotations

import pytest
import torch

from cg2magic.errors import LoadError
from cg2magic.models import gpus, placement
from cg2magic.models.loading import load_model
from cg2magic.models.placement import free_memory, place, resolve_device, resolve_precision
from cg2magic.models.survey import survey
from cg2magic.service.manager import Manager
from tests.checkpoints import write_checkpoint
from tests.models.conftest import FakeGpu

P100, T4, A100 = FakeGpu("Tesla P100", (6, 0)), FakeGpu("Tesla T4", (7, 5)), FakeGpu("NVIDIA A100", (8, 0))
TOO_OLD = (
    r"Tesla P100 \(compute capability 6\.0\) is too old for this torch, whose kernels are for 7\.0 to 9\.0"
)
LARGE = 30_000_000_000


def test_a_gpu_that_torch_has_no_kernels_for_is_left_alone(fake_gpus):
    fake_gpus(P100)
    assert resolve_device("auto") == "cpu"
    assert survey().machine.device == "cpu"
    with pytest.raises(LoadError, match=f"{TOO_OLD}; use device='cpu'"):
        resolve_device("cuda")
    fake_gpus(P100, kernels="sm_50 sm_60 sm_70")
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"


def test_the_next_gpu_is_taken_where_the_first_is_too_old(fake_gpus):
    fake_gpus(P100, T4)
    assert resolve_device("auto") == resolve_device("cuda:1") == "cuda:1"
    with pytest.raises(LoadError, match="too old"):
        resolve_device("cuda:0")


def test_one_that_cannot_be_opened_says_why(fake_gpus):
    fake_gpus(FakeGpu("A", (8, 0), broken="CUDA error: all CUDA-capable devices are busy\nor unavailable"))
    assert resolve_device("auto") == "cpu"
    with pytest.raises(LoadError, match=r"cuda can't be used: .* busy or unavailable; use"):
        resolve_device("cuda")


def test_a_model_that_is_on_the_cpu_beside_a_gpu_says_why(fake_gpus, checkpoint):
    fake_gpus(P100)
    loaded = load_model(str(checkpoint))
    assert loaded.device == "cpu"
    (note,) = loaded.notes
    assert note.startswith("not on the GPU: Tesla P100 (compute capability 6.0) is too old")
    assert load_model(str(checkpoint), device="cpu").notes == ()
    with pytest.raises(LoadError, match=TOO_OLD):
        load_model(str(checkpoint), device="cuda")


@pytest.mark.parametrize(
    ("capability", "kernels", "runs"),
    [
        ((8, 9), "sm_80", True),  # code of the same generation
        ((8, 0), "sm_86", False),
        ((9, 0), "sm_80 sm_86", False),
        ((9, 0), "sm_80 compute_80", True),  # translated
        ((7, 5), "compute_80", False),
        ((9, 0), "sm_90a", True),
        ((9, 1), "sm_90a", False),  # for that chip alone
        ((12, 1), "sm_120f", True),
        ((12, 0), "sm_100 sm_120", True),
        ((10, 3), "sm_75 compute_120", False),
        ((5, 2), "", True),  # it doesn't say
        ((9, 0), "gfx942", True),  # another maker's names
    ],
)
def test_kernels_run_on_their_generation_and_translated_ones_on_all_above(capability, kernels, runs):
    said = gpus._no_kernels(capability, kernels.split())
    assert (said is None) == runs, said


def test_one_that_is_newer_than_torch_is_called_so():
    said = gpus._no_kernels((12, 0), ["sm_75", "sm_90"])
    assert said == "(compute capability 12.0) is too new for this torch, whose kernels are for 7.5 to 9.0"


def test_bfloat16_that_is_only_imitated_is_not_used(fake_gpus, monkeypatch):
    fake_gpus(T4, A100)
    assert resolve_precision("auto", "cuda", LARGE) == "fp16"
    assert resolve_precision("auto", "cuda:1", LARGE) == "bf16"
    assert resolve_precision("bf16", "cuda", LARGE) == "bf16"  # whoever asks for it gets it
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert resolve_precision("auto", "cuda", LARGE) == "bf16"  # AMD's have it


def test_another_gpu_with_room_is_taken_but_not_for_one_that_was_asked_for(fake_gpus):
    fake_gpus(FakeGpu("a", (8, 0), free=10**9), P100, FakeGpu("c", (8, 0), free=70 * 10**9))
    assert place(LARGE, "bf16", "cuda", is_free=True) == ("cuda:2", False)
    with pytest.raises(
        LoadError, match=r"not enough memory of cuda: it needs 66\.0 GB in bf16, but only 1\.0 GB"
    ):
        place(LARGE, "bf16", "cuda", is_free=False)


@pytest.mark.parametrize("is_free", [True, False])
def test_a_second_model_without_room_beside_the_first_is_told_to_wait(fake_gpus, checkpoint, is_free):
    fake_gpus(FakeGpu("a", (8, 0), free=30_000_000_000))
    loaded = load_model(str(checkpoint), device="cpu")
    first = Resident(loaded.name, "cuda:0", 40_000_000_000)
    with pytest.raises(LoadError) as caught:
        place(LARGE, "bf16", "cuda", is_free=is_free, resident=first)
    assert str(caught.value) == (
        "not enough memory of cuda beside random, which is loaded: it needs 66.0 GB in bf16, but only "
        "30.0 GB is free; run `%cg2 unload` first, which gives back 40.0 GB"
    )
    # Where that would not help, it is not advised.
    for other in (Resident("small", "cuda", 10**9), Resident("elsewhere", "cpu", 10**12)):
        with pytest.raises(LoadError, match="try a smaller model"):
            place(LARGE, "bf16", "cuda", is_free=False, resident=other)


class Resident:
    """What is asked of the model that is in memory."""

    def __init__(self, name: str, device: str, memory: int) -> None:
        self.name, self.device, self.memory = name, device, memory


def test_on_the_cpu_the_second_is_told_the_same_and_the_first_stays(monkeypatch, request, tmp_path):
    manager = Manager()
    request.addfinalizer(manager.close)
    first = manager.load("mini")
    monkeypatch.setattr(placement, "free_memory", lambda _: 100_000)
    with pytest.raises(
        LoadError, match=r"not enough memory beside mini, which is loaded: .*%cg2 unload` first"
    ):
        manager.load(str(write_checkpoint(tmp_path / "second")))
    assert manager.status().model is first
    assert first.model is not None
    manager.unload()
    with pytest.raises(LoadError, match="a smaller model"):
        manager.load(str(tmp_path / "second"))


def test_what_torch_has_and_does_not_use_is_free(fake_gpus, monkeypatch):
    fake_gpus(FakeGpu("a", (8, 0), free=1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 200)
    assert free_memory("cuda") == 1300
