"""Checkpoints that several of these tests load."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from cg2magic.models import gpus
from cg2magic.models.codegen.grouping import SAMPLE
from tests.checkpoints import train, write_checkpoint


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Compute on one thread: for models this small, waiting for a second one takes longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class FakeGpu:
    """A GPU as torch.cuda describes it."""

    name: str
    capability: tuple[int, int]
    free: int = 80_000_000_000
    broken: str = ""  # what it says instead of computing


@pytest.fixture
def fake_gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A stand-in for a machine's GPUs, of which there are none here: it answers as torch.cuda does.

    Nothing computes on them: what is chosen, and what is said, is all that can be looked at.
    """

    def put(*fakes: FakeGpu, kernels: str = "sm_70 sm_75 sm_80 sm_86 sm_90 compute_90") -> None:
        def fake(device: str) -> FakeGpu:
            return fakes[torch.device(device).index or 0]

        def compute(device: str) -> None:
            if fake(device).broken:
                raise RuntimeError(fake(device).broken)

        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(fakes))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(fakes))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: fake(device).name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: fake(device).capability)
        monkeypatch.setattr(torch.cuda, "get_arch_list", kernels.split)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (fake(device).free, 80_000_000_000))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
        monkeypatch.setattr(gpus, "_compute_on", compute)

    return put


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of random weights that says it has 8 groups."""
    return write_checkpoint(tmp_path / "random")


@pytest.fixture(scope="session")
def trained(_one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Two checkpoints that have learned the sample, by their groups; neither declares them."""
    folder = tmp_path_factory.mktemp("trained")
    return {
        groups: write_checkpoint(folder / f"in-{groups}", *train(SAMPLE, groups), declared=None)
        for groups in (8, 4)
    }
