"""What the control groups of Linux leave to this process, of the machine's processors and of its memory.

A container, a JupyterHub's pod, a batch job or a service may use less than the machine has. Groups are
nested, and each one's limit holds for all that are in it, so the whole chain of them is read, from the
process's own group up to the root. Both versions of the interface are read, for both may be there at once: in
the second one tree holds all limits, in the first each kind has a tree of its own.

Sources: the kernel's *Control Group v2*, *Memory Resource Controller* (v1) and *CFS Bandwidth Control*;
``cgroups(7)`` and ``proc_pid_mountinfo(5)`` for where a process's group is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: What is read of the process: ``cgroup`` and ``mountinfo``.
_PROCESS = Path("/proc/self")

#: Of the pages that count as used, those of files and of the kernel's caches make way for others.
_MAKES_WAY = ("inactive_file", "active_file", "slab_reclaimable")
_MAKES_WAY_V1 = ("total_inactive_file", "total_active_file")


def free_memory() -> int | None:
    """Return the bytes that the process may still take; None where no group has a limit."""
    free = [
        *(_left(group, ("memory.max", "memory.high"), "memory.current", _MAKES_WAY) for group in _groups("")),
        *(
            _left(group, ("memory.limit_in_bytes",), "memory.usage_in_bytes", _MAKES_WAY_V1)
            for group in _groups("memory")
        ),
    ]
    return min((size for size in free if size is not None), default=None)


def processors() -> float | None:
    """Return how many processors' time the process may use, such as 2.5; None where no group has a limit."""
    shares = [
        *(_quotient(_words(group / "cpu.max")) for group in _groups("")),
        *(
            _quotient(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"))
            for group in _groups("cpu")
        ),
    ]
    return min((share for share in shares if share is not None), default=None)


def _left(group: Path, limits: tuple[str, ...], used: str, makes_way: tuple[str, ...]) -> int | None:
    """Return what a group's limit leaves, None where it has none."""
    most = [size for name in limits if (size := _number(group / name)) is not None]
    taken = _number(group / used)
    if not most or taken is None:
        return None
    counts = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    return max(0, min(most) - taken + sum(int(counts.get(name, 0)) for name in makes_way))


def _quotient(quota_and_period: list[str]) -> float | None:
    """Return how many processors a quota of time is, None for "max" or -1, which are none."""
    try:
        quota, period = map(int, quota_and_period)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that the process is in, its own first, then what holds that.

    Parameters
    ----------
    controller : str
        ``"cpu"`` or ``"memory"`` for its tree of the first version, ``""`` for the one of the second.
    """
    inside, mounts = _path(controller), list(_mounts(controller))
    if inside is None or not mounts:
        return
    # Where the process's own group can't be seen (it is in a namespace above), what is mounted stands for it.
    found = ((folder, steps) for folder, root in mounts if (steps := _below(inside, root)) is not None)
    folder, parts = next(found, (mounts[0][0], ()))
    for length in range(len(parts), -1, -1):
        yield folder.joinpath(*parts[:length])


def _below(path: str, root: str) -> tuple[str, ...] | None:
    """Return the steps from one group down to another; None where it isn't below."""
    steps, above = Path(path).parts, Path(root).parts
    if ".." in steps + above or steps[: len(above)] != above:
        return None
    return steps[len(above) :]


def _path(controller: str) -> str | None:
    """Return the process's group in a tree, as ``/proc/self/cgroup`` has it."""
    for line in _lines(_PROCESS / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.removesuffix(" (deleted)")
    return None


def _mounts(controller: str) -> Iterator[tuple[Path, str]]:
    """Yield where a tree is mounted, and which of its groups is the root there."""
    for line in _lines(_PROCESS / "mountinfo"):
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if (kind == "cgroup2") if not controller else (kind == "cgroup" and controller in options.split(",")):
            root, folder = (_plain(field) for field in left.split(" ")[3:5])
            yield Path(folder), root


def _plain(field: str) -> str:
    """Undo how spaces and the like are written in mountinfo."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _number(file: Path) -> int | None:
    """Return the number in a file; None where it isn't there or says "max"."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):
        return []
