"""Answers the pages' questions with the resident model; only the newest question counts."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from cg2magic.frontends.inline.ask import Ask
from cg2magic.frontends.inline.floors import NO_FLOOR, Certainty, Floor
from cg2magic.frontends.inline.pause import Pause
from cg2magic.frontends.inline.shown import Shown
from cg2magic.request import Request
from cg2magic.service.job import Job, Snapshot
from cg2magic.service.manager import Manager
from cg2magic.wording import one_line

#: Gets ``{"id", "texts", "done", "error"}`` as an answer grows.
Send = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class _Answer:
    """What is being answered, and how far the page knows of it."""

    ask: Ask
    request: Request
    floor: float | None
    job: Job
    sent: list[str] = field(default_factory=list)
    ended: bool = False


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
        answer = _Answer(ask, request, floor, job)

        def follow_safely(now: Snapshot) -> None:
            try:
                self._follow(answer, now)
            except Exception as error:  # noqa: BLE001 - or the page would wait for ever
                answer.ended = True
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

    def _follow(self, answer: _Answer, now: Snapshot) -> None:
        """Send what is new of an answer."""
        ask, request = answer.ask, answer.request
        if answer.ended:
            return
        if now.state == "failed" and request.is_infill and "holes" in now.error:
            # A model that can't fill holes can still continue.
            self.answer(ask, replace(request, parts=request.parts[:1]), answer.floor)
            return
        floor = self._floor(answer, now)
        parts = [Shown.of(each, ask.reach, floor, ask.language) for each in now.suggestions]
        texts = [part.text for part in parts]
        # The model need not write what would not be shown.
        answer.ended = now.finished or (bool(parts) and all(part.is_final for part in parts))
        if answer.ended or (texts != answer.sent and any(texts)):
            answer.sent = texts
            self._send(_answer(ask.id, texts, done=answer.ended, error=now.error))
        if answer.ended:
            self._learn(ask, now)
            if not now.finished:
                answer.job.cancel()

    def _floor(self, answer: _Answer, now: Snapshot) -> Floor:
        if answer.ask.by_hand:
            return NO_FLOOR  # the person wants to see what there is
        if answer.floor is not None:
            return Floor(answer.floor, answer.floor)
        return self._certainty[now.model].floor(on_new_line=answer.ask.is_on_new_line)

    def _learn(self, ask: Ask, now: Snapshot) -> None:
        """Take notice of how an answer ended; one that was given up says nothing."""
        if now.state == "failed":
            self._pause.begin(now.error)
        elif now.state != "stopped":
            self._pause.forget()
            if not ask.by_hand:
                self._certainty[now.model].learn(now.suggestions[0])


def _answer(ask_id: str, texts: Any, *, done: bool, error: str = "") -> dict[str, Any]:
    return {"id": ask_id, "texts": list(texts), "done": done, "error": error}
