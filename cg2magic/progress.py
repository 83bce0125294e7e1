"""How far something long has come, how its listener hears of it, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cg2magic.errors import LoadError


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something that takes long has got: ``done`` of ``total`` in ``unit`` (``"B"`` for bytes)."""

    done: int
    total: int
    unit: str
    what: str


#: Gets each `Progress`.
Listener = Callable[[Progress], None]


class LoadCancelled(LoadError):  # noqa: N818 - an answer to a wish, not a fault
    """The person changed their mind; nothing of the load is kept."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The two wires between something long and whoever started it."""

    progress: Listener | None = None
    cancelled: Callable[[], bool] = lambda: False

    def tell(self, progress: Progress) -> None:
        """Tell how far it has come."""
        if self.progress is not None:
            self.progress(progress)

    def report(self, done: int, total: int, what: str) -> None:
        """Say how many bytes are done; the first thing to do is to ask whether to go on."""
        self.check()
        self.tell(Progress(min(done, total), total, "B", what))

    def check(self) -> None:
        """Stop here if the load is no longer wanted."""
        if self.cancelled():
            raise LoadCancelled("the load was cancelled and nothing of it was kept; load again when you like")


@contextmanager
def progress_bar() -> Iterator[Listener]:
    """Give a function that draws each `Progress` it gets; the bar goes away at the end.

    Nothing is drawn for what is over within half a second.
    """
    # tqdm warns at its import where it finds no ipywidgets; in IPython we depend on them.
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # no thread of tqdm's own, which would outlive us

    bar = Bar(delay=0.5, leave=False, unit="B", unit_scale=True, unit_divisor=1024)
    shown = ""

    def show(progress: Progress) -> None:
        nonlocal shown
        # A bar that TQDM_DISABLE switches off has no description to compare with.
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
