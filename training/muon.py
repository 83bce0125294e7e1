"""Muon in the precision that this processor is fast in, its work divided among the team.

`torch.optim.Muon` makes its updates orthogonal in bfloat16; on a processor without instructions for that,
it takes longer than the model itself. The arithmetic is the same: Nesterov momentum, five steps of a quintic
Newton-Schulz iteration (Keller Jordan, *Muon: An optimizer for hidden layers in neural networks*, 2024),
decoupled weight decay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.team import Team

A, B, C = 3.4445, -4.7750, 2.0315


def orthogonal(update: Tensor, dtype: torch.dtype, steps: int = 5) -> Tensor:
    """Return about ``U Vᵀ`` of an update ``U S Vᵀ``, (rows, columns)."""
    x = update.to(dtype)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=B, alpha=C), wide, beta=A)
    return (wide if x.shape[0] <= x.shape[1] else wide.T).float()


class Muon(torch.optim.Optimizer):
    """Muon for matrices; every process keeps all the momentum and makes a share of them orthogonal."""

    def __init__(
        self,
        matrices: list[Tensor],
        team: Team,
        dtype: torch.dtype,
        *,
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.1,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._team, self._dtype = team, dtype

    @torch.no_grad()
    def step(self) -> None:
        """Update the matrices from their gradients."""
        for group in self.param_groups:
            matrices = sorted(group["params"], key=Tensor.numel)
            updates = [self._update(at, matrix, group["momentum"]) for at, matrix in enumerate(matrices)]
            self._team.sum(updates)
            for matrix, update in zip(matrices, updates, strict=True):
                rows, columns = matrix.shape
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)

    def _update(self, at: int, matrix: Tensor, momentum: float) -> Tensor:
        """Return this process's part of the update: zero where the matrix is another's."""
        state = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        average = state["momentum"].lerp_(matrix.grad, 1 - momentum)
        if at % self._team.size != self._team.rank:
            return torch.zeros_like(matrix)
        return orthogonal(matrix.grad.lerp(average, momentum), self._dtype)
