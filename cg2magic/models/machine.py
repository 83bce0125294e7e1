"""What of this machine decides which models run well on it: device, cores, memory, and how fast that is.

To write a token, a model reads all its weights. So the speed at which the device reads its memory tells how
many tokens it will write in a second, within about a third.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

from cg2magic.models.placement import free_memory, resolve_device
from cg2magic.models.threads import cores_to_use, threads_for

#: Numbers in the matrix that is read: 128 MB, more than any cache holds.
_ROWS, _COLUMNS = 8192, 4096
_TIMES = 8
#: Parameters of a model that uses one core, and of one that uses all.
_SMALL, _LARGE = 1_000_000, 1_000_000_000
#: Seconds for each token besides reading the weights, in torch and in llama.cpp: measured with models of 0.5
#: and 1.5 B parameters on two cores with AVX-512.
_OVERHEAD = {"torch": 0.020, "llama.cpp": 0.012}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a model would run.

    Attributes
    ----------
    device : str
        What ``device="auto"`` means here.
    cores : int
        How many cores a model may use.
    free : int or None
        Free memory of the device in bytes; None if the system doesn't report it.
    read_speed : float
        How many bytes of its memory the device reads in a second.
    """

    device: str
    cores: int
    free: int | None
    read_speed: float

    @property
    def is_cpu(self) -> bool:
        """Whether models run on the CPU."""
        return self.device.startswith("cpu")

    def tokens_per_second(self, weights: int, runs_in: str) -> float:
        """Estimate how fast a model writes.

        Parameters
        ----------
        weights : int
            Size of its weights in bytes.
        runs_in : {"torch", "llama.cpp"}
        """
        return 1 / (weights / self.read_speed + _OVERHEAD[runs_in])


def this_machine() -> Machine:
    """Look at this machine; the first time, this reads some memory for a fraction of a second."""
    device = resolve_device("auto")
    return Machine(device, cores_to_use(), free_memory(device), _read_speed(device))


@cache
def _read_speed(device: str) -> float:
    """Measure how fast a device reads memory: the best of several products of a matrix and a vector."""
    import torch

    matrix = torch.ones(_ROWS, _COLUMNS, device=device)
    vector = torch.ones(_COLUMNS, device=device)
    seconds = []
    # On a busy machine several threads wait for each other, and one alone comes nearer to the truth.
    for parameters in (_SMALL, _LARGE):
        with threads_for(parameters):
            for _ in range(_TIMES):
                started = time.perf_counter()
                matrix.mv(vector)[0].item()  # to get a number, Python waits for the GPU
                seconds.append(time.perf_counter() - started)
    return float(matrix.nbytes / min(seconds))
