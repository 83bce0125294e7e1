"""Progress and cancellation of long tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cg2magic.errors import LoadError


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a long task: ``done`` of ``total`` in ``unit`` (``"B"`` for bytes)."""

    done: int
    total: int
    unit: str
    what: str


#: Receives each `Progress`.
Listener = Callable[[Progress], None]


class LoadCancelled(LoadError):  # noqa: N818 - requested by the user, not a failure
    """The user cancelled the load; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Connects a long task with the code that started it: for progress, and for cancellation."""

    progress: Listener | None = None
    cancelled: Callable[[], bool] = lambda: False

    def send(self, progress: Progress) -> None:
        """Send the progress to the listener, if there is one."""
        if self.progress is not None:
            self.progress(progress)

    def report(self, done: int, total: int, what: str) -> None:
        """Report how many bytes are done; first check for cancellation."""
        self.check()
        self.send(Progress(min(done, total), total, "B", what))

    def check(self) -> None:
        """Raise `LoadCancelled` if the load was cancelled."""
        if self.cancelled():
            raise LoadCancelled("the load was cancelled and nothing was kept; you can load again at any time")


@contextmanager
def progress_bar() -> Iterator[Listener]:
    """Yield a function that draws each `Progress` in a bar, which disappears at the end.

    Nothing is drawn for tasks that take less than half a second.
    """
    # Imported here because tqdm warns on import if ipywidgets is missing; in IPython we depend on it.
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # no monitor thread of tqdm, which would outlive the bar

    bar = Bar(delay=0.5, leave=False, unit="B", unit_scale=True, unit_divisor=1024)
    shown = ""

    def show(progress: Progress) -> None:
        nonlocal shown
        # A bar that is disabled by TQDM_DISABLE has no description to compare with.
        if shown != progress.what:
            shown = progress.what
            bar.set_description(progress.what, refresh=False)
            bar.unit = progress.unit if progress.unit == "B" else f" {progress.unit}"
        bar.total = progress.total
        bar.update(progress.done - bar.n)

    try:
        yield show
    finally:
        bar.close()
