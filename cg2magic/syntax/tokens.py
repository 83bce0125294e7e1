"""Code of languages other than Python, read token by token, with what is open after each.

    for token, state in tokens(code, find("javascript")):
        ...

`read` returns what is open at the end of code, and whether that is in a string or a comment. When a text has
grown, only the new part needs to be read: `tokens` continues from any state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from cg2magic.syntax.languages import Language
from cg2magic.syntax.texts import Kind, Text, line_comment

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_CLOSING = frozenset(_PAIRS.values())

#: Words that begin a braced block without a name; such a block is completed together with what is around it.
CONTROL = frozenset(
    (
        *("if", "else", "elseif", "elsif", "unless", "for", "foreach", "while", "until", "do", "loop"),
        *("switch", "case", "default", "match", "when", "select", "try", "catch", "finally"),
        *("with", "using", "lock", "guard", "defer", "repeat", "synchronized"),
    )
)

#: After these, a statement begins.
_STATEMENT_BEGINS = frozenset(
    ("\n", ";", "=", "&&", "||", "|", "(", "{", "then", "do", "else", "elif", "begin", "ensure", "return")
)

#: Words after which a value begins: a / there is not a division.
_VALUE_BEGINS = frozenset(
    (
        *("return", "case", "typeof", "void", "in", "of", "do", "else", "yield", "await", "throw", "new"),
        *("delete", "instanceof", "split", "grep", "if", "elsif", "unless", "when", "while", "until"),
        *("and", "or", "not", "then"),
    )
)
#: After the brackets of these words, a statement follows.
_CONDITIONS = frozenset(("if", "while", "for"))
#: A regular expression between slashes. The outline of `\|` is a blank and a bar, see `holes`.
_PATTERN = re.compile(
    r"/(?![/*]|\s(?!\|))(?:\\[^\n]|\[(?:\\[^\n]|[^\]\\\n])*(?:\]|\Z)|[^/\\\n\[])+(?:/\w*|\Z)"
)


class Open(NamedTuple):
    """Something that is open.

    Attributes
    ----------
    word : str
        The word that opened it; for a bracket, the first word of the line; for a round one, the token before.
    closer : str or None
        The bracket that closes it; None if a word closes it.
    control : bool
        Whether it has no name, as a loop.
    within : Within or None
        The string that continues after it, if it is a hole in a string.
    """

    word: str
    closer: str | None
    control: bool
    within: Within | None = None

    @property
    def is_block(self) -> bool:
        """Whether it is a block of statements."""
        return self.closer in (None, "}") and self.within is None


class Within(NamedTuple):
    """A string or comment that has begun: which one, with which tag, and how deep it is nested."""

    text: Text
    tag: str
    depth: int = 1


class State(NamedTuple):
    """The state after reading some code.

    Attributes
    ----------
    stack : tuple of Open
        What is open, the innermost last.
    within : Within or None
        The string or comment that the code ends in.
    before : str
        The last token of code; a quote if it was a string.
    first : str
        The first word of its line.
    stray : bool
        Whether the last token closes something that was not opened.
    later : tuple of Within
        Here-documents that begin on the next line.
    """

    stack: tuple[Open, ...] = ()
    within: Within | None = None
    before: str = "\n"
    first: str = ""
    stray: bool = False
    later: tuple[Within, ...] = ()

    @property
    def inside(self) -> Literal["code", "string", "comment"]:
        """What the code ends in."""
        return "code" if self.within is None else self.within.text.kind


class Token(NamedTuple):
    """A piece of code; ``text`` is None for all or a part of a string or a comment."""

    text: str | None
    start: int
    end: int
    kind: Literal["code", "string", "comment"] = "code"


START = State()


def tokens(code: str, language: Language, state: State = START, at: int = 0) -> Iterator[tuple[Token, State]]:
    """Read code token by token.

    Parameters
    ----------
    code : str
    language : Language
    state : State
        The state after the code before `at`.
    at : int
        Where to begin.

    Yields
    ------
    Token
        A word, a sign, blanks, or a part of a string or comment.
    State
        What is open after it.
    """
    texts, scanner = _texts(language), _scanner(language)
    while at < len(code):
        if state.within is not None:
            kind, start = state.within.text.kind, at
            state, at = _rest(state, code, at)
            if at > start:
                yield Token(None, start, at, kind), state
            continue
        if code[at] == "/" and language.patterns and (found := _pattern(state, code, at, language)):
            state, start, at = _quiet(state, "string"), at, found.end()
            yield Token(None, start, at, "string"), state
            continue
        found = scanner.match(code, at)
        assert found is not None  # any character is a token
        start, at = at, found.end()
        if (word := found["seen"]) is not None:
            state = _after(state, word, language)
            yield Token(word, start, at), state
            continue
        assert found.lastgroup is not None  # the outermost group, that of the text
        number = int(found.lastgroup.removeprefix("text"))
        text = texts[number]
        begun = Within(text, found.groupdict().get(f"tag{number}") or "")
        if text.later:
            state = _quiet(state, "string")._replace(later=(*state.later, begun))
        else:
            state = state._replace(within=begun, stray=False)
        yield Token(None, start, at, text.kind), state


@lru_cache(maxsize=8)
def read(code: str, language: Language) -> State:
    """Read code to its end; return what is open there, and whether it ends in a string or a comment."""
    return read_open(code, language)[0]


@lru_cache(maxsize=8)
def read_open(code: str, language: Language) -> tuple[State, State, int]:
    """Read code; return the state at its end, the state before its last token, and where that token begins.

    The last token may continue in the text that follows.
    """
    now = last = START
    at, goes_on = 0, False
    for token, state in tokens(code, language):
        if not (goes_on and token.text is None):  # a string may be in pieces
            last, at = now, token.start
        now, goes_on = state, token.text is None and state.within is not None
    return now, last, at


def quiet_spans(code: str, language: Language) -> list[tuple[int, int]]:
    """Where comments and strings begin and end, without the code in holes of strings."""
    spans: list[tuple[int, int]] = []
    for token, _ in tokens(code, language):
        if token.text is None:
            begin = spans.pop()[0] if spans and spans[-1][1] == token.start else token.start
            spans.append((begin, token.end))
    return spans


@lru_cache
def _texts(language: Language) -> tuple[Text, ...]:
    # Inside a shell's word a # begins no comment, nor does Perl's `$#` or `$#{`, nor PHP's `#[`.
    behind = r"(?<![^\s;|&()])" if language.name == "shell" else r"(?<!\$)(?<!\$\{)(?!#\[)"
    return (*language.texts, *(line_comment(mark, behind=behind) for mark in language.comments))


@lru_cache
def _scanner(language: Language) -> re.Pattern[str]:
    quiet = [
        f"(?P<text{i}>{text.begin.replace('?P<tag>', f'?P<tag{i}>').replace('?P=tag', f'?P=tag{i}')})"
        for i, text in enumerate(_texts(language))
    ]
    # What a shell escapes, and Perl's version number, are single tokens.
    one = {"shell": r"\\.|", "perl": r"\$\]|"}.get(language.name, "")
    seen = rf"(?P<seen>{one}[^\W\d]\w*|\d(?:'\d|\w)*|&&|\|\||\+\+|--|[ \t\r]+|.)"
    return re.compile(rf"(?s){'|'.join([*quiet, seen])}")


def _rest(state: State, code: str, at: int) -> tuple[State, int]:
    """Read on in a string or comment: to its end, to a hole in it, or to the end of the code."""
    within = state.within
    assert within is not None
    found = within.text.rest(within.tag).match(code, at)
    assert found is not None
    stop = found.lastgroup
    if stop is None:
        return state, found.end()
    if stop == "nests":
        return state._replace(within=within._replace(depth=within.depth + 1)), found.end()
    if stop == "hole":
        hole = Open("", _PAIRS[found["hole"][-1]], control=True, within=within)
        return state._replace(stack=(*state.stack, hole), within=None, before="("), found.end()
    if stop == "end" and within.depth > 1:
        return state._replace(within=within._replace(depth=within.depth - 1)), found.end()
    return _quiet(state, within.text.kind), found.end()


def _quiet(state: State, kind: Kind) -> State:
    """The state after a string, which is a value, or after a comment."""
    return state._replace(within=None, stray=False, before='"' if kind == "string" else state.before)


def _pattern(state: State, code: str, at: int, language: Language) -> re.Match[str] | None:
    """Find a regular expression that begins at a slash, where a value can begin."""
    before = state.before
    is_value = before in ('"', ")", "]", "}", "++", "--") or (
        before not in _VALUE_BEGINS and before[-1:].isalnum()
    )
    # Ruby's `puts /x/`: a blank before it, and none after it.
    called = language.name == "ruby" and is_value and before[-1:].isalpha() and code[at - 1 : at] == " "
    found = None if is_value and not called else _PATTERN.match(code, at)
    # This may be JSX: </b>.
    return None if before == "<" else found


def _after(state: State, token: str, language: Language) -> State:
    """The state after one more token of code."""
    if not token.strip(" \t\r"):
        return state
    if token == "\n":
        within, later = (state.later[0], state.later[1:]) if state.later else (None, ())
        return State(state.stack, within, token, later=later)
    first = state.first or (token if token[0].isalpha() or token[0] == "_" else "")
    now = State(state.stack, None, token, first, later=state.later)
    in_words = language.blocks == "words"
    if token in _PAIRS:
        word = state.before if token == "(" else first
        return now._replace(stack=(*now.stack, Open(word, _PAIRS[token], control=first in CONTROL)))
    if token in _CLOSING:
        # If words close blocks, a stray bracket is a pattern of a shell's `case`, or nothing to rely on.
        closed = _closed(now, token, stray=not in_words)
        is_condition = token == ")" and len(closed.stack) < len(now.stack) and not in_words
        if is_condition and now.stack[len(closed.stack)].word in _CONDITIONS:
            return closed._replace(before="then")  # a statement follows
        return closed
    if not in_words or state.before in (".", ":"):  # a method or a symbol with that name
        return now
    if _opens(token, state, first, language):
        return now._replace(stack=(*now.stack, Open(token, None, control=token not in language.definitions)))
    # In Julia's x[end] it closes nothing.
    if language.name == "shell" and state.before not in (*_STATEMENT_BEGINS, *language.closers, "&"):
        return now  # an argument, as in `echo done`
    if token in language.closers and not (now.stack and now.stack[-1].closer == "]"):
        return _closed(now, None, stray=True)
    return now


def _closed(state: State, closer: str | None, *, stray: bool) -> State:
    """The state after closing the innermost of its kind, but not beyond the string's hole around it."""
    for i in range(len(state.stack) - 1, -1, -1):
        if state.stack[i].closer == closer:
            return state._replace(stack=state.stack[:i], within=state.stack[i].within)
        if state.stack[i].within is not None:
            break
    return state._replace(stray=stray)


def _opens(token: str, state: State, first: str, language: Language) -> bool:
    if token == "do" and first in ("while", "until", "for") and f"{first} " in language.openers:
        return False
    return token in language.openers or (
        f"{token} " in language.openers and state.before in _STATEMENT_BEGINS
    )
