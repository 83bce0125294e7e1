"""How many threads torch may use while a model of ours runs; the person's own number comes back after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: Below this many parameters a second thread gains little on an idle machine, and loses nearly all
#: the speed on a busy one: the threads wait for each other at every small product. (mini, two cores, other
#: work going on: 51 tokens/s with one thread, 6 with two.)
_SMALL = 100_000_000


def is_small(parameters: int) -> bool:
    """Whether a model of so many parameters is one that a second thread does not help."""
    return parameters < _SMALL


@contextmanager
def threads_for(parameters: int) -> Iterator[None]:
    """Let torch use one thread for a small model, and the physical cores for others.

    A number that the person set (``OMP_NUM_THREADS``) is kept for others, as is torch's own choice where
    it is lower.
    """
    import psutil
    import torch

    before = torch.get_num_threads()
    if is_small(parameters):
        wanted = 1
    elif "OMP_NUM_THREADS" in os.environ:
        wanted = before
    else:
        wanted = psutil.cpu_count(logical=False) or before
    if wanted != before:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if wanted != before:
            torch.set_num_threads(before)
