"""What a process holds in memory, and the most it has held. Known on Linux; elsewhere without the peaks."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def held() -> int:
    """Return the bytes of this process that are in memory."""
    import psutil

    return psutil.Process().memory_info().rss


def peak() -> int | None:
    """Return the most bytes it has held since `forget_peak`; None where the system doesn't tell."""
    if sys.platform != "linux":
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text("utf-8").splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


def forget_peak() -> None:
    """Let `peak` count from here."""
    if sys.platform == "linux":
        _CLEAR.write_text("5\n", "utf-8")
