"""Where a fill ends that is in a string or a comment: rule 5 of `fills`."""

from __future__ import annotations

import re

from cg2magic.syntax.arrival import is_same
from cg2magic.syntax.places import Hole, width


def quiet_end(hole: Hole, fill: str, *, done: bool = False) -> int | None:
    """Where a fill that is in a string or a comment ends; None while it goes on."""
    ends = (_at_the_quote(hole, fill), _at_the_line(hole, fill, done=done))
    return min((end for end in ends if end is not None), default=None)


def _at_the_quote(hole: Hole, fill: str) -> int | None:
    over_lines = len(hole.quote) > 1
    ends = re.compile(
        rf"(?s)\\.|(?P<end>{re.escape(hole.quote)}{'' if over_lines else '|' + chr(10)})|[{{}}:!]"
    )
    depth = 0
    for found in ends.finditer(hole.lead + fill, len(hole.lead)):
        at = found.start() - len(hole.lead)
        if found["end"]:
            return at
        if hole.field and found[0] in ("{", "}", ":", "!"):
            depth += (found[0] == "{") - (found[0] == "}")
            if depth < 0 or (depth == 0 and found[0] in ":!" and hole.after.startswith(found[0])):
                return at
    return None


def _at_the_line(hole: Hole, fill: str, *, done: bool) -> int | None:
    """Where a fill ends in a string that goes over lines, as it would in code."""
    if len(hole.quote) < 2:
        return None
    text = hole.begun if "\n" in hole.lead else hole.lead.strip(hole.quote)
    goes_on = hole.place == "within a line" and not hole.after.lstrip().startswith(hole.quote)
    if text.strip() or goes_on:
        end = fill.find("\n")
        return end if end >= 0 else None
    start = kept = 0
    for line in fill.splitlines(keepends=True):
        is_whole = done or line.endswith("\n")
        is_left = hole.place == "own line" and start > 0 and width(line) < hole.column
        if line.strip() and (is_left or (is_whole and is_same(line, hole.following))):
            return kept
        start += len(line)
        kept = start - len(line) + len(line.rstrip()) if line.strip() else kept
    return None
