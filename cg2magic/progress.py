"""Progress of a load, or of other long work, as tqdm's bar: a widget in a notebook, a line in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cg2magic.request import Progress


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
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
