"""One fill and the names in it: which may come next, and where the kernel had a say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cg2magic.grounding.allowed import Allowed, is_escaped
from cg2magic.grounding.grounding import Grounding
from cg2magic.grounding.receivers import OpenName
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import NameFound, NameOutcome, TokenLogprob

#: What stands in a token before a name that the token begins.
_BEGINS_NAME = re.compile(rb"""[^\n]*[."'](?=[\w\x80-\xff])""")


class GroundedFill:
    """Follows the tokens of a fill, or of a completion.

    Parameters
    ----------
    grounding : Grounding
    before : str
        The code before it.
    behind : str
        The code behind it, to the end of the cell; empty for a completion.
    owed : bytes
        The end of `before`, if the first tokens have to write it again.
    vocabulary : Vocabulary
    """

    def __init__(
        self, grounding: Grounding, before: str, behind: str, owed: bytes, vocabulary: Vocabulary
    ) -> None:
        self._vocabulary = vocabulary
        self._follower = grounding.follow(before, behind)
        self._base = self._follower.length
        self._text = ""
        self._found: list[tuple[OpenName, NameOutcome]] = []
        self._open: tuple[OpenName, Allowed] | None = None
        # Keys that may be new ones, or parts of one: that can't be told before what follows is there.
        self._perhaps_new: dict[OpenName, Allowed] = {}
        # Names that the next token may begin, by what is before them in the token.
        self._ahead: dict[bytes, tuple[OpenName, Allowed] | None] = {}
        self._look(b"", owed)

    @property
    def allowed(self) -> Allowed | None:
        """What may come next, where a name is open; None for anything."""
        return self._open[1] if self._open else None

    def against(self, token: int) -> Allowed | None:
        """Return what may come instead of a token, by its id; None if it may come."""
        found = self._against(self._vocabulary.pieces[token])
        return found and found[1]

    def _against(self, piece: bytes) -> tuple[OpenName, Allowed] | None:
        if self._open is not None and not self._open[1].leaves(piece):
            return self._open
        begins = None if self._is_partial else _BEGINS_NAME.match(piece)
        if begins is None:
            return None
        # The token begins a name itself, as ".mean" does.
        head = begins[0]
        if head not in self._ahead:
            follower = self._follower.copy()
            follower.read(head.decode("utf-8", errors="replace"))
            self._ahead[head] = follower.allowed()
        found = self._ahead[head]
        if found is None or (found[0].quote and found[0].begins) or found[1].leaves(piece[len(head) :]):
            return None
        return found[0], found[1].behind(head)

    def took(self, token: TokenLogprob, written: bytes, owed: bytes) -> None:
        """Read on after a token.

        Parameters
        ----------
        token : TokenLogprob
        written : bytes
            All of the fill.
        owed : bytes
            What the next token has to begin with.
        """
        against = self._against(self._vocabulary.pieces[token.id])
        if against is not None:
            self._note(against[0], "unknown")
        elif token.corrected and (name := self._name_of(token)) is not None:
            self._note(name, "corrected")
        # A character whose bytes have not all come is read with the last of them.
        text = written.decode("utf-8", errors="ignore")
        self._follower.read(text[len(self._text) :])
        self._text = text
        self._found = [
            (name, what)
            for name, what in self._found
            if what != "unknown" or not self._follower.is_bound_later(name)
        ]
        self._look(written[len(text.encode()) :], owed)

    def _name_of(self, token: TokenLogprob) -> OpenName | None:
        """The name that a token was corrected for: one that is open, or that it begins."""
        if self._open is not None:
            return self._open[0]
        begins = _BEGINS_NAME.match(self._vocabulary.pieces[token.id])
        ahead = self._ahead.get(begins[0]) if begins else None
        return ahead and ahead[0]

    def names(self, hole: int, text: str) -> Iterator[NameFound]:
        """Yield the names in the text that is kept of the fill."""
        for name, outcome in [*self._found, *self._missing()]:
            start, end = max(0, name.start - self._base), self._follower.end_of(name) - self._base
            if outcome == "unknown" and self._follower.is_assigned(name):
                continue
            if start < end <= len(text) and text[start:end] == self._text[start:end]:
                yield NameFound(hole, start, end, outcome)

    def _missing(self) -> Iterator[tuple[OpenName, NameOutcome]]:
        """Yield the keys that turned out to be neither new nor there."""
        noted = {name.start for name, _ in self._found}
        for name, allowed in self._perhaps_new.items():
            key = self._follower.written(name)
            is_plain = not is_escaped(key)
            if name.start not in noted and is_plain and self._follower.is_read(name) and not allowed.has(key):
                yield name, "unknown"

    def _look(self, partial: bytes, owed: bytes) -> None:
        self._ahead = {}
        self._is_partial = bool(partial or owed)
        corrected = [name.start for name, outcome in self._found if outcome == "corrected"]
        self._open = self._follower.allowed(partial, owed, corrected)
        if self._open is None:
            return
        name, allowed = self._open
        if name.quote:
            self._perhaps_new.setdefault(name, allowed)
            if name.begins:
                self._open = None
                return
        given_up = any(other.start == name.start and outcome == "unknown" for other, outcome in self._found)
        if allowed.is_hopeless and not given_up and not allowed.is_expression:
            self._note(name, "unknown")  # the person began another name
        if given_up or allowed.is_hopeless:
            self._open = None

    def _note(self, name: OpenName, outcome: NameOutcome) -> None:
        """Remember it; of a name that was corrected and then given up, the latter."""
        self._found = [(other, what) for other, what in self._found if other.start != name.start]
        self._found.append((name, outcome))
