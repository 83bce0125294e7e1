"""The commands about suggestions: accept, continue, prompt, history."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from cg2magic.errors import UsageError
from cg2magic.frontends.commands.parser import Commands
from cg2magic.service.manager import manager
from cg2magic.wording import one_line, table

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.service.job import Job


def add_to(commands: Commands) -> None:
    """Add these commands."""
    accept = commands.add("accept", _accept, "put a candidate of the last suggestion into a new cell")
    accept.add_argument(
        "k", nargs="?", type=int, default=1, metavar="K", help="which candidate (%(default)s)"
    )
    go_on = commands.add(
        "continue",
        _continue,
        "go on with a candidate that was cut by its length, or stopped",
        "It goes on as one longer request would have, and counts the length anew.",
    )
    go_on.add_argument("k", nargs="?", type=int, default=1, metavar="K", help="which candidate (%(default)s)")
    commands.add("prompt", _prompt, "show what the model read for the last suggestion, word for word")
    commands.add("history", _history, "list the suggestions of this kernel and what became of them")


def _history(*_: object) -> str:
    if not manager().history:
        return "no suggestions yet"
    rows: list[tuple[str, ...]] = [("#", "time", "model", "state", "tokens", "prompt", "what became of it")]
    for entry in manager().history:
        now = entry.job.snapshot()
        outcome = ", ".join(f"{k + 1} {what}" for k, what in sorted(entry.outcomes.items()))
        prompt = one_line("|".join(now.request.parts), 40, tail=True)
        at = time.strftime("%H:%M:%S", time.localtime(entry.time))
        rows.append((str(now.job_id), at, now.model, now.state, str(now.tokens), prompt, outcome or "-"))
    return table(rows)


def _prompt(*_: object) -> str:
    from cg2magic.frontends import status_text
    from cg2magic.frontends.visible import visible

    _wait_for_the_last()
    now = next((e.job.snapshot() for e in reversed(manager().history) if e.job.snapshot().seen), None)
    if now is None or now.seen is None:
        raise UsageError("no model has read anything yet: run a cell with %%complete or %%infill first")
    return f"{visible(now.seen.text)}\n\n[{status_text.context(now) or 'the cell alone'}]"


def _accept(args: argparse.Namespace, shell: InteractiveShell) -> None:
    job, index = _candidate(args.k)
    shell.set_next_input(job.snapshot().suggestions[index].code, replace=False)
    manager().record(job.id, index, "inserted below")


def _continue(args: argparse.Namespace, shell: InteractiveShell) -> None:
    from cg2magic.frontends import present as frontend

    job, index = _candidate(args.k)
    frontend.present(frontend.extend(job, index, alone=True), shell)


def _wait_for_the_last() -> None:
    """Wait for the last suggestion: with *Run All*, its cell has only asked for it a moment ago."""
    from cg2magic.frontends import present as frontend

    if manager().history:
        frontend.wait_for(manager().history[-1].job)


def _candidate(k: int) -> tuple[Job, int]:
    """Find a candidate of the last suggestion, which people count from 1: its job, and its index."""
    _wait_for_the_last()
    job = next((e.job for e in reversed(manager().history) if e.job.snapshot().suggestions), None)
    if job is None:
        raise UsageError("there is no suggestion yet: run a cell with %%complete or %%infill first")
    count = len(job.snapshot().suggestions)
    if not 1 <= k <= count:
        raise UsageError(f"the last request has candidates 1 to {count}, not {k}")
    return job, k - 1
