"""How many threads torch uses while our models run; afterwards the user's own setting is restored."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cg2magic.models import cgroups

#: Below this many parameters, a second thread gains little on an idle machine and costs nearly all the speed
#: on a busy one: the threads wait for each other at every small matrix product. (mini on two busy cores:
#: 51 tokens/s with one thread, 6 with two.)
_SMALL = 100_000_000

#: Variables that set the number of threads. torch reads them once, when it is imported.
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")

#: Variables that say how OpenMP's threads wait, and for how many turns of a loop they do.
_WAITING = frozenset(("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"))
_SPINS = "10000"

_TOPOLOGY = Path("/sys/devices/system/cpu")


def is_small(parameters: int) -> bool:
    """Whether a model of this many parameters is too small to gain from a second thread."""
    return parameters < _SMALL


@contextmanager
def short_spins() -> Iterator[None]:
    """Let the threads of an OpenMP that is loaded here wait for each other only briefly before they sleep.

    They wait hundreds of times for a token. By default they wait without giving up the core, even for a
    thread that has none because something else computes. Qwen2.5-Coder-0.5B in int8 wrote 28 tokens/s on two
    quiet cores with either; beside one process that used a core, it was 19 by default and 26 with this many
    turns (2026-11-28, AMD EPYC). A tenth of the turns cost 15 % on quiet cores. OpenMP reads these variables
    when it is loaded; what users set themselves stays.
    """
    if _WAITING & os.environ.keys():
        yield
        return
    os.environ["GOMP_SPINCOUNT"] = _SPINS
    try:
        yield
    finally:
        del os.environ["GOMP_SPINCOUNT"]


def import_torch() -> None:
    """Import torch, whose threads then share the cores with other processes, see `short_spins`."""
    with short_spins():
        import torch  # noqa: F401


@contextmanager
def threads_for(parameters: int) -> Iterator[None]:
    """Let torch use one thread for a small model, and one per available core for other models.

    It never uses more than the user allows, with `torch.set_num_threads` or in the environment.
    """
    import torch

    before = _set_in_torch()
    wanted = 1 if is_small(parameters) else min(before, *_set_in_environment(), usable_cores())
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if _set_in_torch() == wanted:  # unless the user has changed it since
            torch.set_num_threads(before)


def cores_to_use() -> int:
    """Return how many threads a library other than torch should use: the cores, or what the user allows."""
    return min((usable_cores(), *_set_in_environment()))


def usable_cores() -> int:
    """Return how many cores this process may use: the lowest of all limits on this machine."""
    cores, share = _cores(), cgroups.processors()
    # Round 2.5 down to two: a third thread would get half a core, and the others would wait for it.
    return cores if share is None else max(1, min(cores, math.floor(share)))


def _set_in_torch() -> int:
    """Return the number of threads that was set last, in any thread.

    torch keeps the number for each thread, and a new thread starts with the number set last. So our worker
    thread doesn't see what the user sets in a cell, but a new thread does.
    """
    import torch

    numbers: list[int] = []
    thread = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()), name="cg2magic threads")
    thread.start()
    thread.join()
    return numbers[0]


def _set_in_environment() -> Iterator[int]:
    for name in _VARIABLES:
        # The OpenMP variable may be a list, with one number per nesting level.
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdecimal() and int(first) > 0:
            yield int(first)


def _cores() -> int:
    """Return the number of physical cores that the process may run on.

    Two logical processors of one core count once. The number of cores in the machine would be wrong in a
    container with fewer, and for a process bound to the two halves of one core.
    """
    import psutil

    allowed = _affinity()
    if allowed is None:
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    siblings = {_siblings(number) for number in allowed}
    if None not in siblings:
        return len(siblings)
    # These files don't exist in some sandboxes.
    return min(len(allowed), psutil.cpu_count(logical=False) or len(allowed))


def _affinity() -> set[int] | None:
    """Return the processors that the process is bound to; None if the system doesn't report them."""
    if hasattr(os, "sched_getaffinity"):
        # A thread keeps its initial affinity; what the user sets in a cell applies to the main thread only.
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
