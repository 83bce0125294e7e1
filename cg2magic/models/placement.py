"""Choose a device and a precision for a model, and check that it fits."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cg2magic.errors import LoadError
from cg2magic.models import cgroups, gpus, multi_gpu
from cg2magic.wording import gigabytes

if TYPE_CHECKING:
    import torch


BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}

# A CPU reads every weight once per token. Up to this size float32 is fast enough, and it is exact.
_FP32_UP_TO = 300_000_000

# Loading needs a bit more than the weights: one tensor is held twice, and the grouping check computes.
_HEADROOM = 1.1


def resolve_device(device: str) -> str:
    """Choose a device for ``"auto"``, a GPU if torch can use one; check that any other device exists.

    Raises
    ------
    LoadError
        If there is no such device, or torch can't use it.
    """
    import torch

    if device == "auto":
        usable = next((name for name in gpus.names() if gpus.trouble(name) is None), None)
        return usable or ("mps" if torch.backends.mps.is_available() else "cpu")
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
    if wanted.type == "cuda" and (trouble := gpus.trouble(device)):
        raise LoadError(f"{trouble}; use device='cpu', or 'auto', which takes another GPU if there is one")
    return str(wanted)


def resolve_precision(precision: str, device: str, parameters: int) -> str:
    """Choose a precision for ``"auto"``, from the device and the size of the model.

    Raises
    ------
    LoadError
        If there is no such precision, or the device doesn't support it.
    """
    import torch

    is_cpu = device.startswith("cpu")
    if precision == "int8" and not is_cpu:
        raise LoadError(f"int8 is for the CPU; on {device} use 'auto', 'bf16' or 'fp16'")
    if precision == "bf16" and device == "mps" and not torch.backends.mps.is_macos_or_newer(14, 0):
        raise LoadError("bf16 on mps needs macOS 14; use 'auto', 'fp16' or 'fp32'")
    if precision in BYTES:
        return precision
    if precision != "auto":
        raise LoadError(f"there is no precision {precision!r}; use 'auto', " + ", ".join(map(repr, BYTES)))
    if is_cpu:
        return "fp32" if parameters <= _FP32_UP_TO else "int8"
    if device.startswith("cuda"):
        return "bf16" if gpus.has_bfloat16(device) else "fp16"
    return "fp16"


def torch_dtype(precision: str) -> torch.dtype:
    """Return torch's type for a precision; with int8 weights, everything else is float32."""
    import torch

    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)


def fits(parameters: int, precision: str, device: str) -> bool:
    """Whether the weights fit; True if the system doesn't report free memory."""
    free = free_memory(device)
    return free is None or parameters * BYTES[precision] * _HEADROOM <= free


class Resident(Protocol):
    """A model that is in memory."""

    @property
    def name(self) -> str:
        """Name to show."""
        ...

    @property
    def device(self) -> str:
        """Device of its weights."""
        ...

    @property
    def memory(self) -> int:
        """Size of its weights on that device in bytes."""
        ...


def place(
    parameters: int, precision: str, device: str, *, is_free: bool, resident: Resident | None = None
) -> tuple[str, bool]:
    """Find a place for the weights, before anything is read.

    Parameters
    ----------
    parameters : int
    precision : str
    device : str
        Preferred device.
    is_free : bool
        Whether another GPU, or all of them, may be used: the user did not choose this one.
    resident : Resident, optional
        The model that stays in memory until these weights are loaded.

    Returns
    -------
    device : str
    is_spread : bool
        Whether the model must be spread over all GPUs.

    Raises
    ------
    LoadError
        If they fit nowhere; the message says how much is free and how to free more.
    """
    if fits(parameters, precision, device):
        return device, False
    if is_free and device in gpus.names():
        for other in gpus.names():
            if fits(parameters, precision, other) and gpus.trouble(other) is None:
                return other, False
        if not _fits_without(resident, parameters, precision, device):
            multi_gpu.check_there()
            return "cuda", True
    check_memory(parameters, precision, device, resident)
    return device, False


def check_memory(parameters: int, precision: str, device: str, resident: Resident | None = None) -> None:
    """Check that the weights fit on a device, see `place`.

    Raises
    ------
    LoadError
        If they don't; the message names both sizes.
    """
    if fits(parameters, precision, device):
        return
    need, free = parameters * BYTES[precision] * _HEADROOM, free_memory(device) or 0
    where = "memory" if device.startswith("cpu") else f"memory of {device}"
    sizes = f"it needs {gigabytes(need)} in {precision}, but only {gigabytes(free)} is free"
    if resident is not None and _fits_without(resident, parameters, precision, device):
        raise LoadError(
            f"not enough {where} beside {resident.name}, which is loaded: {sizes}; run `%cg2 unload` first, "
            f"which gives back {gigabytes(resident.memory)}"
        )
    other = "int8" if device.startswith("cpu") else "bf16"
    smaller = f"precision={other!r} or " if precision == "fp32" else ""
    raise LoadError(f"not enough {where}: {sizes}; try {smaller}a smaller model, or free some memory")


def _fits_without(resident: Resident | None, parameters: int, precision: str, device: str) -> bool:
    """Whether the weights fit after the resident model on the same device is unloaded."""
    free = free_memory(device)
    if free is None or resident is None or _in_full(resident.device) != _in_full(device):
        return False
    return parameters * BYTES[precision] * _HEADROOM <= free + resident.memory


def _in_full(device: str) -> str:
    return "cuda:0" if device == "cuda" else device


def free_memory(device: str) -> int | None:
    """Return how many bytes loading may use on a device; None if the system doesn't report it."""
    if device.startswith("cuda"):
        import torch

        # Memory that torch has reserved on the GPU but doesn't use is also available.
        spare = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + spare
    # Apple's GPUs use the machine's memory. A container, such as a JupyterHub pod, may not be allowed to use
    # all of it.
    known = [size for size in (_free_of_machine(), cgroups.free_memory()) if size is not None]
    return min(known, default=None)


def _free_of_machine() -> int | None:
    try:
        # ipykernel installs it, and it also supports macOS and Windows.
        import psutil
    except ImportError:
        pass
    else:
        return int(psutil.virtual_memory().available)
    if sys.platform == "linux":
        lines = Path("/proc/meminfo").read_text().splitlines()
        sizes = dict(line.split(":", 1) for line in lines)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
