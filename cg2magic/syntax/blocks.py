"""Where a block ends in languages that close theirs: with braces, with words such as ``end``, with ``;``.

The code is read token by token, comments and strings left out, with a stack of what is open. What a person
who stops inside of a block wants is the rest of the function or class around it, or of the outermost loop
or condition where there is none: a block that ends there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cg2magic.syntax.languages import Language

_PAIRS = {"(": ")", "[": "]", "{": "}"}

#: Words that begin a braced block without a name, one that is wanted together with what is around it.
_CONTROL = frozenset(
    (
        *("if", "else", "elseif", "elsif", "unless", "for", "foreach", "while", "until", "do", "loop"),
        *("switch", "case", "default", "match", "when", "select", "try", "catch", "finally"),
        *("with", "using", "lock", "guard", "defer", "repeat", "synchronized"),
    )
)
_CONTINUES = frozenset(("else", "elseif", "elsif", "catch", "finally"))

#: Behind these a word stands where a statement begins.
_STATEMENT_BEGINS = frozenset(
    ("\n", ";", "=", "&&", "||", "|", "(", "{", "then", "do", "else", "elif", "begin", "ensure", "return")
)

#: A regular expression between slashes, at the begin of a line, or behind what a value can follow.
_PATTERN = (
    r"(?:(?<![^\n])|(?<=[=(,:\[!&|?{};~])"
    + "".join(rf"|(?<=\b{word})" for word in ("return", "split", "grep", "if", "unless", "when", "and", "or"))
    # The outline of `\|` is a blank and a bar, see `holes`.
    + r")[ \t]*/(?![/*]|\s(?!\|))(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*(?:\]|\Z)|[^/\\\n\[])+(?:/|\Z)"
)

#: What closes around a block, and belongs to the statement it is in.
_CLOSES_ALONG = re.compile(r"[)\];,]*")


@dataclass(frozen=True, slots=True)
class _Open:
    """Something that is open: by which word or bracket, and what closes it (a bracket, or None: a word)."""

    word: str
    closer: str | None
    control: bool

    @property
    def is_block(self) -> bool:
        return self.closer in (None, "}")


@dataclass(frozen=True, slots=True)
class _State:
    """What was read: what is open, the last token, and the first word of its line."""

    stack: tuple[_Open, ...] = ()
    before: str = "\n"
    first: str = ""
    stray: bool = False  # whether the last token closes what was not opened


@lru_cache
def _tokens(language: Language) -> re.Pattern[str]:
    quiet = []
    for begin, end in language.long:
        escaped = r"\\.|" if begin == end else ""
        quiet.append(rf"{re.escape(begin)}(?:{escaped}(?!{re.escape(end)}).)*(?:{re.escape(end)}|\Z)")
    # `$#` and `${#` of shells and of Perl begin no comment.
    quiet += [rf"(?<![\w$\{{]){re.escape(mark)}[^\n]*" for mark in language.comments]
    quiet.append(r"'(?:\\[^\n]|[^'\\\n])'")
    if language.patterns:
        quiet.append(_PATTERN)
    quiet += [rf"{quote}(?:\\.|[^{quote}\\\n])*{quote}?" for quote in language.quotes]
    return re.compile(rf"(?s)(?:{'|'.join(quiet)})|(?P<seen>[^\W\d]\w*|&&|\|\||[ \t\r]+|.)")


def _after(state: _State, found: re.Match[str], language: Language) -> _State:
    """The state behind one more token."""
    token = found["seen"]
    if token is None:  # a comment or a string
        return _State(state.stack, "", state.first)
    if not token.strip(" \t\r"):
        return state
    stack, stray = state.stack, False
    first = state.first
    if token == "\n":
        first = ""
    elif not first and (token[0].isalpha() or token[0] == "_"):
        first = token
    in_words = language.blocks == "words"
    if token in _PAIRS:
        stack = (*stack, _Open(first, _PAIRS[token], control=first in _CONTROL))
    elif token in _PAIRS.values():
        opened = [i for i, one in enumerate(stack) if one.closer == token]
        # A stray bracket in a language of words is a pattern of a shell's `case`, or nothing to rely on.
        stack = stack[: opened[-1]] if opened else stack
        stray = not opened and not in_words
    elif in_words and _opens(token, state, first, language):
        stack = (*stack, _Open(token, None, control=token not in language.definitions))
    elif in_words and token in language.closers and state.before not in (".", ":"):
        opened = [i for i, one in enumerate(stack) if one.closer is None]
        if not (stack and stack[-1].closer == "]"):  # Julia's x[end]
            stack = stack[: opened[-1]] if opened else stack
            stray = not opened
    return _State(stack, token, first, stray)


def _opens(token: str, state: _State, first: str, language: Language) -> bool:
    if state.before in (".", ":"):  # a method or a symbol of that name
        return False
    if token == "do" and first in ("while", "until", "for") and f"{first} " in language.openers:
        return False
    return token in language.openers or (
        f"{token} " in language.openers and state.before in _STATEMENT_BEGINS
    )


@lru_cache(maxsize=8)
def _read(code: str, language: Language) -> tuple[_State, _State, int]:
    """Read code: the state at its end, and the one before its last token, with where that begins."""
    now = last = _State()
    at = 0
    for found in _tokens(language).finditer(code):
        last, at = now, found.start()
        now = _after(now, found, language)
    return now, last, at


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
    here, state, at = _read(prompt, language)
    goal = _goal(prompt, text, here, language)
    code = prompt[at:] + text
    begin = len(prompt) - at
    opened = written = fresh = False
    kept, blanks = begin, 0
    for found in _tokens(language).finditer(code):
        state, known = _after(state, found, language), state.stack
        token, new = found["seen"], found.end() > begin
        if token == "\n":
            blanks += fresh and new
            fresh = True
            continue
        if token is not None and token.isspace():
            continue
        unbound = goal.depth is None or (goal.to_open and not opened)
        outside = unbound and blanks and known == here.stack and code[found.start() - 1] == "\n"
        if new and written and (blanks > 1 or outside):
            return kept - begin
        fresh, blanks = False, 0
        if not new:
            continue
        if state.stray:
            return kept - begin
        written, kept = True, found.end()
        if language.blocks == "statements" and token == ";":
            return kept - begin
        opened = opened or any(one.is_block for one in state.stack[len(here.stack) :])
        closed = token in ("}", *language.closers) and len(state.stack) < len(known)
        if closed and goal.is_reached(len(state.stack), opened=opened):
            end = _statement_end(code, found)
            rest = code[end:].lstrip()
            word = re.match(r"\w*", rest).group() if goal.may_go_on else "-"  # type: ignore[union-attr]
            if word in _CONTINUES and word != rest:
                continue
            unsure = word == rest and any(one.startswith(word) for one in _CONTINUES)
            return None if end == len(code) or unsure else end - begin
    return kept - begin if written and blanks > 1 else None


def quiet_spans(code: str, language: Language) -> list[tuple[int, int]]:
    """Where comments and strings begin and end."""
    return [found.span() for found in _tokens(language).finditer(code) if found["seen"] is None]


@dataclass(frozen=True, slots=True)
class _Goal:
    """What has to be closed: to which depth; whether it is still to be opened; whether else may follow."""

    depth: int | None
    to_open: bool
    may_go_on: bool

    def is_reached(self, depth: int, *, opened: bool) -> bool:
        return self.depth is not None and depth <= self.depth and (opened or not self.to_open)


def _goal(prompt: str, text: str, here: _State, language: Language) -> _Goal:
    """The block that the prompt announces; or the innermost open one with a name, or the outermost."""
    blocks = [i for i, one in enumerate(here.stack) if one.is_block]
    line = prompt.rstrip().rpartition("\n")[2]
    words = [found["seen"] for found in _tokens(language).finditer(line) if (found["seen"] or "x").strip()]
    announced = bool(words) and words[-1] not in (None, ";", "}", *language.closers)
    control = bool(words) and words[0] in _CONTROL
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


def _statement_end(code: str, closed: re.Match[str]) -> int:
    """Where the statement ends whose block was closed: behind brackets around it, or its condition."""
    if closed["seen"] == "until":
        end = code.find("\n", closed.end())
        return len(code) if end < 0 else end
    return _CLOSES_ALONG.match(code, closed.end()).end()  # type: ignore[union-attr]
