"""Whether a line that was written into a hole stands after it already: then the model has arrived there."""

from __future__ import annotations

import re
from functools import lru_cache

from cg2magic.syntax.places import Hole, width

#: What is long enough not to stand in two places by chance.
_LONG = re.compile(r"\S.{6,}\S")
#: Lines that differ in nothing but their values are alike if they begin so.
_SAYS = re.compile(r"(?:assert|print)\b")
#: Behind which branches of a statement the last one stands.
_BEFORE = {"else": ("elif", "else"), "finally": ("finally",)}
_ASSIGNS = re.compile(r"\s*(\w+)\s*=(?!=)")
_VALUES = re.compile(r'(?:"[^"]*"|(?<![\w.])[\d.]+)(?:,\s*(?:"[^"]*"|[\d.]+))*')


def where_below(
    hole: Hole, line: str, column: int, base: int, *, is_first: bool = False, is_cut: bool = False
) -> int | None:
    """Which of the lines after a hole a line is like.

    Parameters
    ----------
    hole : Hole
    line : str
    column : int
        Width of its indentation.
    base : int
        Width of the indentation of the fill's first line.
    is_first : bool
        Whether it is that line.
    is_cut : bool
        Whether it may have been cut off by the length of the fill.

    Returns
    -------
    int or None
        Its number in `Hole.below`; None if it is like none of them.
    """
    python = hole.language.blocks == "python"
    next_column = width(hole.following)
    for n, other in enumerate(hole.below):
        there = width(other)
        # A line that is deeper than the next one is in a block that this fill may have as well.
        is_certain = n == 0 or (not is_first and there <= next_column and _LONG.search(line))
        in_place = there == column or not python
        if in_place and is_certain and is_same(line, other):
            return n
        if n == 0 and there < base and _SAYS.match(other) and _shape(line) == _shape(other):
            return n
        goes_on = is_cut and bool(_LONG.search(line)) and is_beginning(line, other)
        again = goes_on or _begins_the_same(line, other) or _is_branch_of_the_same(line, other)
        if n == 0 and not is_first and python and in_place and again:
            return n
    return None


def is_same(line: str, other: str) -> bool:
    """Whether two lines say the same, whatever their quotes, spaces and comments."""
    return _compared(line) == _compared(other)


def is_beginning(line: str, other: str) -> bool:
    """Whether a line is as another one begins."""
    return _compared(other).startswith(_compared(line))


def _begins_the_same(line: str, other: str) -> bool:
    """Whether both lines give a variable its first value, so that one of them is too many."""
    name, there = _ASSIGNS.match(line), _ASSIGNS.match(other)
    if name is None or there is None or name[1] != there[1]:
        return False
    return not re.search(rf"\b{name[1]}\b", other[there.end() :])


def _is_branch_of_the_same(line: str, other: str) -> bool:
    """Whether both lines go on with one statement, and the other is its last branch."""
    word, there = (re.match(r"\s*(\w*)", each)[1] for each in (line, other))  # type: ignore[index] # matches
    return word in _BEFORE.get(there, ())


@lru_cache(maxsize=256)
def _compared(line: str) -> str:
    line = re.sub(r"\s+#.*", "", line.strip()).replace("'", '"')
    return re.sub(r"\s+", "", line)


def _shape(line: str) -> str:
    """A line without its values."""
    return _compared(_VALUES.sub("_", line.replace("'", '"')))
