"""How much CPU time and memory Linux control groups (cgroups) allow this process.

A container, a JupyterHub pod, a batch job or a service may use less than the machine has. Groups are nested,
and the limit of a group applies to everything in it. So we read the whole chain, from the process's own group
up to the root. We read both versions of the interface, because a system may use both at once: version 2 has
one tree for all limits, version 1 has a tree for each kind of limit.

Sources: the kernel's *Control Group v2*, *Memory Resource Controller* (v1) and *CFS Bandwidth Control*;
``cgroups(7)`` and ``proc_pid_mountinfo(5)`` describe how to find a process's group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

#: Folder of the files about this process: ``cgroup`` and ``mountinfo``.
_PROCESS = Path("/proc/self")

#: Memory that counts as used but that the kernel can free: file pages and the kernel's own caches.
_MAKES_WAY = ("inactive_file", "active_file", "slab_reclaimable")
_MAKES_WAY_V1 = ("total_inactive_file", "total_active_file")


def free_memory() -> int | None:
    """Return how many more bytes the process may use; None if no group has a limit."""
    free = [
        *(_left(group, ("memory.max", "memory.high"), "memory.current", _MAKES_WAY) for group in _groups("")),
        *(
            _left(group, ("memory.limit_in_bytes",), "memory.usage_in_bytes", _MAKES_WAY_V1)
            for group in _groups("memory")
        ),
    ]
    return min((size for size in free if size is not None), default=None)


def processors() -> float | None:
    """Return how many processors the process may use, such as 2.5; None if no group has a limit."""
    shares = [
        *(_quotient(_words(group / "cpu.max")) for group in _groups("")),
        *(
            _quotient(_words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us"))
            for group in _groups("cpu")
        ),
    ]
    return min((share for share in shares if share is not None), default=None)


def _left(group: Path, limits: tuple[str, ...], used: str, makes_way: tuple[str, ...]) -> int | None:
    """Return how many bytes are left below a group's limit; None if it has no limit."""
    most = [size for name in limits if (size := _number(group / name)) is not None]
    taken = _number(group / used)
    if not most or taken is None:
        return None
    counts = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    return max(0, min(most) - taken + sum(int(counts.get(name, 0)) for name in makes_way))


def _quotient(quota_and_period: list[str]) -> float | None:
    """Convert a CPU quota to a number of processors; None for "max" or -1, which mean no limit."""
    try:
        quota, period = map(int, quota_and_period)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the process's groups: its own first, then each parent.

    Parameters
    ----------
    controller : str
        ``"cpu"`` or ``"memory"`` for that tree of version 1, ``""`` for the tree of version 2.
    """
    inside, mounts = _path(controller), list(_mounts(controller))
    if inside is None or not mounts:
        return
    # If the process's own group isn't visible (it is in a parent namespace), use the mounted group instead.
    found = ((folder, steps) for folder, root in mounts if (steps := _below(inside, root)) is not None)
    folder, parts = next(found, (mounts[0][0], ()))
    for length in range(len(parts), -1, -1):
        yield folder.joinpath(*parts[:length])


def _below(path: str, root: str) -> tuple[str, ...] | None:
    """Return the path from one group down to another; None if the other is not below it."""
    steps, above = Path(path).parts, Path(root).parts
    if ".." in steps + above or steps[: len(above)] != above:
        return None
    return steps[len(above) :]


def _path(controller: str) -> str | None:
    """Return the process's group in a tree, from ``/proc/self/cgroup``."""
    for line in _lines(_PROCESS / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.removesuffix(" (deleted)")
    return None


def _mounts(controller: str) -> Iterator[tuple[Path, str]]:
    """Yield where a tree is mounted, and which of its groups is mounted there as the root."""
    for line in _lines(_PROCESS / "mountinfo"):
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if (kind == "cgroup2") if not controller else (kind == "cgroup" and controller in options.split(",")):
            root, folder = (_plain(field) for field in left.split(" ")[3:5])
            yield Path(folder), root


def _plain(field: str) -> str:
    """Undo the escaping of spaces and similar characters in mountinfo."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def _number(file: Path) -> int | None:
    """Return the number in a file; None if the file doesn't exist or says "max"."""
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
