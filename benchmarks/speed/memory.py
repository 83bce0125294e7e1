"""The memory that a process uses, and its peak. The peak is known only on Linux."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def held() -> int:
    """Return the size of this process in memory in bytes."""
    import psutil

    return psutil.Process().memory_info().rss


def peak() -> int | None:
    """Return the peak in bytes since `forget_peak`; None if the system doesn't report it."""
    if sys.platform != "linux":
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text("utf-8").splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


def forget_peak() -> None:
    """Reset `peak`."""
    if sys.platform == "linux":
        _CLEAR.write_text("5\n", "utf-8")
