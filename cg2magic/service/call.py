"""Work with an engine that a thread waits for: a load, a score, the features of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from cg2magic.errors import Cg2Error, without_frames
from cg2magic.progress import Listener

if TYPE_CHECKING:
    from cg2magic.engines.engine import Engine
    from cg2magic.engines.spec import ModelSpec

T = TypeVar("T")
#: Gets an engine, a listener to its progress, and whether to give up.
Work = Callable[["Engine", Listener, Callable[[], bool]], T]


class Call(Generic[T]):
    """Work with the engine in the queue; the thread that asked for it waits.

    Parameters
    ----------
    spec : ModelSpec or None
        None for the resident model.
    work : callable
        Called as ``work(engine, on_progress, cancelled)``.
    on_progress : callable
        Told of the loading too.
    """

    def __init__(self, spec: ModelSpec | None, work: Work[T], on_progress: Listener) -> None:
        self.spec = spec
        self.work = work
        self.on_progress = on_progress
        self.cancelled = threading.Event()
        self.finished = threading.Event()
        self._result: list[T] = []
        self._error: Cg2Error | None = None

    def answer(self) -> T:
        """Wait for the result, or raise what ended the work; Ctrl-C gives it up.

        Raises
        ------
        Cg2Error
        """
        try:
            while not self.finished.wait(0.1):
                pass
        except KeyboardInterrupt:
            self.cancelled.set()
            self.finished.wait()
            raise
        if self._error is not None:
            raise self._error
        return self._result[0]

    # What follows is for the worker only.

    def serve(self, engine: Engine) -> None:
        """Do the work."""
        self._result.append(self.work(engine, self.on_progress, self.cancelled.is_set))
        self.finished.set()

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        self._error = without_frames(error)
        self.finished.set()
