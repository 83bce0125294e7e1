"""In the kernel: panels whose jobs are written by hand, as slowly as the test wants.

A job goes on when the test creates a file, so that no test depends on time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from IPython import get_ipython

from cg2magic.frontends.panel import Panel
from cg2magic.frontends.panel.standby import Standby
from cg2magic.request import Request, Sampling, Suggestion, TokenLogprob
from cg2magic.service.checks import Checks
from cg2magic.service.job import Job

checks = Checks()
_numbers = itertools.count(1)
jobs: list[Job] = []
panels: list[Panel] = []
recorded: list[tuple[int, int, str]] = []


def wait_for(name: str, job: Job) -> None:
    """Wait until the test lets it go on, or somebody stops the job."""
    while not (Path(name).exists() or job.cancelled.is_set()):
        time.sleep(0.01)


def write(job: Job, fills: Sequence[Sequence[str]], gates: Mapping[int, str]) -> None:
    """Write the candidates' fills token by token; after so many tokens wait for that gate."""
    parts = job.request.parts
    job.update(model="slow")
    longest = max(len(_tokens(fill)) for fill in fills)
    for step in range(longest + 1):
        stopped = job.cancelled.is_set()
        job.wrote(tuple(_at(parts, fill, step, stopped=stopped) for fill in fills))
        if stopped:
            job.update(state="stopped")
            return
        time.sleep(0.005)
        if step in gates:
            wait_for(gates[step], job)
    checks.finish(job, job.snapshot().notes)


def _tokens(fill: Sequence[str]) -> list[tuple[int, str]]:
    return [(hole, text[i : i + 3]) for hole, text in enumerate(fill) for i in range(0, len(text), 3)]


def _at(parts: tuple[str, ...], fill: Sequence[str], step: int, *, stopped: bool) -> Suggestion:
    tokens = _tokens(fill)
    so_far = tokens[:step]
    spans = [""] * (so_far[-1][0] + 1 if so_far else 1)
    for hole, text in so_far:
        spans[hole] += text
    reason = "stop" if len(so_far) == len(tokens) else "cancelled" if stopped else None
    logprobs = tuple(TokenLogprob(i, text, -0.1 - (i % 7) / 8) for i, (_, text) in enumerate(so_far))
    return Suggestion(parts, tuple(spans), logprobs, reason)


def panel(
    *parts: str,
    fills: Sequence[Sequence[str]],
    gates: Mapping[int, str] | None = None,
    insert: str = "ask",
    notes: Sequence[str] = (),
    check: str = "",
    writer: Callable[[Job], None] | None = None,
    **more: Any,
) -> None:
    """Show a panel under the running cell and write into its job on a thread; `more` goes to the panel."""

    def start() -> Job:
        job = Job(next(_numbers), Request(parts, Sampling(n=len(fills)), check=check))
        jobs.append(job)
        job.update(notes=tuple(notes))
        run = (lambda: writer(job)) if writer else (lambda: write(job, fills, gates or {}))
        threading.Thread(target=run, daemon=True).start()
        return job

    parent = get_ipython().get_parent()
    record = recorded.append
    panels.append(
        Panel(
            start(),
            cell_id=parent["metadata"].get("cellId", ""),
            asked=parent["content"]["code"],
            session=parent["header"]["session"],
            standby=partial(Standby, get_ipython(), parent),
            regenerate=start,
            record=lambda *what: record(what),
            check=checks.agree,
            insert=insert,
            **more,
        )
    )
    panels[-1].show()
