"""Words, signs and strings: what a statement consists of."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

#: Signs that form one operator with an = behind them.
_BEFORE_EQUALS = frozenset("=<>!+-*/%&|^@:")

Kind = Literal["word", "sign", "string"]


class Piece(NamedTuple):
    """A word, a sign or a string of a statement."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether it is an identifier."""
        return self.kind == "word" and self.text.isidentifier() and not keyword.iskeyword(self.text)


def operators(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces, with an = joined to the sign right before it."""
    before: Piece | None = None
    for piece in pieces:
        if piece.text == "=" and before and before.end == piece.start and before.text in _BEFORE_EQUALS:
            before = Piece("sign", before.text + "=", before.start, piece.end)
            continue
        if before is not None:
            yield before
        before = piece
    if before is not None:
        yield before
