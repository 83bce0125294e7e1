"""The seam behind a fill: what it and the text after it both have, and whether it parses there.

These are the last rules of `fills`, for a fill that has ended.
"""

from __future__ import annotations

import re

from cg2magic.syntax.languages import Language
from cg2magic.syntax.places import CLOSING, Hole
from cg2magic.syntax.statements import parses
from cg2magic.syntax.tokens import START, tokens

#: What could stand in a hole: a name, or an argument behind others that are named.
_NAMES = ("_", "_=_")
#: Shorter fills that are tried.
_CUTS = 64


def fitting(hole: Hole, fill: str) -> str:
    """Give a fill as it fits between the texts around it: without what overlaps, and so that it parses."""
    return _parsing(hole, _without_call(hole, _without_overlap(hole, fill)))


def is_broken(hole: Hole, fill: str) -> bool:
    """Whether a cell of Python doesn't parse with a fill, but would with a name in its place."""
    before, after = hole.cell
    if hole.language.name != "python" or hole.quote or hole.place == "own line":
        return False
    return not parses(f"{before}{fill}{after}") and any(parses(f"{before}{one}{after}") for one in _NAMES)


def _without_overlap(hole: Hole, fill: str) -> str:
    """Drop what the fill's end and the text after it have in common.

    A closing bracket is the fill's own if the fill opened it (``figsize=(10, 6)`` before ``)``), so only what
    is balanced in itself can be dropped.
    """
    if hole.place != "within a line":
        return fill.rstrip()
    fill = fill.rstrip("\r\n")
    for length in range(min(len(fill), len(hole.after)), 0, -1):
        common, kept = hole.after[:length], fill[: len(fill) - length]
        whole = not is_one_word(kept, common) and not is_one_word(common, hole.after[length:])
        if whole and common.strip() and fill.endswith(common) and is_balanced(common, hole.language):
            return kept
    return fill.rstrip() if hole.after[0].isspace() else fill


def _without_call(hole: Hole, fill: str) -> str:
    """Drop the call at the fill's end where the text after it calls: ``plt.hist(x)`` before ``(y)``."""
    if (hole.quote and not hole.field) or not hole.after.startswith("(") or not fill.endswith(")"):
        return fill
    opened, depth, state = 0, 0, START
    for token, state in tokens(fill, hole.language):
        if not depth and state.stack:
            opened = token.start
        depth = len(state.stack)
    callee = fill[:opened]
    is_call = (
        not depth and not state.stray and fill[opened : opened + 1] == "(" and callee[-1:].isidentifier()
    )
    return callee if is_call else fill


def _parsing(hole: Hole, fill: str) -> str:
    """Give the longest beginning of a fill with which the cell parses, or all of it if it does with none."""
    before, after = hole.cell
    own_line = hole.place == "own line"
    if hole.language.name != "python" or hole.quote or parses(f"{before}{fill}{after}"):
        return fill
    outside = (
        token
        for token, state in tokens(fill, hole.language, hole.begin)
        if not state.stack and state.within is None
    )
    ends = [one.start if one.text == "\n" else one.end for one in outside if not own_line or one.text == "\n"]
    # Nothing is better than a line that breaks a cell in which any other line could stand.
    if own_line and parses(f"{before}pass{after}"):
        ends.insert(0, 0)
    shorter = (fill[:end].rstrip() for end in reversed(ends[-_CUTS:]))
    apart = (each for each in shorter if not is_one_word(each, after))
    return next((each for each in apart if parses(f"{before}{each}{after}")), fill)


def is_one_word(left: str, right: str) -> bool:
    """Whether two texts would be joined within a word."""
    return bool(re.search(r"\w\Z", left) and re.match(r"\w", right))


def is_balanced(code: str, language: Language) -> bool:
    """Whether code opens nothing that it does not close, and the other way round."""
    state = START
    for token, now in tokens(code, language):
        if token.text in CLOSING and len(now.stack) == len(state.stack):
            return False
        state = now
    return not state.stack and state.within is None
