"""After ghost text has failed, we don't ask again at the next key: a server that is down is left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: The first and the longest pause, in seconds; each failure doubles the pause.
_FIRST, _LONGEST = 1.0, 60.0

#: Calls a function after so many seconds; returns a function that prevents the call.
Start = Callable[[float, Callable[[], None]], Callable[[], None]]


def _start(seconds: float, over: Callable[[], None]) -> Callable[[], None]:
    timer = threading.Timer(seconds, over)
    timer.daemon = True
    timer.start()
    return timer.cancel


class Pause:
    """Whether asking is paused now, and why. Safe to use from any thread.

    Parameters
    ----------
    changed : callable
        Called when there is something new to report: a failure, the end of a pause, or a recovery.
    start : callable, optional
        The timer.

    Attributes
    ----------
    error : str
        The last failure in one line; empty once something has worked again.
    """

    def __init__(self, changed: Callable[[], None], start: Start = _start) -> None:
        self.error = ""
        self._changed = changed
        self._start = start
        self._lock = threading.Lock()
        self._next = _FIRST
        self._turn = object()
        self._prevent: Callable[[], None] | None = None

    @property
    def lasts(self) -> bool:
        """Whether asking is paused now."""
        return self._prevent is not None

    def begin(self, error: str) -> None:
        """Begin the next pause after a failure, twice as long as the last pause."""
        with self._lock:
            self.error = error
            if self._prevent is None:
                seconds, self._next = self._next, min(_LONGEST, 2 * self._next)
                turn = self._turn = object()
                self._prevent = self._start(seconds, lambda: self._over(turn))
        self._changed()

    def forget(self) -> None:
        """Forget all failures, and end the pause."""
        with self._lock:
            failed, self.error, self._next = self.error, "", _FIRST
            prevent, self._prevent = self._prevent, None
        if prevent is not None:
            prevent()
        if failed:
            self._changed()

    def _over(self, turn: object) -> None:
        with self._lock:
            if self._prevent is None or turn is not self._turn:
                return  # the pause has just been forgotten
            self._prevent = None
        self._changed()
