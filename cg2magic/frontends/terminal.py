"""A suggestion in IPython in a terminal: it streams as text and fills the next prompt, ready to edit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from cg2magic.frontends import status_text
from cg2magic.frontends.visible import visible
from cg2magic.request import Suggestion
from cg2magic.service.job import Job, Snapshot
from cg2magic.service.stream import snapshots

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_DIM, _PLAIN = "\033[2m", "\033[0m"


def stream(
    job: Job,
    shell: InteractiveShell,
    *,
    fill: bool = True,
    note: Callable[[str], str] | None = None,
    out: TextIO | None = None,
) -> None:
    """Print the first candidate while it is written, then the others; the first fills the next prompt.

    Ctrl-C stops the writing and keeps what is there. A failed job raises nothing here: its `result` does
    that.

    Parameters
    ----------
    job : Job
    shell : InteractiveShell
    fill : bool
        Whether to fill the next prompt.
    note : callable, optional
        Called as ``note(model)`` at the end; returns what is said below the suggestion, or nothing.
    out : file, optional
        Where to print; standard output by default.
    """
    out = out or sys.stdout
    printer = _Printer(out)
    try:
        for snapshot in snapshots(job):
            printer.show(snapshot)
    except KeyboardInterrupt:
        job.cancel()
        job.wait()
        printer.show(job.snapshot())
    now = job.snapshot()
    printer.end(now, note(now.model) if note and now.suggestions else "")
    if fill and now.suggestions and now.suggestions[0].text.strip():
        shell.set_next_input(now.suggestions[0].code, replace=False)


class _Printer:
    """Prints what is new in the first candidate: text only grows, so nothing is ever taken back."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.printed = ""
        self.waiting = ""

    def show(self, now: Snapshot) -> None:
        if now.state in ("queued", "loading"):
            self._wait(status_text.status(now))
            return
        if now.suggestions:
            text = _so_far(now.suggestions[0])
            if text.startswith(self.printed):
                self._wait("")
                self.out.write(visible(text[len(self.printed) :]))
                self.out.flush()
                self.printed = text

    def end(self, now: Snapshot, note: str = "") -> None:
        self._wait("")
        if now.suggestions:
            first, *others = now.suggestions
            is_cut = self.printed.startswith(first.code) and self.printed != first.code
            if is_cut:
                self.out.write("\n")
            else:
                self._end_code(first)
            self._dim(
                " · ".join(filter(None, (now.model, status_text.status(now), status_text.verdict(now, 0))))
            )
            if first.can_go_on:
                left_out = "the statement that is not whole is left out; " if is_cut else ""
                self._dim(f"{left_out}%cg2 continue goes on where it broke off")
            for i, other in enumerate(others, start=1):
                self._dim(f"candidate {i + 1} · {status_text.verdict(now, i)}   (%cg2 accept {i + 1})")
                self.out.write(visible(other.code) + "\n")
        for said in filter(None, (status_text.context(now), *now.notes, note)):
            self._dim(said)
        self.out.flush()

    def _end_code(self, first: Suggestion) -> None:
        """Print the rest of a candidate, or all of it if it is not what was printed so far."""
        if not first.code.startswith(self.printed):
            # Another one came first in the end, or this one ends before the text after its hole.
            self.out.write("\n")
            self._dim("candidate 1")
            self.printed = ""
        self.out.write(visible(first.code.removeprefix(self.printed)) + "\n")

    def _wait(self, text: str) -> None:
        """Show what we are waiting for, on one line that is overwritten; only on a real terminal."""
        if text != self.waiting and self.out.isatty():
            self.out.write("\r" + text.ljust(len(self.waiting)) + ("" if text else "\r"))
            self.out.flush()
        self.waiting = text

    def _dim(self, text: str) -> None:
        self.out.write(f"{_DIM}{text}{_PLAIN}\n" if self.out.isatty() else f"{text}\n")


def _so_far(suggestion: Suggestion) -> str:
    """The code up to the place where the model is writing."""
    pieces = [suggestion.header]
    for i, part in enumerate(suggestion.parts):
        pieces.append(part)
        if i >= len(suggestion.spans):
            break
        pieces.append(suggestion.spans[i])
        if i == len(suggestion.spans) - 1 and suggestion.finish_reason is None:
            break
    return "".join(pieces)
