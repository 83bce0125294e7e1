"""What an engine gives back: the candidates as they grow, and all that came of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cg2magic.request import Seen, Suggestion

#: Gets all the candidates as they stand.
Report = Callable[[tuple[Suggestion, ...]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a request: its candidates, what the model read, and what the person should know."""

    suggestions: tuple[Suggestion, ...]
    seen: Seen
    notes: tuple[str, ...] = ()
