"""Muon here is torch's Muon, whoever does the work."""

from __future__ import annotations

import pytest
import torch

from training.muon import Muon, orthogonal
from training.team import Team

SHAPES = [(64, 32), (32, 96), (48, 48)]


def trained(make, steps: int = 3) -> list[torch.Tensor]:
    """Return matrices after a few steps with the same gradients each time."""
    random = torch.Generator().manual_seed(0)
    matrices = [torch.randn(shape, generator=random).requires_grad_() for shape in SHAPES]
    optimizer = make(matrices)
    for _ in range(steps):
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=random)
        optimizer.step()
    return matrices


def test_in_bfloat16_it_does_what_torchs_own_does():
    theirs = trained(lambda matrices: torch.optim.Muon(matrices, lr=0.01))
    ours = trained(lambda matrices: Muon(matrices, Team(), torch.bfloat16, lr=0.01))
    for a, b in zip(theirs, ours, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_update_has_singular_values_near_one(shape):
    update = orthogonal(torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.float32)
    values = torch.linalg.svdvals(update)
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_two_processes_together_make_what_one_makes(monkeypatch):
    parts: list[list[torch.Tensor]] = []
    monkeypatch.setattr(Team, "sum", lambda _, updates: parts.append([u.clone() for u in updates]))
    for rank in (0, 1):
        trained(lambda matrices, rank=rank: Muon(matrices, Team(rank, 2), torch.float32, lr=0.01), steps=1)
    trained(lambda matrices: Muon(matrices, Team(), torch.float32, lr=0.01), steps=1)
    first, second, whole = parts
    for a, b, both in zip(first, second, whole, strict=True):
        assert torch.equal(a + b, both)
        assert not a.any() or not b.any()
