"""What a page asks for: the text around the cursor, and the notebook around the cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cg2magic.request import Request, Sampling
from cg2magic.syntax import languages, tokens

Reach = Literal["line", "next line", "block"]

_OPENS = re.compile(r":[ \t]*(#.*)?$")
_HEAD = re.compile(r"\s*(?:async|def|class|if|elif|else|for|while|with|try|except|finally|match|case)\b")
#: A word of one letter: too little to know what is meant.
_ONE_LETTER = re.compile(r"(?<!\w)[^\W\d]\Z")
#: The most tokens to write in a block, and in a line.
_BLOCK, _LINE = 64, 32
#: The temperature of several candidates: without it they would all be the same.
_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class Ask:
    """One question of a page.

    Attributes
    ----------
    id : str
        The page's own name for it, unique among all pages.
    prefix, suffix : str
        The cell's text before the cursor and after it.
    document : dict
        The notebook, as `Documents.take` reads it.
    candidates : int
        More than one only if the person asked by hand.
    by_hand : bool
        Whether the person asked with a key of its own, and not by typing.
    accepted : bool
        Whether the text before the cursor is a suggestion that was just accepted.
    """

    id: str
    prefix: str
    suffix: str
    document: Mapping[str, Any]
    candidates: int = 1
    by_hand: bool = False
    accepted: bool = False

    @property
    def language(self) -> str:
        """The language of the cell, as its magic names it."""
        return languages.of_header(languages.split_header(self.prefix)[0]) or "python"

    @property
    def reach(self) -> Reach:
        """How far an answer goes.

        A line; the line after an accepted one; or a block: on an empty line after the head of one or after a
        comment, which says what is wanted, and in an empty cell.
        """
        *before, line = self.prefix.split("\n")
        rest = self.suffix.split("\n", 1)[0]
        if not line.strip() and not rest.strip() and (self._is_blank or self._announces(before)):
            return "block"
        return "next line" if self.accepted and not rest.strip() else "line"

    @property
    def is_on_new_line(self) -> bool:
        """Whether nothing was written on the line yet."""
        return not self.prefix[self.prefix.rfind("\n") + 1 :].strip()

    @property
    def is_expected(self) -> bool:
        """Whether somebody who types expects a suggestion here; who asks by hand always does.

        Nobody does in a cell that is still empty, after one letter of a word, or after the head of a block,
        which goes on in the next line.
        """
        text = languages.split_header(self.prefix)[1]
        line = text[text.rfind("\n") + 1 :]
        return self.by_hand or not (self._is_blank or _ONE_LETTER.search(text) or self._is_head(line))

    @property
    def request(self) -> Request | None:
        """The request to the model; None if nothing can be written at the cursor, or nothing is expected."""
        header, prefix = languages.split_header(self.prefix)
        if not self.is_expected or (header and not header.endswith("\n")):
            return None
        reach = self.reach
        sampling = Sampling(
            n=self.candidates,
            max_new_tokens=_BLOCK if reach == "block" else _LINE,
            temperature=_CHANCE if self.candidates > 1 else 0.0,
            stop=("\n",) if reach == "line" else (),
        )
        # A model has to read something, in an empty cell, too.
        prefix = prefix or "\n"
        parts = (prefix, self.suffix) if self.suffix.strip() else (prefix,)
        # After the head of a block something has to come; a finished line may be the last one.
        may_be_empty = reach != "block" and not self.by_hand
        return Request(parts, sampling, self.language, may_be_empty=may_be_empty)

    @property
    def _is_blank(self) -> bool:
        return not languages.split_header(self.prefix)[1].strip()

    def _announces(self, lines: list[str]) -> bool:
        spoken = languages.find(self.language)
        line = lines[-1].strip()
        says = line.startswith(spoken.comments) and any(character.isalpha() for character in line)
        return bool(_OPENS.search(line)) or (
            says and tokens.read("\n".join(lines), spoken).inside == "comment"
        )

    def _is_head(self, line: str) -> bool:
        spoken = languages.find(self.language)
        is_head = bool(_HEAD.match(line) and _OPENS.search(line))
        return is_head and spoken.blocks == "python" and not tokens.read(line, spoken).stack
