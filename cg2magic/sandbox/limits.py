"""What a program in the sandbox may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Attributes
    ----------
    cpu_seconds : int
        Processor time of each of its processes; other programs on a busy machine do not count.
    seconds : float
        By the clock, from when the program starts.
    memory : int
        Bytes of memory that each process may ask for, and that all of them together may hold.
    processes : int
        Processes and threads.
    file_size : int
        Bytes of one file.
    folder_size : int
        Bytes of all files together (with bubblewrap), and again as many in ``/dev/shm``.
    files : int
        Open files.
    cores : int
        Cores that it sees: a program that starts a process or a thread for each stays below `processes`.
    """

    cpu_seconds: int = 3
    seconds: float = 15.0
    memory: int = 1 << 30
    processes: int = 32
    file_size: int = 16 << 20
    folder_size: int = 64 << 20
    files: int = 64
    cores: int = 4
