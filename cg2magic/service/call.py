"""Work for the engine, for which the calling thread waits: a load, a score, the features of texts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Generic, TypeVar

from cg2magic.errors import without_frames
from cg2magic.progress import Listener, Watch

if TYPE_CHECKING:
    from cg2magic.engines.engine import Engine
    from cg2magic.engines.spec import ModelSpec

T = TypeVar("T")
#: Takes the engine and a watch, to which it reports progress and which says whether to give up.
Work = Callable[["Engine", Watch], T]


class Call(Generic[T]):
    """Work that waits in the queue for the engine while the thread that asked for it waits for the result.

    Parameters
    ----------
    spec : ModelSpec or None
        None for the resident model.
    work : callable
        Called as ``work(engine, watch)``.
    on_progress : callable or None
        Also receives the progress of loading.
    """

    def __init__(self, spec: ModelSpec | None, work: Work[T], on_progress: Listener | None) -> None:
        self.spec = spec
        self.work = work
        self.cancelled = threading.Event()
        self.watch = Watch(on_progress, self.cancelled.is_set)
        self._future: Future[T] = Future()

    def answer(self) -> T:
        """Wait for the result, or raise the error that ended the work; Ctrl-C gives the work up.

        Raises
        ------
        Cg2Error
        """
        try:
            # In slices, because on some platforms Ctrl-C can't interrupt one long wait.
            while not self._future.done():
                wait((self._future,), 0.1)
        except KeyboardInterrupt:
            self.cancelled.set()
            wait((self._future,))
            raise
        return self._future.result()

    # Only the worker calls the methods below.

    def serve(self, engine: Engine) -> None:
        """Do the work and keep its result."""
        self._future.set_result(self.work(engine, self.watch))

    def fail(self, error: Exception) -> None:
        """End the call with an error."""
        self._future.set_exception(without_frames(error))
