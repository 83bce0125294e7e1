"""What a page asks for: the text around the cursor, and the notebook around the cell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cg2magic.request import Request, Sampling
from cg2magic.syntax import languages

Reach = Literal["line", "next line", "block"]

_OPENS = re.compile(r":[ \t]*(#.*)?$")
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
        More than one if the person asked by hand.
    accepted : bool
        Whether the text before the cursor is a suggestion that was just accepted.
    """

    id: str
    prefix: str
    suffix: str
    document: Mapping[str, Any]
    candidates: int = 1
    accepted: bool = False

    @property
    def reach(self) -> Reach:
        """How far an answer goes: a line; the line after an accepted one; or a block, if one was opened."""
        *before, line = self.prefix.split("\n")
        rest = self.suffix.split("\n", 1)[0]
        if not line.strip() and not rest.strip() and before and _OPENS.search(before[-1]):
            return "block"
        return "next line" if self.accepted and not rest.strip() else "line"

    @property
    def request(self) -> Request | None:
        """The request to the model; None if nothing can be written at the cursor."""
        header, prefix = languages.split_header(self.prefix)
        if not prefix.strip() or (header and not header.endswith("\n")):
            return None
        language = languages.of_header(header) or "python"
        reach = self.reach
        sampling = Sampling(
            n=self.candidates,
            max_new_tokens=_BLOCK if reach == "block" else _LINE,
            temperature=_CHANCE if self.candidates > 1 else 0.0,
            stop=("\n",) if reach == "line" else (),
        )
        parts = (prefix, self.suffix) if self.suffix.strip() else (prefix,)
        return Request(parts, sampling, language)
