"""Try out candidates: each runs with the person's check in the sandbox, once the person has agreed.

Candidates that pass come first. Checks run on threads of their own, so the next request need not wait.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from cg2magic.errors import UsageError
from cg2magic.models.threads import usable_cores
from cg2magic.progress import Progress
from cg2magic.request import CheckResult, Suggestion
from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.sandbox import Sandbox
from cg2magic.service.consent import Allowed, Consent, OwnConsent
from cg2magic.service.job import Job

#: How the reason begins when a program ended for lack of what an option gives.
_ENDS = {
    "check_memory": re.compile(r"more than \d+ MiB|MemoryError"),
    "check_seconds": re.compile(r"longer than|out of processor time"),
}
_ASK = "not checked: nothing is run until you allow it (%cg2 allow)"


class Checks:
    """The checks of one kernel.

    Attributes
    ----------
    consent : Consent
        Consulted each time before something is run, and while it runs.
    """

    def __init__(self) -> None:
        self.consent: Consent = OwnConsent()
        self._lock = threading.Lock()
        self._running: dict[Job, threading.Thread] = {}

    @property
    def allowed(self) -> Allowed:
        """What the person has agreed to, according to their consent."""
        return self.consent.allow_execution

    @allowed.setter
    def allowed(self, what: Allowed) -> None:
        self.consent.allow_execution = what

    def finish(self, job: Job, notes: tuple[str, ...] = ()) -> None:
        """Finish a job that has been written: run its check if there is one and it is allowed."""
        if not job.request.check:
            job.update(state="done", notes=notes)
        elif self.allowed == "nothing":
            job.update(state="done", notes=(*notes, _ASK), unchecked=True)
        else:
            self._start(job, notes)

    def agree(self, job: Job) -> None:
        """Run this job's check, and allow later ones: the person has agreed."""
        if self.allowed == "nothing":
            self.allowed = "sandbox"
        now = job.snapshot()
        if now.unchecked:
            self._start(job, tuple(note for note in now.notes if note != _ASK))

    def jobs(self) -> list[Job]:
        """The jobs whose candidates are being run."""
        with self._lock:
            return list(self._running)

    def close(self) -> None:
        """Stop the checks that run, and wait for their end."""
        with self._lock:
            running = dict(self._running)
        for job, thread in running.items():
            job.cancel()
            thread.join()

    def _start(self, job: Job, notes: tuple[str, ...]) -> None:
        try:
            sandbox = Sandbox(confined=self.allowed != "unconfined", limits=self._limits())
        except UsageError as error:
            said = f"not checked: {error}; %cg2 allow unconfined runs it with limits only"
            job.update(state="done", notes=(*notes, said), unchecked=False)
            return
        progress = _progress(job.snapshot().suggestions)
        job.update(state="checking", notes=notes, unchecked=False, progress=progress)
        thread = threading.Thread(
            target=self._check, args=(job, sandbox), name=f"cg2magic-check-{job.id}", daemon=True
        )
        with self._lock:
            self._running[job] = thread
        thread.start()

    def _limits(self) -> Limits:
        seconds = math.ceil(self.consent.check_seconds)
        memory = int(self.consent.check_memory * (1 << 30))
        return Limits(cpu_seconds=seconds, seconds=5.0 * seconds, memory=memory)

    def _check(self, job: Job, sandbox: Sandbox) -> None:
        try:
            _run(job, sandbox, lambda: job.cancelled.is_set() or not self._may_run_in(sandbox))
            job.rank()
            job.update(progress=None)
            if job.cancelled.is_set():
                job.update(state="stopped")
            elif any(suggestion.check is None for suggestion in job.snapshot().suggestions):
                # The person withdrew their agreement: the rest waits, or runs as far as is allowed now.
                self.finish(job, job.snapshot().notes)
            else:
                job.update(state="done")
        except Exception as error:  # noqa: BLE001 - shown in the panel, raised by result()
            job.fail(error)
        finally:
            with self._lock:
                if self._running.get(job) is threading.current_thread():
                    del self._running[job]

    def _may_run_in(self, sandbox: Sandbox) -> bool:
        """Whether the person still agrees to running programs in this sandbox."""
        return self.allowed == "unconfined" or (self.allowed == "sandbox" and sandbox.confined)


def _run(job: Job, sandbox: Sandbox, ended: Callable[[], bool]) -> None:
    """Run the candidates, as many at once as there are cores, and show each result as it comes."""
    changing = threading.Lock()

    def check(index: int) -> None:
        if ended():
            return
        # A magic on top (%%time, say) is for IPython; the sandbox has plain Python.
        code = job.snapshot().suggestions[index].code.removeprefix(job.request.header)
        code = f"{code}\n\n{job.request.check}\n"
        result = _with_hint(sandbox.run(code, ended))
        with changing:
            suggestions = list(job.snapshot().suggestions)
            # A check that was stopped counts as not run.
            found: CheckResult | None = result if result.status != "stopped" else None
            suggestions[index] = replace(suggestions[index], check=found)
            job.update(suggestions=tuple(suggestions), progress=_progress(suggestions))

    unchecked = [i for i, suggestion in enumerate(job.snapshot().suggestions) if suggestion.check is None]
    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(check, unchecked))


def _with_hint(result: CheckResult) -> CheckResult:
    """The result; if a limit ended it, with the option that raises the limit."""
    option = next((option for option, ends in _ENDS.items() if ends.match(result.reason)), None)
    if option is None:
        return result
    return replace(result, reason=f"{result.reason} (%config CG2.{option} gives it more)")


def _progress(suggestions: Sequence[Suggestion]) -> Progress:
    done = sum(suggestion.check is not None for suggestion in suggestions)
    return Progress(done, len(suggestions), "", "checking")
