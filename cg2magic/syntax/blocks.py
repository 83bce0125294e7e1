"""Where a block ends in languages that close theirs: with braces, with words such as ``end``, with ``;``.

The code is read token by token (see `tokens`), without comments and strings. A person who stops inside a
block wants the rest of the function or class around it, or, if there is none, of the outermost loop or
condition: the block that we look for is that one.
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

#: What closes after a block, and belongs to the statement around it.
_CLOSES_ALONG = re.compile(r"[)\];,]*")


def block_end(prompt: str, text: str, language: Language) -> int | None:
    """Where a completion of `prompt` leaves the block it was asked for; None while the block continues.

    Inside a block: after what closes the function or class around the cursor. At the head of a block: after
    what closes it. In SQL: after the ``;`` of the statement. Otherwise: before the first unindented line
    that follows a blank one. In all cases: before anything that closes a block that is not open, and before
    two blank lines.

    Parameters
    ----------
    prompt, text : str
    language : Language
        A language whose blocks are in braces, closed by words, or statements.
    """
    here, state, at = read_open(prompt, language)
    reached = _reached(prompt, language)
    known = (one for one in tuple(reached) if text.startswith(one.text))
    start = max(known, key=lambda one: len(one.text), default=_ReadTo("", at, state, kept=len(prompt)))
    end, read_to = _walk(prompt, text, language, start, here)
    if read_to is not start:
        reached.append(read_to)
    return end


class _ReadTo(NamedTuple):
    """How far a completion was read: to the end of a line."""

    text: str
    at: int
    state: State
    kept: int
    opened: bool = False  # whether a block was opened
    written: bool = False  # whether there was any code
    blanks: int = 0


@lru_cache(maxsize=8)
def _reached(_prompt: str, _language: Language) -> deque[_ReadTo]:
    """Remember how far a prompt's completions were read, so that a text that grows is not read again."""
    return deque(maxlen=8)


def _walk(
    prompt: str, text: str, language: Language, start: _ReadTo, here: State
) -> tuple[int | None, _ReadTo]:
    """Read on from the end of a line; return where the block ends, and the last line end before that."""
    goal = _goal(prompt, text, here, language)
    code, begin = prompt + text, len(prompt)
    _, at, before, kept, opened, written, blanks = read_to = start
    fresh = at > begin
    for found, state in tokens(code, language, before, at):
        known, before = before.stack, state
        token, new = found.text, found.end > begin
        if token == "\n":
            blanks += fresh and new
            fresh = True
            if new:
                read = text[: found.end - begin]
                read_to = _ReadTo(read, found.end, state, kept, opened, written, blanks)
            continue
        if token is not None and token.isspace():
            continue
        unbound = goal.depth is None or (goal.to_open and not opened)
        outside = unbound and blanks and known == here.stack and code[found.start - 1] == "\n"
        if new and (state.stray or (written and (blanks > 1 or outside))):
            return kept - begin, read_to
        fresh, blanks = False, 0
        if not new:
            continue
        written, kept = True, found.end
        if language.blocks == "statements" and token == ";":
            return kept - begin, read_to
        opened = opened or any(one.is_block for one in state.stack[len(here.stack) :])
        closed = token in ("}", *language.closers) and len(state.stack) < len(known)
        if closed and goal.is_reached(len(state.stack), opened=opened):
            end = _block_end(code, found, goal)
            if end >= 0:
                return (None if end == len(code) else end - begin), read_to
    return (kept - begin if written and blanks > 1 else None), read_to


def _block_end(code: str, closed: Token, goal: _Goal) -> int:
    """Where a closed block ends; -1 if it continues, and the end of the code if that is undecided."""
    end = _statement_end(code, closed)
    rest = code[end:].lstrip()
    word = re.match(r"\w*", rest).group() if goal.may_go_on else "-"  # type: ignore[union-attr] # matches
    if word in _CONTINUES and word != rest:
        return -1
    unsure = word == rest and any(one.startswith(word) for one in _CONTINUES)
    return len(code) if unsure else end


@dataclass(frozen=True, slots=True)
class _Goal:
    """What must be closed: to which depth; whether it must be opened first; whether an else may follow."""

    depth: int | None
    to_open: bool
    may_go_on: bool

    def is_reached(self, depth: int, *, opened: bool) -> bool:
        return self.depth is not None and depth <= self.depth and (opened or not self.to_open)


def _goal(prompt: str, text: str, here: State, language: Language) -> _Goal:
    """The block that the prompt announces; otherwise the innermost open one with a name, or the outermost."""
    blocks = [i for i, one in enumerate(here.stack) if one.is_block]
    line = prompt.rstrip().rpartition("\n")[2]
    words = [found.text for found, _ in tokens(line, language) if (found.text or "x").strip()]
    announced = bool(words) and words[-1] not in (None, ";", "}", *language.closers)
    control = bool(words) and words[0] in CONTROL
    if announced and blocks:
        # Inside a block most lines announce nothing, but a method's head does.
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
    """Where the statement of a closed block ends: after the brackets around it, or after its condition."""
    if closed.text == "until":
        end = code.find("\n", closed.end)
        return len(code) if end < 0 else end
    return _CLOSES_ALONG.match(code, closed.end).end()  # type: ignore[union-attr] # matches
