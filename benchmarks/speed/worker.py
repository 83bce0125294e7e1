"""Run each engine in its own process.

In one process they would share OpenMP runtimes, thread settings and an allocator, and we could not tell which
memory belongs to which engine. In separate processes, all are loaded at once and take turns, so that other
work on the machine affects them alike. If one crashes, only its own rows are lost.
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
    """An engine failed to do a task."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The cost of loading: seconds, and peak memory above the imports (None if unknown)."""

    label: str
    seconds: float
    peak: int | None


@dataclass(frozen=True, slots=True)
class Timed:
    """The cost of a request: seconds to the first token and in total, and peak memory above the imports."""

    first: float
    total: float
    peak: int | None


class Session:
    """Runs a peer and measures it.

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
        """Let the peer convert the checkpoint; return the seconds it took."""
        started = time.perf_counter()
        self.peer.convert()
        return time.perf_counter() - started

    def load(self) -> Loaded:
        """Import the packages that the peer needs, then load the model."""
        self.peer.start()
        self._imports = memory.held()
        return self.load_again()

    def load_again(self) -> Loaded:
        """Unload the model and load it again."""
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
        """Whether the engine reads only the new part of a prompt."""
        return self.peer.keeps_prompts

    def call(self, name: str, *arguments: object) -> Any:
        """Call a method that only this peer has."""
        return getattr(self.peer, name)(*arguments)

    def _peak(self) -> int | None:
        peak = memory.peak()
        return None if peak is None else peak - self._imports


class Worker:
    """A process that owns one object and runs its methods.

    Parameters
    ----------
    make : callable
        Makes the object in the process.
    log : Path
        Receives the output of the engine.
    """

    def __init__(self, make: Callable[[], object], log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._log = log
        self._process = context.Process(target=_serve, args=(theirs, make, log), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, method: str, *arguments: object) -> Any:
        """Call a method of the object and return its result.

        Raises
        ------
        WorkerError
            With a message of one line.
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
        except Exception as error:  # noqa: BLE001 - any failure of an engine becomes a line in the table
            import traceback

            traceback.print_exc()
            connection.send((False, one_line(error)))
