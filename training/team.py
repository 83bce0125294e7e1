"""Two processes of one thread each, instead of one process of two threads.

They meet once a step, to add up their gradients, where the threads of one process meet at every operation.
On a machine that is busy with something else this is the difference between a half and all of the time left.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

RANK = "CG2MAGIC_TRAINING_RANK"


@dataclass(frozen=True)
class Team:
    """A process's number among ``size``."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process keeps the time, prints and saves."""
        return self.rank == 0

    def sum(self, tensors: list[Tensor], clock: tuple[float, ...] = ()) -> tuple[float, ...]:
        """Replace tensors by their sum over the team; return the leader's ``clock``."""
        if self.size == 1:
            return clock
        times = torch.tensor(clock) * self.leads
        flat = torch.cat([times, *(tensor.flatten() for tensor in tensors)])
        dist.all_reduce(flat)
        at = len(clock)
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()
        return tuple(flat[: len(clock)].tolist())

    def part(self) -> None:
        """Let the others go; the leader goes on with the threads of all."""
        if self.size > 1:
            dist.destroy_process_group()
            torch.set_num_threads(self.size)


def form(size: int, folder: Path) -> Team:
    """Start the other processes with this one's own command line, and meet them."""
    if size == 1:
        return Team()
    rank = int(os.environ.get(RANK, "0"))
    meeting = folder.resolve() / "meeting"
    if rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        meeting.unlink(missing_ok=True)
        for other in range(1, size):
            command = [sys.executable, "-m", "training.run", *sys.argv[1:]]
            subprocess.Popen(command, env={**os.environ, RANK: str(other)})
    # The processes are of one machine; a machine may be suspended for hours.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "gloo", init_method=meeting.as_uri(), rank=rank, world_size=size, timeout=timedelta(hours=12)
    )
    return Team(rank, size)
