"""How many threads torch may use while a model of ours runs; the person's own number comes back after."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cg2magic.models import cgroups

#: Below this many parameters a second thread gains little on an idle machine, and loses nearly all
#: the speed on a busy one: the threads wait for each other at every small product. (mini, two cores, other
#: work going on: 51 tokens/s with one thread, 6 with two.)
_SMALL = 100_000_000

#: Where a person says how many threads to use. torch reads them once, when it is imported.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

_TOPOLOGY = Path("/sys/devices/system/cpu")


def is_small(parameters: int) -> bool:
    """Whether a model of so many parameters is one that a second thread does not help."""
    return parameters < _SMALL


@contextmanager
def threads_for(parameters: int) -> Iterator[None]:
    """Let torch use one thread for a small model, and for others as many as there are cores for it.

    It is never more than the person allows, by `torch.set_num_threads` or in the environment.
    """
    import torch

    before = _set_in_torch()
    wanted = 1 if is_small(parameters) else min(before, *_set_in_environment(), usable_cores())
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if _set_in_torch() == wanted:  # and the person has not set another one meanwhile
            torch.set_num_threads(before)


def usable_cores() -> int:
    """Return how many cores this process may keep busy: the least that anything on the machine says."""
    cores, share = _cores(), cgroups.processors()
    # A share of 2.5 is good for two: a third thread would get half a core, and the others wait for it.
    return cores if share is None else max(1, min(cores, math.floor(share)))


def _set_in_torch() -> int:
    """Return the number set last, by whichever thread.

    torch keeps one for each thread, and gives one that begins the number set last. So a thread that has
    worked before, as ours, does not hear of what the person sets in a cell; a new one does.
    """
    import torch

    numbers: list[int] = []
    thread = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()), name="cg2magic threads")
    thread.start()
    thread.join()
    return numbers[0]


def _set_in_environment() -> Iterator[int]:
    for name in _VARIABLES:
        # OpenMP's may be a list, one number a level of nesting.
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            yield int(first)


def _cores() -> int:
    """Return the number of physical cores among the processors that the process may run on.

    Two that share a core count once. A count of the whole machine's cores is wrong in a container that has
    some of them, and where a process is bound to two halves of one core.
    """
    import psutil

    allowed = _affinity()
    if allowed is None:
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    siblings = {_siblings(number) for number in allowed}
    if None not in siblings:
        return len(siblings)
    # No such files, as in some sandboxes.
    return min(len(allowed), psutil.cpu_count(logical=False) or len(allowed))


def _affinity() -> set[int] | None:
    """Return the processors that the process is bound to; None where the system can't say."""
    if hasattr(os, "sched_getaffinity"):
        # A thread keeps what it began with: what the person sets in a cell is the main thread's.
        return os.sched_getaffinity(os.getpid()) & os.sched_getaffinity(0) or os.sched_getaffinity(0)
    try:
        import psutil

        return set(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS has none
        return None


def _siblings(number: int) -> str | None:
    for name in ("core_cpus_list", "thread_siblings_list"):
        try:
            return (_TOPOLOGY / f"cpu{number}" / "topology" / name).read_text().strip()
        except OSError:
            continue
    return None
