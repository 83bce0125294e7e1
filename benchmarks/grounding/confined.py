"""The whole benchmark in a sandbox: it executes cells of other people's notebooks, and lines of models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from cg2magic.sandbox import guest
from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
_LIMITS = Limits(
    cpu_seconds=100_000, memory=16 << 30, processes=512, file_size=1 << 30, folder_size=1 << 30, files=1024
)
_INSIDE = "CG2MAGIC_BENCHMARK_IS_CONFINED"


def is_inside() -> bool:
    """Whether this process is in the sandbox."""
    return _INSIDE in os.environ


def enter(arguments: Sequence[str], places: Sequence[Path]) -> int:
    """Run this benchmark again in a sandbox, without a network; return its exit status.

    Parameters
    ----------
    arguments : sequence of str
    places : sequence of Path
        What it may read besides the interpreter and this project: models, archives.
    """
    sandbox = Sandbox(limits=_LIMITS)
    ours = [ROOT / name for name in ("cg2magic", "benchmarks", "training")]
    command, environment = sandbox.around([*ours, *places])
    python = [sys.executable, "-m", "benchmarks.grounding", *arguments]
    inside = {**environment, "PYTHONPATH": str(ROOT), _INSIDE: "yes"}
    return subprocess.run([*command, *python], env=inside, check=False).returncode


def give_up_rights() -> None:
    """Set the limits; to be called inside, before anything is executed."""
    if os.geteuid() == 0:
        guest.give_up_rights(65534)
    guest.limit({**asdict(replace(_LIMITS, processes=4096)), "confined": True})
