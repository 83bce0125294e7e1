"""Candidates are tried out: each runs with the person's check in the sandbox, once the person has agreed.

What passes comes first. It happens on threads of its own, so that the next request need not wait for it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Literal

from cg2magic.errors import UsageError
from cg2magic.evaluation.sandbox import Sandbox
from cg2magic.job import Job
from cg2magic.request import CheckResult, Progress, Suggestion
from cg2magic.threads import usable_cores

Allowed = Literal["nothing", "sandbox", "unconfined"]

_ASK = "not checked: nothing is run before you allow it (%cg2 allow)"


def read(texts: list[str], variables: dict[str, Any], language: str) -> str:
    """The program that the texts of ``--check`` make; the name of a variable with a text stands for it.

    Raises
    ------
    UsageError
        If it is not Python, or the cell is not.
    """
    known = [variables.get(text, text) if text.isidentifier() else text for text in texts]
    check = "\n".join(text for text in known if isinstance(text, str))
    if not check:
        return ""
    if language != "python":
        raise UsageError(f"--check runs Python, and the language of the cell is {language}")
    try:
        compile(check, "--check", "exec")
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--check is not Python: {getattr(error, 'msg', error)}") from None
    return check


class Checks:
    """The checks of one kernel.

    Attributes
    ----------
    allowed : {"nothing", "sandbox", "unconfined"}
        What the person has agreed to. ``"unconfined"`` is for systems without a sandbox: only limits.
    """

    def __init__(self) -> None:
        self.allowed: Allowed = "nothing"
        self._lock = threading.Lock()
        self._running: dict[Job, threading.Thread] = {}

    def finish(self, job: Job, notes: tuple[str, ...] = ()) -> None:
        """End a job that has been written: with its check, if there is one and it may be run."""
        if not job.request.check:
            job.update(state="done", notes=notes)
        elif self.allowed == "nothing":
            job.update(state="done", notes=(*notes, _ASK), unchecked=True)
        else:
            self._start(job, notes)

    def agree(self, job: Job) -> None:
        """The person wants this job's check to be run, and those to come."""
        if self.allowed == "nothing":
            self.allowed = "sandbox"
        now = job.snapshot()
        if now.unchecked:
            self._start(job, tuple(note for note in now.notes if note != _ASK))

    def jobs(self) -> list[Job]:
        """Those whose candidates are being run."""
        with self._lock:
            return list(self._running)

    def close(self) -> None:
        """End what runs, and wait for it."""
        with self._lock:
            running = dict(self._running)
        for job, thread in running.items():
            job.cancel()
            thread.join()

    def _start(self, job: Job, notes: tuple[str, ...]) -> None:
        try:
            sandbox = Sandbox(confined=self.allowed == "sandbox")
        except UsageError as error:
            said = f"not checked: {error}; %cg2 allow unconfined runs it with limits only"
            job.update(state="done", notes=(*notes, said), unchecked=False)
            return
        job.update(state="checking", notes=notes, unchecked=False, progress=_progress(job, 0))
        thread = threading.Thread(
            target=self._check, args=(job, sandbox), name=f"cg2magic-check-{job.id}", daemon=True
        )
        with self._lock:
            self._running[job] = thread
        thread.start()

    def _check(self, job: Job, sandbox: Sandbox) -> None:
        try:
            _run(job, sandbox)
            suggestions = sorted(job.snapshot().suggestions, key=_rank)
            state = "stopped" if job.cancelled.is_set() else "done"
            job.update(state=state, suggestions=tuple(suggestions), progress=None)
        except Exception as error:  # noqa: BLE001 - shown in the panel, raised by result()
            job.fail(error)
        finally:
            with self._lock:
                self._running.pop(job, None)


def _run(job: Job, sandbox: Sandbox) -> None:
    """Run the candidates, as many at once as there are cores; what is found is shown as it comes."""
    changing = threading.Lock()

    def check(index: int) -> None:
        # A magic on top (%%time, say) is for IPython; the sandbox has plain Python.
        code = job.snapshot().suggestions[index].code.removeprefix(job.request.header)
        code = f"{code}\n\n{job.request.check}\n"
        result = sandbox.run(code, job.cancelled.is_set)
        with changing:
            suggestions = list(job.snapshot().suggestions)
            # One that was stopped is as good as not checked.
            found: CheckResult | None = result if result.status != "stopped" else None
            suggestions[index] = replace(suggestions[index], check=found)
            done = sum(suggestion.check is not None for suggestion in suggestions)
            job.update(suggestions=tuple(suggestions), progress=_progress(job, done))

    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(check, range(len(job.snapshot().suggestions))))


def _progress(job: Job, done: int) -> Progress:
    return Progress(done, len(job.snapshot().suggestions), "", "checking")


def _rank(suggestion: Suggestion) -> int:
    """What passes first, what fails last; among alike it stays as it was written."""
    if suggestion.check is None:
        return 1
    return 0 if suggestion.check.passed else 2
