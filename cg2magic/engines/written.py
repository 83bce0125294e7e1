"""What an engine returns: the candidates as they grow, and the result of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cg2magic.request import Seen, Suggestion

#: Receives the current state of all candidates.
Report = Callable[[tuple[Suggestion, ...]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a request: the candidates, what the model read, and notes to users."""

    suggestions: tuple[Suggestion, ...]
    seen: Seen
    notes: tuple[str, ...] = ()
