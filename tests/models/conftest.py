"""Checkpoints that several of these tests load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cg2magic.models.grouping import SAMPLE
from tests.checkpoints import train, write_checkpoint


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Compute on one thread: for models this small, waiting for a second one takes longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
