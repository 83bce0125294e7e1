"""The memory that this process holds, here and on a GPU: measured, and given back."""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass

#: What torch, its allocators and cuBLAS say when there is none left; each has words of its own.
_RAN_OUT = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that the process holds: in the machine's memory, and in that of its GPUs."""

    process: int
    gpu: int


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What unloading a model gave back.

    Attributes
    ----------
    name : str
        The model's.
    process, gpu : int
        Bytes that the process holds less than before, in the machine's memory and in that of its GPUs.
    is_held : bool
        Whether the weights are still in memory, because something outside of us refers to them.
    """

    name: str
    process: int
    gpu: int
    is_held: bool


def held() -> Held:
    """Measure what the process holds now."""
    import psutil

    return Held(psutil.Process().memory_info().rss, _held_on_gpus())


def release() -> None:
    """Give back what nobody refers to any more."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch is not None and torch.backends.mps.is_available():
        torch.mps.empty_cache()
    if sys.platform == "linux":
        import ctypes

        # glibc keeps freed memory for itself unless it is asked to give it back.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def ran_out(error: BaseException) -> bool:
    """Whether an error means that there was no memory left."""
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
