"""Answers the pages' questions with the resident model; only the newest question counts."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cg2magic.frontends.inline.ask import Ask
from cg2magic.frontends.inline.floors import Certainty, Floor
from cg2magic.frontends.inline.pause import Pause
from cg2magic.frontends.inline.shown import shown
from cg2magic.request import Request
from cg2magic.service.job import Job, Snapshot
from cg2magic.service.manager import Manager
from cg2magic.wording import one_line

#: Gets ``{"id", "texts", "done", "error"}`` as an answer grows.
Send = Callable[[dict[str, Any]], None]


class Writer:
    """Lets the model answer one question at a time.

    Parameters
    ----------
    manager : Manager
    send : callable
        Sends to all pages; called on the worker's thread.
    pause : Pause
        Begins when an answer fails, and is forgotten when one succeeds.
    """

    def __init__(self, manager: Manager, send: Send, pause: Pause) -> None:
        self._manager = manager
        self._send = send
        self._pause = pause
        self._lock = threading.Lock()
        self._certainty: defaultdict[str, Certainty] = defaultdict(Certainty)  # by the model's name
        self._asked = ""
        self._job: Job | None = None

    def answer(self, ask: Ask, request: Request, floor: float | None) -> None:
        """Begin to answer; an earlier question is given up within one token.

        Parameters
        ----------
        ask : Ask
        request : Request
        floor : float or None
            The least probability of a token that is shown; None for what suits the model.
        """
        job = self._manager.aside(request)
        with self._lock:
            before, self._job, self._asked = self._job, job, ask.id
        if before is not None:
            before.cancel()  # if the worker was busy, nobody else has cancelled it
        if job is None:
            self.end(ask.id)
            return
        sent: list[str] = []

        def follow(now: Snapshot) -> None:
            certainty = self._certainty[now.model]
            least = certainty.floor if floor is None else Floor(floor, floor)
            # Who asks by hand wants to see what there is.
            least = Floor(0.0, 0.0) if ask.by_hand else least
            texts = [shown(each, ask.reach, least, request.language) for each in now.suggestions]
            if now.state == "failed" and request.is_infill and "holes" in now.error:
                # A model that can't fill holes can still continue.
                self.answer(ask, replace(request, parts=request.parts[:1]), floor)
            elif now.finished or (texts != sent and any(texts)):
                sent[:] = texts
                self._send(_answer(ask.id, texts, done=now.finished, error=now.error))
                if now.state == "done":
                    self._pause.forget()
                    if not ask.by_hand:
                        certainty.learn(now.suggestions[0])
                elif now.state == "failed":
                    self._pause.begin(now.error)

        def follow_safely(now: Snapshot) -> None:
            try:
                follow(now)
            except Exception as error:  # noqa: BLE001 - or the page would wait for ever
                job.cancel()
                self.end(ask.id, one_line(error))

        job.listen(follow_safely)

    def end(self, ask_id: str, error: str = "") -> None:
        """Report to a page that no answer comes; with an error, report a failure."""
        self._send(_answer(ask_id, (), done=True, error=error))
        if error:
            self._pause.begin(error)

    def cancel(self, ask_id: str) -> None:
        """Give up a question that the page no longer waits for."""
        with self._lock:
            job = self._job if self._asked == ask_id else None
        if job is not None:
            job.cancel()


def _answer(ask_id: str, texts: Any, *, done: bool, error: str = "") -> dict[str, Any]:
    return {"id": ask_id, "texts": list(texts), "done": done, "error": error}
