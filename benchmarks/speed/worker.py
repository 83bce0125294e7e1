"""Each engine in a process of its own.

In one process they would share OpenMP runtimes, thread settings and an allocator, and nobody could say
whose memory is whose. In processes of their own they are all loaded at once and asked in turn, so that
what the machine does meanwhile meets neighbours alike; one that crashes costs its own rows only.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.speed import memory
from benchmarks.speed.peers import Clock, Peer, Place
from cg2magic.errors import Cg2Error
from cg2magic.wording import one_line


class WorkerError(Cg2Error):
    """An engine could not do what was asked of it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading took: seconds, and the most memory above the imports (None where it isn't known)."""

    label: str
    seconds: float
    peak: int | None


@dataclass(frozen=True, slots=True)
class Timed:
    """One request: seconds to the first token and in all, and the most memory above the imports."""

    first: float
    total: float
    peak: int | None


class Session:
    """A peer, and what is measured of it.

    Parameters
    ----------
    make : callable
        Makes the peer.
    place : Place
    """

    def __init__(self, make: Callable[[Place], Peer], place: Place) -> None:
        self.peer = make(place)
        self._imports = 0

    def convert(self) -> float:
        """Let the peer make its own files of the checkpoint; seconds."""
        started = time.perf_counter()
        self.peer.convert()
        return time.perf_counter() - started

    def load(self) -> Loaded:
        """Import what the peer stands on, then load the model."""
        self.peer.start()
        self._imports = memory.held()
        return self.load_again()

    def load_again(self) -> Loaded:
        """Let the model go and load it anew."""
        self.peer.unload()
        memory.forget_peak()
        started = time.perf_counter()
        self.peer.load()
        return Loaded(self.peer.label, time.perf_counter() - started, self._peak())

    def generate(self, ids: tuple[int, ...], new: int, sequences: int = 1) -> Timed:
        """Time one request."""
        memory.forget_peak()
        clock = Clock(sequences)
        started = time.perf_counter()
        self.peer.generate(ids, new, sequences, clock)
        total = time.perf_counter() - started
        if clock.tokens != new * sequences:
            raise WorkerError(f"wrote {clock.tokens} tokens instead of {new * sequences}")
        return Timed(clock.first, total, self._peak())

    def keeps_prompts(self) -> bool:
        """Whether the engine reads only what is new in a prompt."""
        return self.peer.keeps_prompts

    def call(self, name: str, *arguments: object) -> Any:
        """Ask the peer for something that only it can do."""
        return getattr(self.peer, name)(*arguments)

    def _peak(self) -> int | None:
        peak = memory.peak()
        return None if peak is None else peak - self._imports


class Worker:
    """A process that holds one object and answers calls of its methods.

    Parameters
    ----------
    make : callable
        Makes the object, in the process.
    log : Path
        Gets what the engine prints.
    """

    def __init__(self, make: Callable[[], object], log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._log = log
        self._process = context.Process(target=_serve, args=(theirs, make, log), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, method: str, *arguments: object) -> Any:
        """Call a method of the object and wait for what it returns.

        Raises
        ------
        WorkerError
            In one line.
        """
        try:
            self._connection.send((method, arguments))
            good, answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise WorkerError(
                f"its process ended with status {self._process.exitcode}; see {self._log}"
            ) from None
        if not good:
            raise WorkerError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, make: Callable[[], object], log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    served: object = None
    while True:
        try:
            method, arguments = connection.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            served = served or make()
            connection.send((True, getattr(served, method)(*arguments)))
        except Exception as error:  # noqa: BLE001 - any failure of any engine becomes a line of the table
            import traceback

            traceback.print_exc()
            connection.send((False, one_line(error)))
