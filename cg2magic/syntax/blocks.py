"""Where a block ends in languages that close theirs: with braces, with words such as ``end``, with ``;``.

The code is read token by token, see `tokens`, comments and strings left out. What a person who stops inside
of a block wants is the rest of the function or class around it, or of the outermost loop or condition where
there is none: a block that ends there.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from cg2magic.syntax.languages import Language
from cg2magic.syntax.tokens import CONTROL, State, Token, read_open, tokens

_CONTINUES = frozenset(("else", "elseif", "elsif", "catch", "finally"))

#: What closes around a block, and belongs to the statement it is in.
_CLOSES_ALONG = re.compile(r"[)\];,]*")


def block_end(prompt: str, text: str, language: Language) -> int | None:
    """Where a completion of `prompt` leaves the block it was asked for; None while it goes on.

    Inside of a block: behind what closes the function or class around the cursor. At the head of a block:
    behind what closes it. In SQL: behind the ``;`` of the statement. Else: before the first unindented line
    that comes after a blank one. Everywhere: before what closes a block that is not open, and before two
    blank lines.

    Parameters
    ----------
    prompt, text : str
    language : Language
        One whose blocks are in braces, closed by words, or statements.
    """
    here, state, at = read_open(prompt, language)
    reached = _reached(prompt, language)
    known = (one for one in tuple(reached) if text.startswith(one.text))
    start = max(known, key=lambda one: len(one.text), default=_Progress("", at, state, kept=len(prompt)))
    end, progress = _walk(prompt, text, language, start, here)
    if progress is not start:
        reached.append(progress)
    return end


class _Progress(NamedTuple):
    """How far a completion was read: to the end of a line."""

    text: str
    at: int
    state: State
    kept: int
    opened: bool = False  # whether there was a block
    written: bool = False  # whether there was anything
    blanks: int = 0


@lru_cache(maxsize=8)
def _reached(_prompt: str, _language: Language) -> deque[_Progress]:
    """Keep how far completions of a prompt were read: a text that has grown by a line is not read again."""
    return deque(maxlen=8)


def _walk(
    prompt: str, text: str, language: Language, start: _Progress, here: State
) -> tuple[int | None, _Progress]:
    """Read on from a line's end, to the end of the block, and to the last line's end before."""
    goal = _goal(prompt, text, here, language)
    code, begin = prompt + text, len(prompt)
    _, at, before, kept, opened, written, blanks = progress = start
    fresh = at > begin
    for found, state in tokens(code, language, before, at):
        known, before = before.stack, state
        token, new = found.text, found.end > begin
        if token == "\n":
            blanks += fresh and new
            fresh = True
            if new:
                read = text[: found.end - begin]
                progress = _Progress(read, found.end, state, kept, opened, written, blanks)
            continue
        if token is not None and token.isspace():
            continue
        unbound = goal.depth is None or (goal.to_open and not opened)
        outside = unbound and blanks and known == here.stack and code[found.start - 1] == "\n"
        if new and (state.stray or (written and (blanks > 1 or outside))):
            return kept - begin, progress
        fresh, blanks = False, 0
        if not new:
            continue
        written, kept = True, found.end
        if language.blocks == "statements" and token == ";":
            return kept - begin, progress
        opened = opened or any(one.is_block for one in state.stack[len(here.stack) :])
        closed = token in ("}", *language.closers) and len(state.stack) < len(known)
        if closed and goal.is_reached(len(state.stack), opened=opened):
            end = _block_end(code, found, goal)
            if end >= 0:
                return (None if end == len(code) else end - begin), progress
    return (kept - begin if written and blanks > 1 else None), progress


def _block_end(code: str, closed: Token, goal: _Goal) -> int:
    """Where the block ends that was closed; -1 where it goes on, and the end of the code if that is open."""
    end = _statement_end(code, closed)
    rest = code[end:].lstrip()
    word = re.match(r"\w*", rest).group() if goal.may_go_on else "-"  # type: ignore[union-attr]
    if word in _CONTINUES and word != rest:
        return -1
    unsure = word == rest and any(one.startswith(word) for one in _CONTINUES)
    return len(code) if unsure else end


@dataclass(frozen=True, slots=True)
class _Goal:
    """What has to be closed: to which depth; whether it is still to be opened; whether else may follow."""

    depth: int | None
    to_open: bool
    may_go_on: bool

    def is_reached(self, depth: int, *, opened: bool) -> bool:
        return self.depth is not None and depth <= self.depth and (opened or not self.to_open)


def _goal(prompt: str, text: str, here: State, language: Language) -> _Goal:
    """The block that the prompt announces; or the innermost open one with a name, or the outermost."""
    blocks = [i for i, one in enumerate(here.stack) if one.is_block]
    line = prompt.rstrip().rpartition("\n")[2]
    words = [found.text for found, _ in tokens(line, language) if (found.text or "x").strip()]
    announced = bool(words) and words[-1] not in (None, ";", "}", *language.closers)
    control = bool(words) and words[0] in CONTROL
    if announced and blocks:
        # Inside of a block most lines announce nothing; a head of a method does.
        announced = words[-1] == ")" and not control and text.lstrip().startswith("{")
    if announced:
        return _Goal(len(here.stack), to_open=True, may_go_on=control and language.blocks == "braces")
    if not blocks:
        return _Goal(None, to_open=False, may_go_on=False)
    named = [i for i in blocks if not here.stack[i].control]
    depth = named[-1] if named else blocks[0]
    may_go_on = here.stack[depth].control and here.stack[depth].closer is not None
    return _Goal(depth, to_open=False, may_go_on=may_go_on)


def _statement_end(code: str, closed: Token) -> int:
    """Where the statement ends whose block was closed: behind brackets around it, or its condition."""
    if closed.text == "until":
        end = code.find("\n", closed.end)
        return len(code) if end < 0 else end
    return _CLOSES_ALONG.match(code, closed.end).end()  # type: ignore[union-attr]
