r"""Where the holes of a cell are: ``split`` takes the marks out of it, ``join`` puts them in.

A mark is the text ``|``, or the one given with ``--cursor MARK``.

- A backslash before a mark makes it plain text: ``\|`` is read as ``|`` and is never a hole. Before a mark,
  and only there, two backslashes are one: ``\\|`` is a backslash and a hole, ``\\\|`` is the text ``\|``.
- A mark other than ``|`` is a hole wherever it stands, and ``|`` is then plain text.
- ``|`` is also Python's or, so it is a hole

  - alone on its line, whatever is around that line;
  - where it cannot be an operator: ``x = |``, ``f(a, |)``, ``plt.|``, ``n = x |`` at the end of a statement;
  - in a string or a comment, if it is the only mark of the cell.

  Anywhere else it may be code as well as a hole: that is not guessed at, the person is asked.
- In other languages ``|`` is a hole alone on its line, and where neither of its sides can be an operand:
  ``x = |;``, ``f(a, |)``, ``return |``; not so in shells, whose pipe may end a line. Everywhere else the
  person is asked.
"""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Literal, NamedTuple

from cg2magic.blocks import is_quiet
from cg2magic.errors import UsageError
from cg2magic.languages import Language, find

_PIPE = "|"
_SHOWN = 5  # places an error lists
_EXCERPT = 32  # characters of the line shown for each
_OPENING = ("(", "[", "{")
_CLOSING = (")", "]", "}")


def split(cell: str, *, mark: str = _PIPE, language: str = "python") -> tuple[str, ...]:
    r"""Take the marks out of a cell.

    Parameters
    ----------
    cell : str
        Code with one or more marks.
    mark : str
        Printable text without a backslash.
    language : str
        Any name of one.

    Returns
    -------
    tuple of str
        The exact texts around the holes, nothing trimmed: ``k + 1`` for ``k`` holes. ``\|`` has become ``|``.

    Raises
    ------
    UsageError
        If there is no hole, or if it is not clear whether a ``|`` is one.

    Examples
    --------
    >>> split("def area(r):\n    return |\n")
    ('def area(r):\n    return ', '\n')
    """
    _check(mark)
    parts, places = _scan(cell, mark)
    if not places:
        instead = ", or another mark with --cursor MARK" if mark == _PIPE else ""
        raise UsageError(f"no hole in the cell: put {mark} where code is to be written{instead}")
    if mark == _PIPE:
        outline = _outline(cell)
        if doubtful := _doubtful(outline, places, language):
            listed = enumerate(doubtful[:_SHOWN], 1)
            shown = ", ".join(f"({n}) {_show(cell, outline, place)}" for n, place in listed)
            more = f" and {len(doubtful) - _SHOWN} more" if len(doubtful) > _SHOWN else ""
            raise UsageError(
                f"not clear whether {_PIPE} is a hole at {shown}{more}: "
                rf"write \{_PIPE} where it is not, or mark the holes with another text, --cursor MARK"
            )
    return parts


def join(parts: Sequence[str], *, mark: str = _PIPE) -> str:
    r"""Write a cell with a mark between the parts; the inverse of `split`.

    Parameters
    ----------
    parts : sequence of str
        Any texts; each mark in them is written with a backslash before it.
    mark : str
        As in `split`.

    Returns
    -------
    str
        A cell that `split` takes apart into these parts. Only with the mark ``|`` may it have to ask instead,
        where the mark comes to stand between two operands or in a string.

    Examples
    --------
    >>> join(["x: int | None = ", "\n"])
    'x: int \\| None = |\n'
    """
    _check(mark)
    last = len(parts) - 1
    return mark.join(_escape(part, mark, "" if i == last else mark) for i, part in enumerate(parts))


def _check(mark: str) -> None:
    if not mark or "\\" in mark or not mark.isprintable():
        raise UsageError(
            f"a cursor mark is printable text without a backslash, not {mark!r}: try --cursor <here>"
        )


def _scan(cell: str, mark: str) -> tuple[tuple[str, ...], list[int]]:
    """Find the marks that no backslash makes plain: the texts around them, and their places in the cell."""
    marks = re.compile(r"(?<!\\)(\\*)" + re.escape(mark))
    parts, places = [""], []
    at = 0
    while found := marks.search(cell, at):
        pairs, odd = divmod(len(found[1]), 2)
        parts[-1] += cell[at : found.start()] + "\\" * pairs
        if odd:
            parts[-1] += mark[0]  # only its first character, for marks such as @@ that may overlap
            at = found.end(1) + 1
        else:
            parts.append("")
            places.append(found.end(1))
            at = found.end()
    parts[-1] += cell[at:]
    return tuple(parts), places


def _escape(text: str, mark: str, following: str) -> str:
    """Write a text so that `_scan` reads it back; ``following`` is what comes right behind it."""
    written = []  # from the end, as a backslash depends on what comes after it
    head = following
    before_mark = head == mark
    for char in reversed(text):
        head = (char + head)[: len(mark)]
        if char == "\\":
            written.append("\\\\" if before_mark else "\\")
            continue
        before_mark = head == mark
        written.append("\\" + char if before_mark else char)
        if before_mark:
            head = ("\\" + head)[: len(mark)]
    return "".join(reversed(written))


def _show(cell: str, outline: str, place: int) -> str:
    """Say where a mark stands: line:column, counted from 1, and the text around it."""
    first, end = _line(outline, place)
    line = "".join(char if char.isprintable() else " " for char in cell[first:end])
    left = max(0, place - first - _EXCERPT // 2)
    shown = line[left : left + _EXCERPT].strip()
    before = "…" if line[:left].strip() else ""
    after = "…" if line[left + _EXCERPT :].strip() else ""
    row = 1 + outline.count("\n", 0, place)
    return f"{row}:{place - first + 1} `{before}{shown}{after}`"


def _line(outline: str, place: int) -> tuple[int, int]:
    return outline.rfind("\n", 0, place) + 1, outline.index("\n", place)


def _outline(cell: str) -> str:
    r"""Copy the cell, each character in its place, as a text Python's tokenizer reads alike in every version.

    All is ASCII and lines end with "\n", as versions differ on "\r" and control characters, and in how they
    count columns. A final "\n" is added. The backslashes of `\|` are gone, so it is a plain operator.
    """
    text = re.sub(r"[^\x00-\x7f]", lambda char: " " if char[0].isspace() else "x", cell)
    text = re.sub(r"(\\*)\r\n", r" \1\n", text)  # a backslash that continues the line stays at its end
    text = re.sub(r"[^\n\x20-\x7e]", " ", text.replace("\r", "\n"))

    def unescaped(found: re.Match[str]) -> str:
        pairs = len(found[1]) // 2
        return ("?" * pairs).rjust(len(found[1])) + _PIPE

    return re.sub(r"(?<!\\)(\\+)\|", unescaped, text) + "\n"


class _Token(NamedTuple):
    """A piece of the outline; ``shell`` is all of a line that starts with ``!``."""

    kind: Literal["code", "string", "comment", "shell", "newline"]
    text: str
    start: int


def _doubtful(outline: str, places: list[int], language: str) -> list[int]:
    """Which of the places may be code as well as a hole."""
    asked = [place for place in places if outline[slice(*_line(outline, place))].strip() != _PIPE]
    spoken = find(language)
    if spoken.blocks != "python" or not asked:
        return [place for place in asked if not _is_slot(outline, place, spoken)]

    marks = set(places)
    tokens = list(_tokens(outline))
    starts = [token.start for token in tokens]
    edge = _Token("newline", "", -1)
    flow = [edge, *_flow(tokens), edge]
    positions = {token.start: i for i, token in enumerate(flow[:-1])}

    def may_be_code(place: int) -> bool:
        token = tokens[bisect_right(starts, place) - 1]
        if token.kind in ("string", "comment"):
            return len(places) > 1
        if token.kind == "shell":  # a pipe has a command on both sides
            at = place - token.start
            return bool(token.text[1:at].strip() and token.text[at + 1 :].strip())
        if place - 1 in marks or place + 1 in marks:  # || is other languages' or, not two holes side by side
            return True
        i = positions[place]
        if flow[i - 2].text in ("def", "class"):  # a name that is being defined is no operand
            return False
        left, right = flow[i - 1], flow[i + 1]
        return (_is_operand(left, marks) or left.text in _CLOSING) and (
            _is_operand(right, marks)
            or right.text in (*_OPENING, "+", "-", "~", "await")
            or (token.text == "|=" and right.text in ("not", "lambda", "yield"))
        )

    return [place for place in asked if may_be_code(place)]


def _is_slot(outline: str, place: int, language: Language) -> bool:
    """Whether a ``|`` of another language than Python can be no operator, nor any other sign of it."""
    if language.blocks == "none" or language.name == "shell":
        return False
    left = _SLOT_BEGINS.search(outline, _line(outline, place)[0], place)
    right = _SLOT_ENDS.match(outline, place + 1)
    return bool(left and right) and not is_quiet(outline, place, language)


def _flow(tokens: list[_Token]) -> Iterator[_Token]:
    """Leave out what an operator looks across to its operands: comments, and line ends inside of brackets."""
    depth = 0
    for token in tokens:
        depth = max(0, depth + _nesting(token))
        if token.kind != "comment" and not (token.kind == "newline" and depth):
            yield token


def _nesting(token: _Token) -> int:
    if token.kind != "code":
        return 0
    return (token.text in _OPENING) - (token.text in _CLOSING)


def _is_operand(token: _Token, marks: set[int]) -> bool:
    """Whether a token is a name, a value, or a hole that stands for one."""
    if token.kind != "code" or token.text == _PIPE:
        return token.kind == "string" or token.start in marks
    if keyword.iskeyword(token.text):
        return token.text in ("True", "False", "None")
    return token.text == "..." or re.match(r"\.?\w", token.text) is not None


_SLOT_BEGINS = re.compile(r"(?:[=(\[,:.]|\breturn)[ \t]*\Z")
_SLOT_ENDS = re.compile(r"[ \t]*(?:[)\]};,]|\n)")

_PREFIX = r"((?i:[rbuft]|[bft]r|r[bft])?)"
_STRING_OPEN = re.compile(rf"{_PREFIX}(\'\'\'|\"\"\"|['\"])")
# A string as far as it goes: to its quote, or without one to the end of the line (if triple, of the text).
_STRING = re.compile(
    rf"""(?xs) {_PREFIX}
    (?: (\'\'\'|\"\"\") (?: \\. | (?!\2) [^\\] )*   (?:\2)?
    |   (['\"])         (?: \\. | (?!\3) [^\\\n] )* (?:\3)? )"""
)
_SHELL = re.compile(r"(?s)!(?:\\.|[^\\\n])*")
_WORD_OR_CHAR = re.compile(r"(?s)\w+|.")
_BRACE = re.compile(r"\{\{?")
_BLANK = re.compile(r"(?:[ \t]|\\\n)*")


def _tokens(text: str, offset: int = 0) -> Iterator[_Token]:
    """Tokenize code that may be unfinished: where Python's tokenizer gives up, it starts afresh.

    ``offset`` is the place of the text in the outline.
    """
    source = io.StringIO(text)
    lines = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    at = 0
    while (begin := _BLANK.match(text, at).end()) < len(text):
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
                kind = {"COMMENT": "comment", "NEWLINE": "newline", "NL": "newline"}.get(name, "code")
                yield _Token(kind, text[start:end], start + offset)
            at = end
        if at == begin:
            at = yield from _unreadable(text, begin, offset)


def _read(source: io.StringIO, begin: int, lines: list[int]) -> Iterator[tuple[str, int, int]]:
    """Walk Python's own tokens as (type, start, end), as far as it gets; an f-string is one STRING."""
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


def _unreadable(text: str, at: int, offset: int) -> Generator[_Token, None, int]:
    """Read one piece of what is no Python, and return where it ends."""
    if found := _SHELL.match(text, at):
        yield _Token("shell", found[0], at + offset)
    elif found := _STRING.match(text, at):
        yield from _string(text, at, found.end(), offset)
    else:
        found = _WORD_OR_CHAR.match(text, at)
        yield _Token("newline" if found[0] == "\n" else "code", found[0], at + offset)
    return found.end()


def _string(text: str, start: int, end: int, offset: int) -> Iterator[_Token]:
    """Yield a string; of an f-string the texts, and the code in braces as code, alike in all versions."""
    prefix, quotes = _STRING_OPEN.match(text, start).groups()
    at = inner = start + len(prefix) + len(quotes)
    stop = end - len(quotes) if text.endswith(quotes, inner, end) else end
    while prefix.lower().strip("rbu") and (brace := _BRACE.search(text, at, stop)):
        at = brace.end()
        if brace[0] == "{":
            yield _Token("string", text[start : at - 1], start + offset)
            yield _Token("code", "{", at - 1 + offset)
            start = at = yield from _field(text, at, stop, offset)
    yield _Token("string", text[start:end], start + offset)


def _field(text: str, at: int, stop: int, offset: int) -> Generator[_Token, None, int]:
    """Yield the expression of an f-string's field and a closing brace, and return where the text goes on."""
    depth = 0
    for token in _tokens(text[at:stop], at + offset):
        if not depth and token.kind in ("code", "shell") and re.match(r"[}:]|!(?!=)", token.text):
            yield _Token("code", "}", token.start)  # behind a colon or ! the format is text
            return token.start - offset + 1
        depth += _nesting(token)
        yield token
    yield _Token("code", "}", stop + offset)
    return stop
