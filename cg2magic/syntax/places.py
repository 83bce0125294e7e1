"""The place of a hole: what the text on both sides tells about the text that is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from cg2magic.syntax.languages import Language, find
from cg2magic.syntax.tokens import START, State, quiet_spans, read, tokens

Place = Literal["within a line", "rest of a line", "own line"]

#: Characters on either side of a hole that are looked at.
_FAR = 20_000
#: Lines after a hole at which its fill may arrive.
_BELOW = 8
CLOSING = (")", "]", "}")
#: The end of a line of Python that a block stands under.
OPENS = re.compile(r":\s*(#.*)?\Z")
#: Comments that are for programs.
_SAYS_NOTHING = re.compile(r"#!|# ?%%|# In\[|# -\*-")
#: What follows a hole in a line of Python and can't be in the hole as well.
_ONCE = re.compile(r"\s+(in|if|else|for|as|import)\b|\s*(=(?!=)|:(?!=))")


@dataclass(frozen=True, slots=True)
class Hole:
    r"""What the place of a hole tells.

    Attributes
    ----------
    place : {"within a line", "rest of a line", "own line"}
    language : Language
    begun : str
        What stands before it on its line.
    after : str
        What stands after it on its line.
    below : tuple of str
        The next lines that are not blank.
    column : int
        Width of its line's indentation.
    enclosed : bool
        Whether there are open brackets around it.
    closes : str
        The closing brackets that a fill may write without having opened them, the innermost first.
    unopened : str
        The closing brackets after it that nothing before it opens, the innermost first: the fill may.
    once : str
        What follows it and can't be in the fill as well, outside of its brackets; empty if there is no such.
    begin : State
        What a fill begins in: code, or the string or comment around the hole.
    lead : str
        That string or comment, up to the hole; empty in code.
    quote : str
        What ends that after the hole: the string's quotes, or ``"\\n"``; empty where nothing does.
    field : bool
        Whether it is in the braces of an f-string.
    cell : tuple of str
        The whole texts before and after it.
    """

    place: Place
    language: Language
    begun: str
    after: str
    below: tuple[str, ...]
    column: int
    enclosed: bool = False
    closes: str = ""
    unopened: str = ""
    once: str = ""
    begin: State = START
    lead: str = ""
    quote: str = ""
    field: bool = False
    cell: tuple[str, str] = ("", "")

    @classmethod
    def between(cls, before: str, after: str, language: str) -> Hole:
        """Look at the texts on both sides of a hole."""
        cell = before, after
        before, after = before[-_FAR:], after[:_FAR]
        spoken = find(language)
        state = read(before, spoken)
        begun = before[before.rfind("\n") + 1 :]
        rest, _, below = after.partition("\n")
        if not begun.strip() and rest.startswith(("\t", "  ")):
            # CodeGen2's card leaves out the newline between the hole and the line after it.
            rest, below = "", after
            cell = before, f"\n{after}"
        place: Place = "rest of a line" if begun.strip() else "own line"
        lead = before[quiet_spans(before, spoken)[-1][0] :] if state.within else ""
        quote = _closing(state, after)
        is_open = [one.closer for one in state.stack if one.closer]
        unopened = _unopened(after, spoken)
        once = _ONCE.match(rest) if spoken.blocks == "python" else None
        is_item = bool(is_open) and rest.lstrip().startswith(",")
        return cls(
            "within a line" if rest.strip() else place,
            spoken,
            begun,
            rest,
            tuple(islice((line for line in below.split("\n") if line.strip()), _BELOW)),
            width(begun),
            any(closer != "}" or spoken.blocks == "python" for closer in is_open),
            _closable(is_open[::-1], unopened),
            "".join(unopened[: max(0, len(unopened) - len(is_open))]),
            (once[1] or once[2]) if once else "," * is_item,
            state._replace(stack=(), stray=False),
            lead,
            quote,
            bool(quote) and _is_field(before, lead, spoken),
            cell,
        )

    @property
    def following(self) -> str:
        """The next line that is not blank; empty at the end."""
        return self.below[0] if self.below else ""

    @property
    def is_told(self) -> bool:
        """Whether the line above it is a comment, which says what is wanted."""
        above = self.cell[0][-_FAR:].rstrip().rpartition("\n")[2].lstrip()
        return above.startswith(self.language.comments) and not _SAYS_NOTHING.match(above)

    @property
    def has_block(self) -> bool:
        """Whether the line's block stands after it already."""
        return width(self.following) > self.column


def width(line: str) -> int:
    """Width of a line's indentation; of a blank line all of it."""
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip()) if line.strip() else len(line)


def is_indented(code: str, language: Language) -> bool:
    """Whether code ends in a blank line that is indented as deep as the next statement can be."""
    above, _, line = code.rpartition("\n")
    if not line or line.strip() or language.blocks == "none":
        return False
    state = read(code, language)
    if state.within or any(one.closer and not one.is_block for one in state.stack):
        return False
    last = above.rstrip().rpartition("\n")[2]
    if language.blocks == "python" and not OPENS.search(last):
        return not last.endswith("\\")
    return width(line) > width(last)


def _closing(state: State, after: str) -> str:
    """Give what closes the string or comment around a hole; empty where nothing after the hole does."""
    if state.within is None:
        return ""
    rest, at = state.within.text.rest(state.within.tag), 0
    while found := rest.match(after, at):
        if found.lastgroup == "end":
            return found["end"]
        if found.lastgroup in (None, "line"):
            break
        at = found.end()
    return "\n" if state.inside == "comment" else ""


def _is_field(before: str, lead: str, language: Language) -> bool:
    prefix = re.search(r"(?i)\b[a-z]{1,2}\Z", before[: len(before) - len(lead)])
    if language.blocks != "python" or prefix is None or "f" not in prefix[0].lower():
        return False
    plain = lead.replace("{{", "").replace("}}", "")
    return plain.count("{") > plain.count("}")


def _unopened(code: str, language: Language) -> list[str]:
    """The closing brackets that the code has not opened."""
    found, before = [], START
    for token, state in tokens(code, language):
        if token.text in CLOSING and len(state.stack) == len(before.stack):
            found.append(token.text)
        before = state
    return found


def _closable(is_open: list[str], missing: list[str]) -> str:
    """Which of the brackets that are open, the innermost first, nothing after the hole closes."""
    free = max(0, len(is_open) - len(missing))
    return "".join(is_open[:free]) if is_open[free:] == missing[: len(is_open) - free] else ""
