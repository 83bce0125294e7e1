"""Follow a job from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from cg2magic.service.job import Job, Snapshot


def snapshots(job: Job, interval: float = 0.05) -> Iterator[Snapshot]:
    """Yield a job's snapshots as it proceeds: the newest each time, and always the last one.

    Parameters
    ----------
    job : Job
    interval : float
        The least time between two snapshots, in seconds. It is longer if the caller takes long over each,
        so that showing never takes more than a fifth of the time from writing. A new state, and so the
        last snapshot, comes at once.

    Yields
    ------
    Snapshot
        The iteration ends after the first finished one. Ctrl-C interrupts the waiting.
    """
    changed = threading.Condition()

    def wake(_: Snapshot) -> None:
        with changed:
            changed.notify_all()

    forget = job.listen(wake)
    try:
        while True:
            now = job.snapshot()
            began = time.monotonic()
            yield now
            if now.finished:
                return
            due = began + max(interval, 5 * (time.monotonic() - began))
            with changed:
                # In slices, because on some platforms a bare wait can't be interrupted.
                while job.snapshot() is now:
                    changed.wait(0.1)
                state = now.state
                while job.snapshot().state == state and (left := due - time.monotonic()) > 0:
                    changed.wait(left)
    finally:
        forget()
