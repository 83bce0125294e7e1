"""The live panel: one anywidget that draws a job and takes its suggestions into the notebook."""

from __future__ import annotations

import json
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

import anywidget
import traitlets

from cg2magic.context import Document
from cg2magic.errors import Cg2Error
from cg2magic.frontends import status_text
from cg2magic.frontends.comms import hear_on_the_senders_shell, keep_open
from cg2magic.frontends.panel.heat import heat
from cg2magic.frontends.panel.modules import joined
from cg2magic.frontends.panel.render import STATIC, mimebundle
from cg2magic.frontends.panel.standby import Standby
from cg2magic.frontends.visible import Segment, caret, line_classes, lines, visible
from cg2magic.request import Suggestion
from cg2magic.service.job import Job, Snapshot
from cg2magic.service.stream import snapshots

Insert = Literal["ask", "below", "replace", "none"]


def _static(*names: str) -> str:
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


class Panel(anywidget.AnyWidget):
    """The panel of one job in the output of the cell that asked for it.

    Parameters
    ----------
    job : Job
    cell_id : str
        Id of the cell that asked, from the execute request's metadata; empty if there is none.
    regenerate : callable, optional
        Asks for the same again and returns the new job; without it that button is missing.
    record : callable, optional
        Called as ``record(job_id, candidate, outcome)`` with what became of a candidate:
        ``"inserted below"``, ``"replaced"``, ``"copied"``, ``"dismissed"`` or ``"undone"``.
    check : callable, optional
        Called as ``check(job)`` when the person allows the candidates to be run with their check.
    go_on : callable, optional
        Called as ``go_on(job, candidate, place, token_id)`` when the person chooses another token, and
        returns the new job; without it the heat map is only for reading.
    extend : callable, optional
        Called as ``extend(job, candidate)`` when the person presses *Continue*, and returns the new job;
        without it that button is missing.
    note : callable, optional
        Called as ``note(model)`` when a suggestion is done; returns what is said below it, or nothing.
    advise : callable, optional
        Returns the text behind the note's button.
    on_document : callable, optional
        Called once as ``on_document(document)`` with the page's document; None if the page can't reach it.
    asked : str
        The text of that cell when it asked, which *Replace cell* must find unchanged; empty if not known.
    in_place : bool
        The page ran the magic for the cell, which does not contain it; so *Replace cell* comes first.
    session : str
        The session of the page that ran the cell; only that page acts by itself. Empty if not known.
    standby : Standby, optional
        Makes sure that the static panel is there if no page draws the live one.
    insert : {"ask", "below", "replace", "none"}
        Whether the page waits for a button, inserts by itself once the job is done, or offers only Copy.
    """

    _esm = joined(STATIC / "panel.js")
    _css = _static("card.css", "panel.css")

    # The kernel writes these; the page only reads them.
    panel_id = traitlets.Unicode().tag(sync=True)
    cell_id = traitlets.Unicode().tag(sync=True)
    asked = traitlets.Unicode().tag(sync=True)
    in_place = traitlets.Bool().tag(sync=True)
    session = traitlets.Unicode().tag(sync=True)
    insert = traitlets.Enum(("ask", "below", "replace", "none"), "ask").tag(sync=True)
    can_regenerate = traitlets.Bool().tag(sync=True)
    asks_document = traitlets.Bool().tag(sync=True)
    card = traitlets.Dict().tag(sync=True)
    saved = traitlets.Dict().tag(sync=True)
    heat = traitlets.Dict().tag(sync=True)  # of a job that is finished
    prompt = traitlets.Unicode().tag(sync=True)  # what its model read
    advice = traitlets.Dict().tag(sync=True)  # a note, and the text behind its button
    # The page writes this: what was done with the suggestion, and how to undo it. A new job empties it.
    outcome = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        job: Job,
        *,
        cell_id: str | None = "",
        regenerate: Callable[[], Job] | None = None,
        record: Callable[[int, int, str], None] | None = None,
        check: Callable[[Job], None] | None = None,
        go_on: Callable[[Job, int, int, int], Job] | None = None,
        extend: Callable[[Job, int], Job] | None = None,
        note: Callable[[str], str] | None = None,
        advise: Callable[[], str] | None = None,
        on_document: Callable[[Document | None], None] | None = None,
        asked: str = "",
        in_place: bool = False,
        session: str = "",
        standby: Callable[[str], Standby] | None = None,
        insert: Insert = "ask",
    ) -> None:
        panel_id = uuid.uuid4().hex
        self.job = job
        self._regenerate = regenerate
        self._record = record
        self._check = check
        self._go_on = go_on
        self._extend = extend
        self._note_on = note
        self._advise = advise
        self._on_document = on_document
        self._standby = standby(panel_id) if standby else None
        self._drawing = threading.Lock()
        self._loading_since: tuple[str, float, int] | None = None
        super().__init__(
            model_id=panel_id,
            panel_id=panel_id,
            cell_id=cell_id or "",
            asked=asked,
            in_place=in_place,
            session=session,
            insert=insert,
            can_regenerate=regenerate is not None,
            asks_document=on_document is not None,
            card=self._drawn(job.snapshot()),
        )
        # Stop runs on a subshell, from which the panel is then drawn.
        hear_on_the_senders_shell(self.comm)
        keep_open(self)
        self.on_msg(self._on_message)

    def show(self) -> None:
        """Display it once in the running cell's output, and draw the job as it proceeds.

        A cell that is run again loses its output, and with it its earlier panel: nobody could stop that
        job any more, so it is cancelled here.
        """
        from IPython.display import display

        if self.cell_id:
            before = _shown_by_cell.get(self.cell_id)
            if before is not None and before is not self:
                before.job.cancel()
                before.close()
            _shown_by_cell[self.cell_id] = self
        _shown[self.panel_id] = self
        display(self, display_id=self.panel_id)
        self._follow(self.job)

    def settle(self) -> None:
        """Leave the static panel in the output of a cell that waited for its suggestion, if it is needed."""
        if self._standby is not None:
            self._standby.settle(mimebundle(self.job.snapshot()))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = cast("Any", super()._repr_mimebundle_(**kwargs))  # a pair, or a dictionary before that
        data, *metadata = bundle if isinstance(bundle, tuple) else (bundle,)
        if self._standby is not None:
            self._standby.shown(data)
        return {**data, **mimebundle(self.job.snapshot())}, *(metadata or ({},))

    def _follow(self, job: Job) -> None:
        def draw() -> None:
            for snapshot in snapshots(job):
                card = self._drawn(snapshot)
                saved = mimebundle(snapshot, self._opened(snapshot)) if snapshot.finished else {}
                tokens = self._heat(snapshot) if snapshot.finished else self.heat
                with self._drawing:
                    # Regenerate may have replaced the job, or the panel may be closed.
                    if self.job is not job or self.comm is None:
                        return
                    # `card` comes last: the page draws when it arrives. Storing `saved` has the page make the
                    # output anew, and a click on what was drawn before would be lost.
                    self.heat, self.prompt = tokens, visible(snapshot.seen.text if snapshot.seen else "")
                    self.saved, self.card = saved, card
                    if snapshot.finished and self._note_on and (said := self._note_on(snapshot.model)):
                        self.advice = {"note": said}
                if snapshot.finished and self._standby is not None:
                    self._standby.finished(partial(mimebundle, snapshot, self._opened(snapshot)))

        threading.Thread(target=draw, name=f"cg2magic-panel-{job.id}", daemon=True).start()

    def _drawn(self, snapshot: Snapshot) -> dict[str, Any]:
        """All that the page draws, in words and segments: the page formats nothing and trusts nothing."""
        request = snapshot.request
        n = request.sampling.n
        progress = snapshot.progress if snapshot.state == "loading" else None
        if not snapshot.suggestions:
            # Before the first token, show the person's part in its place.
            snapshot = replace(
                snapshot, suggestions=(Suggestion(request.parts, (), header=request.header),) * n
            )
        return {
            "job": snapshot.job_id,
            "state": snapshot.state,
            "model": snapshot.model,
            "about": status_text.about(snapshot),
            "status": status_text.status(snapshot, self._seconds_left(snapshot)),
            "progress": progress.fraction if progress and progress.total else None,
            "error": visible(snapshot.error),
            "unchecked": snapshot.unchecked,
            "fresh": self._opened(snapshot),
            # How many lines to reserve room for before they are written.
            "spare": max(1, min(4, request.sampling.max_new_tokens * request.holes // 16)),
            "candidates": [self._candidate(snapshot, i) for i in range(len(snapshot.suggestions))],
        }

    def _opened(self, snapshot: Snapshot) -> int:
        """The candidate to show first."""
        return min(self.job.opened, max(0, len(snapshot.suggestions) - 1))

    def _heat(self, snapshot: Snapshot) -> dict[str, Any]:
        maps = [heat(each, live=self._go_on is not None) for each in snapshot.suggestions]
        return {"job": snapshot.job_id, "candidates": maps}

    def _candidate(self, snapshot: Snapshot, index: int) -> dict[str, Any]:
        suggestion = snapshot.suggestions[index]
        writing = suggestion.finish_reason is None and not snapshot.finished
        at = caret(suggestion) if writing else -1
        all_lines = []
        for line in lines(suggestion, snapshot.request.language):
            length = sum(len(segment.text) for segment in line)
            here = at if 0 <= at <= length else None
            all_lines.append({"as": line_classes(line), "of": _segments(line, here)})
            at = at - length - 1 if here is None else -1
        return {
            "lines": all_lines,
            "verdict": status_text.verdict(snapshot, index),
            "mark": status_text.mark(suggestion),
            "written": any(suggestion.spans),
            "done": not writing,
            "drawn": list(suggestion.drawn),
            "goes_on": snapshot.finished and self._extend is not None and suggestion.can_go_on,
        }

    def _seconds_left(self, snapshot: Snapshot) -> float | None:
        """Estimate the remaining time from the speed of the loading since it was first seen."""
        progress = snapshot.progress
        if snapshot.state != "loading" or progress is None or not progress.total:
            return None
        now = time.monotonic()
        if self._loading_since is None or self._loading_since[0] != progress.what:
            self._loading_since = (progress.what, now, progress.done)
        _, since, had = self._loading_since
        if now - since < 1 or progress.done <= had:
            return None
        return (progress.total - progress.done) * (now - since) / (progress.done - had)

    def _on_message(self, _: Any, message: dict[str, Any], __: Any) -> None:
        """Act on what a person pressed, on the kernel's main thread."""
        match message.get("do"):
            case "here" if self._standby is not None:
                self._standby.drawn(stored=bool(message.get("stores")))
            case "stop":
                self.job.cancel()
            case "regenerate":
                self._put(self._regenerate)
            case "go on":
                self._put(self._exchange(message))
            case "extend":
                self._put(self._extension(message))
            case "check" if self._check is not None:
                self._check(self.job)
                self._follow(self.job)
            case "advise" if self._advise is not None:
                self.advice = {**self.advice, "text": self._advise()}
            case "document":
                self.take_document(str(message["document"]))
            case "record":
                self._note(int(message["job"]), int(message["candidate"]), str(message["outcome"]))

    def take_document(self, document: str) -> None:
        """Take the page's document, as JSON; empty if it has none. Only the first answer counts."""
        if self._on_document is not None:
            self._on_document(Document.of_json(json.loads(document)) if document else None)
            self._on_document, self.asks_document = None, False

    def _exchange(self, message: dict[str, Any]) -> Callable[[], Job] | None:
        """Continue with the token chosen in the heat map; None if its job is no longer shown."""
        go_on, job = self._go_on, self.job
        if go_on is None or message["job"] != job.id or not job.snapshot().finished:
            return None
        return lambda: go_on(job, int(message["candidate"]), int(message["place"]), int(message["id"]))

    def _extension(self, message: dict[str, Any]) -> Callable[[], Job] | None:
        """Let a candidate go on that broke off; None if its job is no longer shown."""
        extend, job = self._extend, self.job
        if extend is None or message["job"] != job.id or not job.snapshot().finished:
            return None
        return lambda: extend(job, int(message["candidate"]))

    def _put(self, ask: Callable[[], Job] | None) -> None:
        """Ask for another job and show it instead of this one."""
        if ask is None:
            return
        try:
            job = ask()
        except Cg2Error as error:
            self.card = {**self.card, "state": "failed", "status": "failed", "error": str(error)}
            return
        with self._drawing:
            self.job = job
        self.outcome = {}
        self._follow(job)

    def _note(self, job_id: int, candidate: int, outcome: str) -> None:
        if self._record is not None:
            self._record(job_id, candidate, outcome)
        snapshot = self.job.snapshot()
        if snapshot.finished and snapshot.job_id == job_id and candidate < max(1, len(snapshot.suggestions)):
            self.saved = mimebundle(snapshot, candidate, "" if outcome == "undone" else outcome)


def _segments(line: list[Segment], caret: int | None) -> list[list[Any]]:
    """Each is ``[style, text, 1 if the model wrote it, else 0]``; ``["caret"]`` is where it writes next."""
    segments: list[list[Any]] = []
    for segment in line:
        if caret is not None and caret < len(segment.text):
            head, tail = segment.text[:caret], segment.text[caret:]
            segments += [[segment.style, head, int(segment.written)]] if head else []
            segments += [["caret"], [segment.style, tail, int(segment.written)]]
            caret = None
            continue
        segments.append([segment.style, segment.text, int(segment.written)])
        caret = caret - len(segment.text) if caret is not None else None
    return segments + ([["caret"]] if caret is not None else [])


_shown: weakref.WeakValueDictionary[str, Panel] = weakref.WeakValueDictionary()
_shown_by_cell: weakref.WeakValueDictionary[str, Panel] = weakref.WeakValueDictionary()


def stop(panel_id: str) -> None:
    """Stop the job that a panel shows. The page runs this on a subshell, so it works while a cell runs.

    The panel is found by its id and not by the job's number: after a restart of the kernel, that number
    belongs to another job.
    """
    panel = _shown.get(panel_id)
    if panel is not None:
        panel.job.cancel()
