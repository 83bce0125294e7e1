"""Measure and free the memory that this process uses, in RAM and on GPUs."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass

#: What torch, its allocators and cuBLAS say when memory runs out; each says it differently.
_RAN_OUT = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that the process uses, in RAM and on GPUs."""

    process: int
    gpu: int


@dataclass(frozen=True, slots=True)
class Unloaded:
    """How much memory unloading a model freed.

    Attributes
    ----------
    name : str
        The model's name.
    process, gpu : int
        Bytes that were freed, in RAM and on GPUs.
    is_held : bool
        Whether the weights are still in memory because other code refers to them.
    """

    name: str
    process: int
    gpu: int
    is_held: bool


def held() -> Held:
    """Measure the memory that the process uses now."""
    import psutil

    return Held(psutil.Process().memory_info().rss, _held_on_gpus())


def release() -> None:
    """Free memory that is no longer used."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()
    if sys.platform == "linux":
        import ctypes

        # glibc keeps freed memory unless we ask it to return it to the system.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def ran_out(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in said for words in _RAN_OUT)
    )


def _held_on_gpus() -> int:
    torch = sys.modules.get("torch")
    if torch is None:
        return 0
    if torch.cuda.is_available():
        # Asking how much memory a GPU has must not initialize CUDA.
        devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
        return sum(torch.cuda.memory_reserved(device) for device in devices)
    return torch.mps.driver_allocated_memory() if torch.backends.mps.is_available() else 0
