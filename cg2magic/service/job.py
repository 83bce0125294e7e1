"""A request in progress: what the panel, the terminal and the magics see of it.

The worker thread writes into a `Job`; everyone else reads `Snapshot`s of it, on any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from cg2magic.errors import Cg2Error, again, without_frames
from cg2magic.progress import Progress
from cg2magic.request import Request, Seen, Suggestion
from cg2magic.service.ranking import merged, ranked, unmerged

State = Literal["queued", "loading", "writing", "checking", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that can be seen of a job at one moment.

    Attributes
    ----------
    job_id : int
    state : {"queued", "loading", "writing", "checking", "done", "stopped", "failed"}
    request : Request
    model : str
        The model's name; empty while it is not known.
    suggestions : tuple of Suggestion
        One per candidate; their ``finish_reason`` is None while they are being written. When all are written,
        equal ones are merged, and the best comes first.
    tokens : int
        Tokens written so far by all candidates together.
    tokens_per_second : float
        The writing speed since the first token; 0.0 before there are two.
    seen : Seen or None
        What the model read; None until it has finished writing.
    notes : tuple of str
        What the person should know, for example that the prompt was cut.
    progress : Progress or None
        Set while the model is being loaded or the candidates are checked.
    position : int
        How many requests are ahead while this one is queued.
    error : str
        One line, if it has failed.
    unchecked : bool
        Whether the request has a check that the person has not allowed yet.
    """

    job_id: int
    request: Request
    state: State = "queued"
    model: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    tokens: int = 0
    tokens_per_second: float = 0.0
    seen: Seen | None = None
    notes: tuple[str, ...] = ()
    progress: Progress | None = None
    position: int = 0
    error: str = ""
    unchecked: bool = False

    @property
    def finished(self) -> bool:
        """Whether nothing more will change."""
        return self.state in ("done", "stopped", "failed")


Listener = Callable[[Snapshot], None]


class Job:
    """One request that the manager serves. Safe to use from any thread.

    Parameters
    ----------
    job_id : int
    request : Request
    on_cancel : callable
    suggestions : tuple of Suggestion
        For a request that continues a candidate: its beginning, among the candidates to keep.
    late : callable, optional
        Returns the request to serve, if a part of it still has to arrive.
    place : int, optional
        The index of that beginning; by default it is the last.
    is_ranked : bool
        Whether somebody chooses among the candidates, as always if there is a check: when all are written,
        equal ones are merged, and the best comes first.

    Attributes
    ----------
    opened : int
        The candidate to look at first.
    """

    def __init__(
        self,
        job_id: int,
        request: Request,
        on_cancel: Callable[[], None] = lambda: None,
        suggestions: tuple[Suggestion, ...] = (),
        late: Callable[[], Request] | None = None,
        *,
        place: int | None = None,
        is_ranked: bool = False,
    ) -> None:
        self.id = job_id
        self.request = request
        self.opened = max(0, len(suggestions) - 1) if place is None else place
        self._before, self._after = suggestions[: self.opened], suggestions[self.opened + 1 :]
        self._given = len(suggestions[self.opened].tokens) if suggestions else 0
        # What goes on from a candidate stays where that was.
        self._is_ranked = (is_ranked or bool(request.check)) and not suggestions
        self._most = 0  # tokens that were written at some time
        self._on_cancel = on_cancel
        self._late = late
        self.cancelled = threading.Event()
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._snapshot = Snapshot(job_id, request, suggestions=suggestions)
        self._exception: Cg2Error | None = None
        self._first_token_at: float | None = None

    def snapshot(self) -> Snapshot:
        """The state of the job now."""
        return self._snapshot

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call `callback` with the snapshot now, and again on the worker's thread at each change.

        Returns
        -------
        callable
            Stops the listening. A callback that raises is dropped, so that one broken front end does not
            stop the writing.
        """
        with self._lock:
            self._listeners.append(callback)
            now = self._snapshot

        def forget() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        callback(now)
        return forget

    def cancel(self) -> None:
        """Stop it within one token; what was written so far stays."""
        self.cancelled.set()
        self._on_cancel()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has finished, and return whether it has. Ctrl-C interrupts only the waiting."""
        # In slices, because on some platforms a bare Event.wait() can't be interrupted.
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._finished.wait(0.1):
            if deadline is not None and time.monotonic() >= deadline:
                return False
        return True

    def result(self) -> list[Suggestion]:
        """Wait, and return all candidates that were drawn, even if the job was stopped.

        Raises
        ------
        Cg2Error
            If it failed: a `LoadError`, `FormatError` or `GenerationError`.
        """
        self.wait()
        if self._exception is not None:
            raise again(self._exception)
        return unmerged(self._snapshot.suggestions)

    # Only the worker calls the methods below.

    def settle(self) -> None:
        """Wait for the part of the request that still has to arrive."""
        late, self._late = self._late, None
        if late is not None:
            self.request = late()
            self.update(request=self.request)

    def update(self, **changes: Any) -> None:
        """Replace fields of the snapshot and notify the listeners."""
        with self._lock:
            self._snapshot = replace(self._snapshot, **changes)
            now, listeners = self._snapshot, list(self._listeners)
        if now.finished:
            self._finished.set()
        for listener in listeners:
            try:
                listener(now)
            except Exception:  # noqa: BLE001 - see listen()
                with self._lock:
                    if listener in self._listeners:
                        self._listeners.remove(listener)

    def wrote(self, suggestions: tuple[Suggestion, ...]) -> None:
        """Take what the engine has written so far."""
        now = time.perf_counter()
        tokens = max(0, sum(len(suggestion.tokens) for suggestion in suggestions) - self._given)
        # In the end, those behind the last whole statement are left out.
        self._most = max(self._most, tokens)
        if self._first_token_at is None and tokens:
            self._first_token_at = now
        # The first tokens come from prefill, whose time says nothing about the speed of decode.
        later = self._most - len(suggestions)
        elapsed = now - (self._first_token_at or now)
        speed = later / elapsed if later > 0 and elapsed > 0 else 0.0
        suggestions = (*self._before, *suggestions, *self._after)
        self.update(state="writing", suggestions=suggestions, tokens=tokens, tokens_per_second=speed)

    def merge(self) -> None:
        """Show equal candidates as one, and the best one first."""
        if self._is_ranked:
            self.update(suggestions=merged(self._snapshot.suggestions))
            self.rank()

    def rank(self) -> None:
        """Show the best candidate first, by what is known of them now."""
        if self._is_ranked:
            self.update(suggestions=ranked(self._snapshot.suggestions, self.request.language))

    def fail(self, error: Exception) -> None:
        """End it with an error, which is turned into one of ours, in one line."""
        self._exception = without_frames(error)
        self.update(state="failed", error=str(self._exception), progress=None)
