"""Progress and cancellation of long tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from cg2magic.errors import LoadError
from cg2magic.wording import gigabytes


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a long task, or of one stage of it: ``done`` of ``total`` in ``unit`` (``"B"`` for bytes).

    ``part`` says which part of the whole task the stage is: from 0 to 1 if it is all of it.
    """

    done: int
    total: int
    unit: str
    what: str
    part: tuple[float, float] = (0.0, 1.0)

    @property
    def fraction(self) -> float:
        """How much of the whole task is done, from 0 to 1."""
        return _within(self.part, self.done / self.total if self.total else 0.0)

    @property
    def amounts(self) -> str:
        """How far the stage is, in words: ``12 of 28 MB`` in the unit that fits the total."""
        if self.unit != "B":
            return f"{self.done:,} of {self.total:,} {self.unit}".rstrip()
        return gigabytes(self.total, self.done)


def _within(part: tuple[float, float], share: float) -> float:
    first, last = part
    return first + (last - first) * share


#: Receives each `Progress`.
Listener = Callable[[Progress], None]


class LoadCancelled(LoadError):  # noqa: N818 - requested by the user, not a failure
    """The user cancelled the load; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Connects a long task with the code that started it: for progress, and for cancellation."""

    progress: Listener | None = None
    cancelled: Callable[[], bool] = lambda: False
    #: The part of the whole task that this one watches.
    part: tuple[float, float] = (0.0, 1.0)
    #: How much of the whole task was done when it was last heard of; all its watches share this.
    _reached: list[float] = field(default_factory=lambda: [0.0], repr=False, compare=False)

    def upto(self, share: float) -> Watch:
        """Return the watch of the next stage: from where the last one ended to this share of this part.

        A stage that is left out, such as a download, takes no room in the bar.
        """
        last = _within(self.part, share)
        return replace(self, part=(min(max(self.part[0], self._reached[0]), last), last))

    def send(self, progress: Progress) -> None:
        """Send the progress to the listener, if there is one."""
        if self.progress is None:
            return
        first, last = (_within(self.part, share) for share in progress.part)
        progress = replace(progress, part=(first, last))
        self._reached[0] = progress.fraction
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
    """Yield a function that draws each `Progress` in one bar for the whole task, which disappears at the end.

    Nothing is drawn for tasks that take less than half a second.
    """
    # Imported here because tqdm warns on import if ipywidgets is missing; in IPython we depend on it.
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # no monitor thread of tqdm, which would outlive the bar

    bar = Bar(
        total=1.0,
        delay=0.5,
        leave=False,
        bar_format="{desc}{percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]",
    )

    def show(progress: Progress) -> None:
        bar.set_description(f"{progress.what}, {progress.amounts}", refresh=False)
        bar.update(progress.fraction - bar.n)

    try:
        yield show
    finally:
        bar.close()
