"""The Python tokens of a cell that may be unfinished, and may contain IPython's own syntax.

Python's tokenizer does the work. Where it gives up, we start it again after what it could not read. What
differs between versions is made alike: f-strings, and strings that don't end.
"""

from __future__ import annotations

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Literal, NamedTuple

_OPENING = ("(", "[", "{")
_CLOSING = (")", "]", "}")

Kind = Literal["code", "string", "comment", "shell", "newline"]


class Token(NamedTuple):
    """A piece of the outline; ``shell`` is all of a line that starts with ``!``."""

    kind: Kind
    text: str
    start: int

    @property
    def nesting(self) -> int:
        """How many brackets it opens, or closes."""
        return 0 if self.kind != "code" else (self.text in _OPENING) - (self.text in _CLOSING)


_PREFIX = r"((?i:[rbuft]|[bft]r|r[bft])?)"
_STRING_OPEN = re.compile(rf"{_PREFIX}(\'\'\'|\"\"\"|['\"])")
# A string up to its closing quote, or without one to the end of the line (if triple-quoted, of the text).
_STRING = re.compile(
    rf"""(?xs) {_PREFIX}
    (?: (\'\'\'|\"\"\") (?: \\. | (?!\2) [^\\] )*   (?:\2)?
    |   (['\"])         (?: \\. | (?!\3) [^\\\n] )* (?:\3)? )"""
)
_SHELL = re.compile(r"(?s)!(?:\\.|[^\\\n])*")
_WORD_OR_CHAR = re.compile(r"(?s)\w+|.")
_BRACE = re.compile(r"\{\{?")
_BLANK = re.compile(r"(?:[ \t]|\\\n)*")
_KINDS: dict[str, Kind] = {"COMMENT": "comment", "NEWLINE": "newline", "NL": "newline"}


def tokens(text: str, offset: int = 0) -> Iterator[Token]:
    """Tokenize code that may be unfinished: where Python's tokenizer gives up, it is started again.

    ``offset`` is the place of the text in the outline.
    """
    source = io.StringIO(text)
    lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    at = 0
    while (begin := _sure(_BLANK.match(text, at)).end()) < len(text):
        at = begin
        for name, start, end in _read(source, begin, lines):
            if text.startswith("!", start) and end == start + 1:
                at = start
                break
            if name in ("NAME", "ERRORTOKEN") and _STRING_OPEN.match(text, start):
                at = start  # a string without an end, before Python 3.12
                break
            if name == "STRING":
                yield from _string(text, start, end, offset)
            else:
                yield Token(_KINDS.get(name, "code"), text[start:end], start + offset)
            at = end
        if at == begin:
            at = yield from _unreadable(text, begin, offset)


def string_opening(text: str) -> int:
    """Length of a string's prefix and quotes; 0 if the text is not a string."""
    found = _STRING_OPEN.match(text)
    return found.end() if found else 0


def _sure(found: re.Match[str] | None) -> re.Match[str]:
    """The match of a pattern that matches any text."""
    assert found is not None
    return found


def _read(source: io.StringIO, begin: int, lines: list[int]) -> Iterator[tuple[str, int, int]]:
    """Yield Python's own tokens as (type, start, end), up to an error; an f-string is one STRING."""
    source.seek(begin)
    row = bisect_right(lines, begin) - 1
    nested, opened = 0, begin  # from Python 3.12 on an f-string is many tokens, and may hold another
    with suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(source.readline):
            name = tokenize.tok_name[token.type]
            line, column = token.start
            start = lines[row + line - 1] + column if line > 1 else begin + column
            if name.endswith("STRING_START"):
                opened = opened if nested else start
                nested += 1
            elif name.endswith("STRING_END"):
                nested -= 1
                if not nested:
                    yield "STRING", opened, start + len(token.string)
            elif not nested and token.string.strip(" \t"):  # no indentation
                yield name, start, start + len(token.string)


def _unreadable(text: str, at: int, offset: int) -> Generator[Token, None, int]:
    """Read one piece of text that is not Python, and return where it ends."""
    if found := _SHELL.match(text, at):
        yield Token("shell", found[0], at + offset)
    elif found := _STRING.match(text, at):
        yield from _string(text, at, found.end(), offset)
    else:
        found = _sure(_WORD_OR_CHAR.match(text, at))
        yield Token("newline" if found[0] == "\n" else "code", found[0], at + offset)
    return found.end()


def _string(text: str, start: int, end: int, offset: int) -> Iterator[Token]:
    """Yield a string; for an f-string, its texts and the code in its braces, alike in all versions."""
    prefix, quotes = _sure(_STRING_OPEN.match(text, start)).groups()
    at = inner = start + len(prefix) + len(quotes)
    stop = end - len(quotes) if text.endswith(quotes, inner, end) else end
    while prefix.lower().strip("rbu") and (brace := _BRACE.search(text, at, stop)):
        at = brace.end()
        if brace[0] == "{":
            yield Token("string", text[start : at - 1], start + offset)
            yield Token("code", "{", at - 1 + offset)
            start = at = yield from _field(text, at, stop, offset)
    yield Token("string", text[start:end], start + offset)


def _field(text: str, at: int, stop: int, offset: int) -> Generator[Token, None, int]:
    """Yield the expression of an f-string's field and a closing brace; return where the text continues."""
    depth = 0
    for token in tokens(text[at:stop], at + offset):
        if not depth and token.kind in ("code", "shell") and re.match(r"[}:]|!(?!=)", token.text):
            yield Token("code", "}", token.start)  # after a colon or ! the format is text
            return token.start - offset + 1
        depth += token.nesting
        yield token
    yield Token("code", "}", stop + offset)
    return stop
