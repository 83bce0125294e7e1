"""Work for the engine that the calling thread waits for: a load, a score, the features of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

from cg2magic.errors import without_frames
from cg2magic.progress import Listener

if TYPE_CHECKING:
    from cg2magic.engines.engine import Engine
    from cg2magic.engines.spec import ModelSpec

T = TypeVar("T")
#: Is given the engine, a function to report progress to, and one that says whether to give up.
Work = Callable[["Engine", Listener, Callable[[], bool]], T]


class Call(Generic[T]):
    """Work that waits in the queue for the engine, while the thread that asked for it waits for the result.

    Parameters
    ----------
    spec : ModelSpec or None
        None for the resident model.
    work : callable
        Called as ``work(engine, on_progress, cancelled)``.
    on_progress : callable
        Also hears about the loading.
    """

    def __init__(self, spec: ModelSpec | None, work: Work[T], on_progress: Listener) -> None:
        self.spec = spec
        self.work = work
        self.on_progress = on_progress
        self.cancelled = threading.Event()
        self._future: Future[T] = Future()

    def answer(self) -> T:
        """Wait for the result, or raise the error that ended the work; Ctrl-C gives the work up.

        Raises
        ------
        Cg2Error
        """
        try:
            # In slices: on some platforms Ctrl-C can't interrupt one long wait.
            while not self._future.done():
                wait((self._future,), 0.1)
        except KeyboardInterrupt:
            self.cancelled.set()
            wait((self._future,))
            raise
        return self._future.result()

    # Only the worker calls what follows.

    def serve(self, engine: Engine) -> None:
        """Do the work and keep its result."""
        self._future.set_result(self.work(engine, self.on_progress, self.cancelled.is_set))

    def fail(self, error: Exception) -> None:
        """End it with an error."""
        self._future.set_exception(without_frames(error))
