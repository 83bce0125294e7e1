"""Where a model goes and in which precision, and whether there is room for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cg2magic import cgroups
from cg2magic.errors import LoadError
from cg2magic.models.wording import gigabytes

if TYPE_CHECKING:
    import torch

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}

# A CPU reads every weight once a token. Up to here that is quick in float32, which is also the exact one.
_FP32_UP_TO = 300_000_000

# What a load needs beside the weights: one tensor in two forms, and what the check of the grouping computes.
_HEADROOM = 1.1


def resolve_device(device: str) -> str:
    """Choose a device for ``"auto"``; make sure that another one is there.

    Raises
    ------
    LoadError
        There is no such device.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError):
        raise LoadError(
            f"there is no device {device!r}; use 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'"
        ) from None
    if wanted.type == "cuda":
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        is_there = (wanted.index or 0) < there
    else:
        is_there = wanted.type == "cpu" or (wanted.type == "mps" and torch.backends.mps.is_available())
    if not is_there:
        raise LoadError(f"this machine has no device {device!r} that torch can use; use 'auto' or 'cpu'")
    return str(wanted)


def resolve_precision(precision: str, device: str, parameters: int) -> str:
    """Choose a precision for ``"auto"``, by the device and the size of the model.

    Raises
    ------
    LoadError
        There is no such precision.
    """
    import torch

    is_cpu = device.startswith("cpu")
    if precision == "int8" and not is_cpu:
        raise LoadError(f"int8 is for the CPU; on {device} use 'auto', 'bf16' or 'fp16'")
    if precision in BYTES:
        return precision
    if precision != "auto":
        raise LoadError(f"there is no precision {precision!r}; use 'auto', " + ", ".join(map(repr, BYTES)))
    if is_cpu:
        return "fp32" if parameters <= _FP32_UP_TO else "int8"
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "fp16"


def torch_dtype(precision: str) -> torch.dtype:
    """Return torch's type for a precision; around int8 weights everything is float32."""
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)


def fits(parameters: int, precision: str, device: str) -> bool:
    """Whether the weights fit; True where the system doesn't tell what is free."""
    free = free_memory(device)
    return free is None or parameters * BYTES[precision] * _HEADROOM <= free


def check_memory(parameters: int, precision: str, device: str) -> None:
    """Make sure, before anything is read, that the weights fit.

    Raises
    ------
    LoadError
        They don't; it names both sizes.
    """
    if fits(parameters, precision, device):
        return
    need, free = parameters * BYTES[precision] * _HEADROOM, free_memory(device) or 0
    where = "memory" if device.startswith("cpu") else f"memory of {device}"
    other = "int8" if device.startswith("cpu") else "bf16"
    smaller = f"precision={other!r} or " if precision == "fp32" else ""
    raise LoadError(
        f"not enough {where}: it needs {gigabytes(need)} in {precision} and {gigabytes(free)} "
        f"are free; try {smaller}a smaller model, or unload what else is in memory"
    )


def free_memory(device: str) -> int | None:
    """Return the bytes a load may take on a device; None where the system doesn't tell."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(torch.device(device))[0]
    # The memory of Apple's GPUs is the machine's own. In a container (a JupyterHub's pod, say) not all that
    # the machine has may be taken.
    known = [size for size in (_free_of_machine(), cgroups.free_memory()) if size is not None]
    return min(known, default=None)


def _free_of_machine() -> int | None:
    try:
        # It is there with ipykernel, and knows macOS and Windows as well.
        import psutil
    except ImportError:
        psutil = None
    if psutil is not None:
        return int(psutil.virtual_memory().available)
    if sys.platform == "linux":
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
