"""The machine we measure on, the versions, and how fast its memory can be read."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

_PACKAGES = ("torch", "transformers", "ctranslate2", "xllamacpp", "numpy")
_BUFFER = 1 << 29  # larger than any cache


@dataclass(frozen=True, slots=True)
class Machine:
    """The properties of a machine that speed depends on."""

    cpu: str
    cores: int
    threads: int
    memory: int
    system: str
    python: str
    instructions: tuple[str, ...]
    versions: dict[str, str] = field(default_factory=dict)

    def describe(self) -> str:
        """Describe it in one line."""
        can = ", ".join(self.instructions) or "no vector extensions known"
        return (
            f"{self.cpu}, {self.cores} cores ({can}), "
            f"{self.memory / 2**30:.0f} GiB, {self.system}, Python {self.python}"
        )


def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    import psutil

    logical = os.cpu_count() or 1
    return Machine(
        cpu=_cpu(),
        cores=psutil.cpu_count(logical=False) or logical,
        threads=logical,
        memory=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        instructions=_instructions(),
        versions={name: found for name in _PACKAGES if (found := version(name))},
    )


def version(package: str) -> str:
    """Return the version of a package; empty if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _instructions() -> tuple[str, ...]:
    """Return the instruction sets that determine which kernels run."""
    flags = next((line.split() for line in _cpuinfo() if line.startswith(("flags", "Features"))), [])
    wanted = {
        "avx2": "AVX2",
        "avx512f": "AVX-512",
        "avx512_vnni": "VNNI",
        "avx512_bf16": "BF16",
        "amx_int8": "AMX",
        "asimddp": "dot product",
        "i8mm": "I8MM",
    }
    return tuple(name for flag, name in wanted.items() if flag in flags)


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return []


class Reader:
    """Reads memory from end to end: no engine can write tokens faster than its weights are read."""

    def __init__(self, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        # Write the memory once, so that its pages are allocated.
        self._floats = torch.ones(_BUFFER // 4)

    def read(self, times: int = 5) -> float:
        """Return bytes per second, the best of several passes."""
        best = float("inf")
        for _ in range(times):
            started = time.perf_counter()
            self._floats.sum()
            best = min(best, time.perf_counter() - started)
        return _BUFFER / best
