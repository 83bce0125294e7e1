"""The ways to write a hole: which tokens go where.

There are two. CodeGen2 was trained on several masked spans at once (`Masks`). The others follow
*Efficient Training of Language Models to Fill in the Middle* (arXiv 2207.14255): one hole, with a token
before each of its parts (`FillInMiddle`).
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from cg2magic.errors import FormatError


@dataclass(frozen=True, slots=True)
class Format:
    """A family's way of writing infills; this base class is for a family that can't infill."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Tokens that this format requires; a vocabulary that has them belongs to the family."""
        return ()

    @property
    def steering(self) -> tuple[str, ...]:
        """Special tokens, which steer the model and never become text; each of them ends a fill."""
        return ()

    def holes(self, vocabulary: Container[str]) -> int:
        """How many holes can be filled at once."""
        del vocabulary
        return 0


@dataclass(frozen=True, slots=True)
class Masks(Format):
    """Holes are masks in the text; the fills follow it, each closed by a token.

    Attributes
    ----------
    mask : str
        Template of the token in the place of hole ``k``, counted from 1.
    tail : tuple of str
        Tokens between the masked text and the first fill.
    end : str
        Token that closes a fill.
    """

    mask: str
    tail: tuple[str, ...]
    end: str

    @property
    def needed(self) -> tuple[str, ...]:
        """The first mask, the tail and the end."""
        return (self.mask.format(1), *self.tail, self.end)

    @property
    def steering(self) -> tuple[str, ...]:
        """All possible masks, the tail and the end."""
        masks = (self.mask.format(k) for k in range(1, 101))
        return (*masks, *self.tail, self.end)

    def holes(self, vocabulary: Container[str]) -> int:
        """How many holes the vocabulary has masks for."""
        if not all(token in vocabulary for token in self.needed):
            return 0
        k = 1
        while self.mask.format(k + 1) in vocabulary:
            k += 1
        return k


@dataclass(frozen=True, slots=True)
class FillInMiddle(Format):
    """One hole: the texts before and after it, each after its token, and then the model writes.

    ::

        prefix P suffix S middle …          PSM, the usual order
        suffix S prefix P (middle) …        with `suffix_first`

    Attributes
    ----------
    prefix, suffix : str
        Tokens in front of the text before the hole, and of the text after it.
    middle : str or None
        Token after which the model writes; None if it writes directly after the prefix.
    suffix_first : bool
    end : str or None
        Token that closes the fill, if that is not the end of text.
    stops : tuple of str
        Other tokens that the model may write when it is done; only those in the vocabulary count.
    """

    prefix: str
    suffix: str
    middle: str | None = None
    suffix_first: bool = False
    end: str | None = None
    stops: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.prefix or not self.suffix or self.prefix == self.suffix:
            raise FormatError("a format needs a prefix token and a suffix token, which must differ")
        if self.middle is None and not self.suffix_first:
            raise FormatError(
                "a format needs a middle token, after which the model writes, unless the suffix comes "
                "first (suffix_first=True)"
            )

    @classmethod
    def of_tokens(cls, prefix: str | None, suffix: str | None, middle: str | None) -> FillInMiddle | None:
        """Make a format from options; None if there are none. Without a middle the suffix comes first."""
        if not (prefix or suffix or middle):
            return None
        return cls(prefix or "", suffix or "", middle, suffix_first=middle is None)

    @property
    def needed(self) -> tuple[str, ...]:
        """The tokens around the texts, and the end if it has its own."""
        return tuple(token for token in (self.prefix, self.suffix, self.middle, self.end) if token)

    @property
    def steering(self) -> tuple[str, ...]:
        """The needed tokens and the stops."""
        return (*self.needed, *self.stops)

    def holes(self, vocabulary: Container[str]) -> int:
        """One, if the vocabulary has the tokens."""
        return int(all(token in vocabulary for token in self.needed))
