"""How a server writes one candidate; there are two ways, by token ids and by text."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from cg2magic.engines.remote.calls import Completions
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob

#: Sends a body to a path, and yields the events of the answer.
Stream: TypeAlias = Callable[[str, Mapping[str, Any]], AsyncGenerator[Any, None]]


@dataclass(slots=True)
class Task:
    """A candidate that is to be written.

    Attributes
    ----------
    candidate : Candidate
    number : int
        Of the candidate, for its seed.
    sampling : Sampling
    context : int
        Maximum number of tokens.
    changed : callable
        Called when it has grown.
    alone : callable
        How the server is asked.
    first : callable, optional
        How it is asked the first time, if other candidates are in the same request.
    """

    candidate: Candidate
    number: int
    sampling: Sampling
    context: int
    changed: Callable[[], None]
    alone: Stream
    first: Stream | None = None

    def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """Send a body, and yield the events of the answer."""
        first, self.first = self.first, None
        stream = first if first is not None and path == Completions.path else self.alone
        return stream(path, body)

    def seed(self, length: int, sampling: Sampling) -> int | None:
        """Return a seed that differs between candidates, and between the requests of one candidate."""
        if sampling.seed is None:
            return None
        return (sampling.seed * 1_000_003 + self.number * 10_007 + length) % 2**31


class Writer(Protocol):
    """Writes candidates on one server.

    Attributes
    ----------
    fills_one : bool
        Whether it fills one hole at a time, whatever the model can do.
    """

    fills_one: bool

    @property
    def vocabulary(self) -> Vocabulary:
        """What reads the tokens."""
        ...

    def suited(self, request: Request) -> Request:
        """Return the request as this server can serve it."""
        ...

    async def write(self, task: Task) -> None:
        """Write a candidate until it is finished.

        Raises
        ------
        ServerError
        """
        ...


def grounded(token: TokenLogprob, names: GroundedFill | None, vocabulary: Vocabulary) -> TokenLogprob:
    """Take the likeliest alternative that is allowed instead of a token that isn't.

    A server sends only a few alternatives. If none of them is likely enough, the token stays.
    """
    pieces = vocabulary.pieces
    allowed = None if names is None else names.against(token.id)
    if allowed is None:
        return token
    others = [other for other in token.alternatives if allowed.permits(pieces[other.id])]
    if sum(math.exp(other.logprob) for other in others) < allowed.least or not others:
        return token
    best = max(others, key=lambda other: other.logprob)
    return replace(best, alternatives=token.alternatives, corrected=True)
