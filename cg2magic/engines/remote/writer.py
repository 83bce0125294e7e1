"""How a server writes one candidate; there are two ways, by token ids and by text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob


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

    async def write(
        self,
        sampling: Sampling,
        number: int,
        candidate: Candidate,
        context: int,
        changed: Callable[[], None],
    ) -> None:
        """Write a candidate until it is finished.

        Parameters
        ----------
        sampling : Sampling
        number : int
            Of the candidate, for its seed.
        candidate : Candidate
        context : int
            Maximum number of tokens.
        changed : callable
            Called when it has grown.

        Raises
        ------
        ServerError
        """
        ...


def seed_of(sampling: Sampling, number: int, length: int) -> int | None:
    """Return a seed that differs between candidates, and between the requests of one candidate."""
    if sampling.seed is None:
        return None
    return (sampling.seed * 1_000_003 + number * 10_007 + length) % 2**31


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
