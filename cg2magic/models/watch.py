"""What a load tells while it runs, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cg2magic.errors import LoadError
from cg2magic.request import Progress


class LoadCancelled(LoadError):  # noqa: N818 - an answer to a wish, not a fault
    """The person changed their mind; nothing of the load is kept."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The two wires between a load and whoever started it."""

    progress: Callable[[Progress], None] | None = None
    cancelled: Callable[[], bool] = lambda: False

    def report(self, done: int, total: int, what: str) -> None:
        """Say how many bytes are done; the first thing to do is to ask whether to go on."""
        self.check()
        if self.progress is not None:
            self.progress(Progress(min(done, total), total, "B", what))

    def check(self) -> None:
        """Stop here if the load is no longer wanted."""
        if self.cancelled():
            raise LoadCancelled("the load was cancelled, and nothing of it is kept; load again when you like")
