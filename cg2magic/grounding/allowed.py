"""From names that exist to tokens that may come next.

`Allowed.permits` answers for one token, in some microseconds. Only where the model's own choice is not
permitted are all the others looked for (`Allowed.ids`), in an index of the vocabulary by bytes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

#: Bytes that a name in code may go on with; those of other alphabets are all above 0x7F.
_WORD = re.compile(rb"[\w\x80-\xff]*")
_LAST_WORD = re.compile(rb"[\w\x80-\xff]+\Z")
_BLANK = b" \t\r\n\\"
#: What is between quotes, by the quote: one behind a backslash does not end it.
_BETWEEN = {quote: re.compile(rb"(?:[^\\" + quote + rb"]|\\.)*", re.DOTALL) for quote in (b'"', b"'")}
#: What a part of a key ends with to which another one is added, as in ``df["bark_" + kind]``.
_PART = re.compile(rb"[-_ ./:]")
#: What a key has that is a template, as in ``df["bark_{}".format(kind)]``.
_TEMPLATE = re.compile(rb"[{%]")
#: The least probability of all the names together: of a name that begins, and of one of which some bytes are
#: there. The latter is often cut short, `body_mass` for `body_mass_g`, and a model is sure of the cut.
_LEAST, _LEAST_BEGUN, _BEGUN = 0.01, 0.0001, 3


@dataclass(frozen=True, slots=True)
class Rest:
    """How a name is written, and what may come behind it.

    Attributes
    ----------
    end : bytes
        The quote that ends it; empty for a word, which any other character ends.
    lead : bool
        Whether blanks, or something else than a name, may come first.
    call : bool
        Whether it has to be followed by ``=``, as a keyword in a call.
    """

    end: bytes = b""
    lead: bool = False
    call: bool = False


class TokenIndex:
    """The tokens of a vocabulary by their bytes.

    Parameters
    ----------
    pieces : sequence of bytes
        The bytes of each token by its id; empty for special tokens.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = pieces

    def whole(self, piece: bytes) -> list[int]:
        """Tokens of just these bytes."""
        token = self._last.get(piece)
        return [] if token is None else [*self._earlier.get(piece, ()), token]

    @cached_property
    def _last(self) -> dict[bytes, int]:
        # Numbers, because making a list for each token takes twenty times as long.
        return {piece: i for i, piece in enumerate(self.pieces) if piece}

    @cached_property
    def _earlier(self) -> dict[bytes, list[int]]:
        last = self._last
        return _grouped((piece, i) for i, piece in enumerate(self.pieces) if piece and last[piece] != i)

    @cached_property
    def longest(self) -> int:
        """The most bytes of a token."""
        return max(map(len, self.pieces), default=0)

    @cached_property
    def _in_order(self) -> list[bytes]:
        return sorted(self._last)

    def beginning(self, start: bytes) -> Iterator[bytes]:
        """Give the bytes of the tokens that begin with these."""
        first = bisect_left(self._in_order, start)
        rest = (self._in_order[at] for at in range(first, len(self._in_order)))
        return takewhile(lambda piece: piece.startswith(start), rest)

    def longest_part(self, text: bytes) -> bytes:
        """Return the longest token that a text begins with, less a part of its last word; empty if none."""
        word = _LAST_WORD.search(text)
        least = max(1, word.start() if word else len(text))
        parts = (text[:length] for length in range(len(text) - 1, least - 1, -1))
        return next((part for part in parts if part in self._last), b"")

    def over(self, end: bytes) -> dict[bytes, list[int]]:
        """Tokens that run over the end of a name, by the bytes before its end."""
        return {b"": self._over_words, b'"': self._over_double, b"'": self._over_single}[end]

    @cached_property
    def _over_words(self) -> dict[bytes, list[int]]:
        split = ((_WORD.match(piece), i, piece) for i, piece in enumerate(self.pieces) if piece)
        return _grouped((found[0], i) for found, i, piece in split if found and found.end() < len(piece))

    @cached_property
    def _over_double(self) -> dict[bytes, list[int]]:
        return self._over_quote(b'"')

    @cached_property
    def _over_single(self) -> dict[bytes, list[int]]:
        return self._over_quote(b"'")

    def _over_quote(self, quote: bytes) -> dict[bytes, list[int]]:
        found = ((_key_end(piece, quote), i, piece) for i, piece in enumerate(self.pieces) if quote in piece)
        return _grouped((piece[:end], i) for end, i, piece in found if end >= 0)

    @cached_property
    def stripped(self) -> TokenIndex:
        """The same without the blanks before each token."""
        return TokenIndex([piece.lstrip(_BLANK) for piece in self.pieces])

    @cached_property
    def blank(self) -> list[int]:
        """Tokens of blanks alone, and those that begin, behind blanks, with something that is no name."""
        stripped = self.stripped.pieces
        return [
            i
            for i, piece in enumerate(self.pieces)
            if piece and not (stripped[i] and _WORD.match(stripped[i])[0])  # type: ignore[index]
        ]

    @cached_property
    def escaping(self) -> list[int]:
        """Tokens with a backslash."""
        return [i for i, piece in enumerate(self.pieces) if b"\\" in piece]


def _grouped(pairs: Iterable[tuple[bytes, int]]) -> dict[bytes, list[int]]:
    grouped: dict[bytes, list[int]] = {}
    for piece, i in pairs:
        grouped.setdefault(piece, []).append(i)
    return grouped


class Allowed:
    """What may come next where a name is open.

    Parameters
    ----------
    names : sequence of bytes
        The names that exist, as they are written in code; sorted.
    typed : bytes
        What there is of the name so far.
    rest : Rest
    owed : bytes
        What the next token has to begin with: text that was given back, the end of `typed`.
    corrected : bool
        Whether a token of the name was corrected before: then it has to become one that exists.

    Attributes
    ----------
    names : list of bytes
        Those names that go on from what is typed.
    least : float
        If they have less probability than this together, the model means something else.
    """

    def __init__(
        self,
        names: Sequence[bytes],
        typed: bytes,
        rest: Rest,
        owed: bytes = b"",
        *,
        corrected: bool = False,
    ) -> None:
        self.names = _beginning(names, typed)
        self._typed = typed
        self._rest = rest
        self._owed = owed
        self.least = 0.0 if corrected else _LEAST_BEGUN if len(typed) >= _BEGUN else _LEAST

    @cached_property
    def _may_be_escaped(self) -> bool:
        return bool(self._rest.end) and any(b"\\" in name or not name.isascii() for name in self.names)

    def behind(self, head: bytes) -> Allowed:
        """Return the same behind some text that the next token has to begin with."""
        return Allowed(self.names, self._typed, self._rest, head, corrected=not self.least)

    @property
    def is_hopeless(self) -> bool:
        """Whether no name goes on like that."""
        return not self.names

    @property
    def is_expression(self) -> bool:
        """Whether what is there may stand for another text: it has a backslash, or is a template."""
        return is_escaped(self._typed) or bool(self._rest.end and _TEMPLATE.search(self._typed))

    @property
    def is_complete(self) -> bool:
        """Whether what is there is a name."""
        return self.has(self._typed)

    def has(self, name: bytes) -> bool:
        """Whether a name exists, of those that go on from what is typed."""
        at = bisect_left(self.names, name)
        return at < len(self.names) and self.names[at] == name

    def leaves(self, piece: bytes) -> bool:
        """Whether a token of these bytes may stay that was chosen where all might come.

        It may if it is permitted, and if it makes a key a template, or a part to which another one is added:
        ``df["bark_{}".format(kind)]``, ``df["bark_" + kind]``.
        """
        if self.permits(piece):
            return True
        if not self._rest.end or (self._owed and not piece.startswith(self._owed)):
            return False
        text = self._typed + piece[len(self._owed) :]
        end = _key_end(text, self._rest.end)
        key = text if end < 0 else text[:end]
        if end >= 0 and _PART.fullmatch(key[-1:]):
            # A model that means a bracket mostly has a token for both: "]
            behind = text[end + 1 :].lstrip(b" ")
            return behind[:1] in (b"", b"+", b"%", b".") and bool(_beginning(self.names, key))
        return _TEMPLATE.search(key) is not None

    def permits(self, piece: bytes) -> bool:
        """Whether a token of these bytes may come next; one without bytes ends the text."""
        if not piece:
            return self.is_complete or self._rest.lead
        if self._owed:
            if not piece.startswith(self._owed):
                return self._owed.startswith(piece)
            piece = piece[len(self._owed) :]
        rest = self._rest
        if b"\\" in piece and self._may_be_escaped:
            return True  # it may be written in another way
        if rest.lead and not self._typed:
            piece = piece.lstrip(_BLANK)
            if not piece or not _WORD.match(piece)[0]:  # type: ignore[index]
                return True
        text = self._typed + piece
        at = bisect_left(self.names, text)
        if at < len(self.names) and self.names[at].startswith(text):
            return True
        end = _key_end(text, rest.end) if rest.end else _WORD.match(text).end()  # type: ignore[union-attr]
        if not 0 <= end < len(text) or not self.has(text[:end]):
            return False
        behind = text[end:].lstrip(b" ")
        return not rest.call or not behind or (behind[:1] == b"=" and behind[:2] != b"==")

    def ids(self, index: TokenIndex) -> list[int]:
        """Return the ids of all the tokens that may come next."""
        if self._owed:
            return [i for i in _leading(index, self._owed) if self.permits(index.pieces[i])]
        rest, found = self._rest, []
        if rest.lead and not self._typed:
            found += index.blank
            index = index.stripped
        elif self._may_be_escaped:
            found += index.escaping
        over, longest = index.over(rest.end), index.longest
        skip, before = len(self._typed), b""
        for name in self.names:
            left = name[skip:]
            for length in range(_common(before, left) + 1, min(len(left), longest) + 1):
                found += index.whole(left[:length])
            found += over.get(left, ())
            before = left
        if rest.call:
            found = [i for i in found if self.permits(index.pieces[i])]
        return sorted(set(found))


def _key_end(text: bytes, quote: bytes) -> int:
    """Where a key ends with a quote; -1 if it does not end in the text."""
    end = _BETWEEN[quote].match(text).end()  # type: ignore[union-attr]
    return end if text[end : end + 1] == quote else -1


def is_escaped(text: bytes) -> bool:
    """Whether the text of a key may stand for another one: it has a backslash."""
    return b"\\" in text


def _beginning(names: Sequence[bytes], typed: bytes) -> Sequence[bytes]:
    """Those of sorted names that begin so."""
    if not typed:
        return names
    behind = typed[:-1] + bytes((typed[-1] + 1,))  # text has no byte 0xFF
    first = bisect_left(names, typed)
    return names[first : bisect_left(names, behind, first)]


def _leading(index: TokenIndex, owed: bytes) -> list[int]:
    return [i for i, piece in enumerate(index.pieces) if piece.startswith(owed)]


def _common(one: bytes, two: bytes) -> int:
    """How many bytes two names have in common at their beginning."""
    length = 0
    for a, b in zip(one, two, strict=False):
        if a != b:
            break
        length += 1
    return length
