"""Which marks of a cell can only be holes, and which may be its code or text: `cursor` has the rules.

The cell is read as its outline: a copy in which each character keeps its place. In it, the backslashes before
a mark are gone, and every mark that may be a hole is a ``|``, which begins no language's string or comment.
"""

from __future__ import annotations

import keyword
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

from cg2magic.syntax.languages import Language, find
from cg2magic.syntax.python_tokens import Token, string_opening, tokens
from cg2magic.syntax.tokens import quiet_spans

_PIPE = "|"
_OPENING = ("(", "[", "{")
_CLOSING = (")", "]", "}")

# Where a value can be in languages other than Python: after the first, and before the second.
_SLOT_BEGINS = re.compile(r"(?:[=(\[,:.]|\breturn)[ \t]*\Z")
_SLOT_ENDS = re.compile(r"[ \t]*(?:[)\]};,]|\n)")

# Besides blanks, what marks a beginning or an end in a text: `Total: |`, `Hello |!`, `Length (|)`.
_INTRODUCES = re.compile(r"\w:\s+\Z")
_ENDS = re.compile(r"[.!?]+\s*\Z")
_ENCLOSED = ("()", "<>", "><", "''", '""', "``")
_ALL_OF_A_DOCSTRING = re.compile(r"\w*('''|\"\"\")\s*\|\s*\1")


class Mark(NamedTuple):
    """A mark in a cell: where the backslashes before it begin, and where it is itself."""

    start: int
    place: int

    @property
    def is_escaped(self) -> bool:
        """Whether a backslash makes it plain."""
        return (self.place - self.start) % 2 == 1


class Reading:
    """A cell read for its marks; it is split into tokens only if a mark needs that.

    Parameters
    ----------
    cell, mark : str
    marks : sequence of Mark
        All of them, in order.
    language : Language
    """

    def __init__(self, cell: str, mark: str, marks: Sequence[Mark], language: Language) -> None:
        self.language = language
        self.outline = _outline(cell, mark, marks)
        self._candidates = {mark.place for mark in marks if not mark.is_escaped}

    def line(self, place: int) -> tuple[int, int]:
        """Where the line of a place begins and ends."""
        return self.outline.rfind("\n", 0, place) + 1, self.outline.index("\n", place)

    def is_text(self, mark: Mark) -> bool:
        """Whether a mark is in a string or a comment, where a backslash before it is the person's own.

        In a language whose strings we can't recognize, this is assumed everywhere.
        """
        if self.language.blocks == "none":
            return True
        if self.language.name == "shell":
            return _is_within(self._spans, mark.place) or self._is_word(mark)
        if self.language.blocks != "python":
            return _is_within(self._spans, mark.place)
        token = self._python.at(mark.place)
        if token.kind != "shell":
            return token.kind in ("string", "comment")
        spans = quiet_spans(token.text[1:], find("shell"))
        return _is_within(spans, mark.place - token.start - 1) or self._is_word(mark)

    def is_clear(self, place: int) -> bool:
        """Whether a ``|`` can only be a hole."""
        first, end = self.line(place)
        if self.outline[first:end].strip() == _PIPE:
            return not (self.language.name == "shell" and self._is_continued(first))
        if self.language.name == "shell" or self.language.blocks == "none":
            return False
        if self.language.blocks != "python":
            return self._is_slot(place)
        token = self._python.at(place)
        if token.kind == "comment":
            return False
        if token.kind == "string":
            return _ALL_OF_A_DOCSTRING.fullmatch(token.text) is not None
        if token.kind == "shell":  # a pipe has a command on both sides
            at = place - token.start
            return not (token.text[1:at].strip() and token.text[at + 1 :].strip())
        return not self._is_operator(place)

    def is_end_of_text(self, place: int) -> bool:
        """Whether a ``|`` is in a Python string or comment, but not between two things."""
        if self.language.blocks != "python" or self._python.at(place).kind not in ("string", "comment"):
            return False
        left, right = self._text_around(place)
        if left[-1:] + right[:1] in _ENCLOSED or _INTRODUCES.search(left):
            return True
        if not left.strip() or not right.strip():
            return True
        return left[-1].isspace() and _ENDS.match(right) is not None

    @cached_property
    def _python(self) -> _Python:
        return _Python(self.outline)

    @cached_property
    def _spans(self) -> list[tuple[int, int]]:
        return quiet_spans(self.outline, self.language)

    def _is_word(self, mark: Mark) -> bool:
        r"""Whether a mark is part of a shell's word, where ``\|`` is a plain character: ``grep a\|b``."""
        before, behind = max(0, mark.start - 1), mark.place + 1
        around = self.outline[before : mark.start] + self.outline[behind : behind + 1]
        return re.search(r"[^\s\\|]", around) is not None

    def _is_continued(self, first: int) -> bool:
        r"""Whether a line continues the one before it, as a pipe does after ``cat names \``."""
        before = self.outline[self.line(first - 1)[0] : first - 1] if first else ""
        return (len(before) - len(before.rstrip("\\"))) % 2 == 1

    def _is_slot(self, place: int) -> bool:
        """Whether neither of its sides can be an operand, in a language other than Python."""
        left = _SLOT_BEGINS.search(self.outline, self.line(place)[0], place)
        right = _SLOT_ENDS.match(self.outline, place + 1)
        return bool(left and right) and not _is_within(self._spans, place)

    def _is_operator(self, place: int) -> bool:
        """Whether a ``|`` in the code of a Python cell may be the operator."""
        candidates = self._candidates
        if place - 1 in candidates or place + 1 in candidates:
            return True  # || is the or of other languages, not two holes side by side
        before, left, token, right = self._python.around(place)
        if before.text in ("def", "class"):  # a name that is being defined is not an operand
            return False
        return (_is_operand(left, candidates) or left.text in _CLOSING) and (
            _is_operand(right, candidates)
            or right.text in (*_OPENING, "+", "-", "~", "await")
            or (token.text == "|=" and right.text in ("not", "lambda", "yield"))
        )

    def _text_around(self, place: int) -> tuple[str, str]:
        """The text before and after a place on its line of a string or comment; _ stands for a field."""
        token, previous, following = self._python.neighbours(place)
        first, end = self.line(place)
        stop = token.start + len(token.text)
        left = self.outline[max(first, token.start) : place]
        right = self.outline[place + 1 : min(end, stop)]
        if token.kind == "comment":
            # Quarto's `#| label: a` is not a hole.
            return left if left == "#" and right.strip() else left.lstrip("#"), right
        goes_on = previous.text == "}" and previous.start == token.start - 1
        if token.start >= first and goes_on:
            left = ("_" if self.outline[previous.start] == "}" else "") + left
        elif token.start >= first:
            left = left[string_opening(token.text) :]
        if following.text == "{" and following.start == stop <= end:
            right += "_"
        elif stop <= end:
            right = right.rstrip("'\"")
        return left, right


class _Python:
    """The tokens of an outline, and the neighbours of each."""

    def __init__(self, outline: str) -> None:
        edge = Token("newline", "", -1)
        self._tokens = [*tokens(outline), edge]
        self._starts = [token.start for token in self._tokens[:-1]]
        self._flow = [edge, *_flow(self._tokens[:-1]), edge]
        self._positions = {token.start: i for i, token in enumerate(self._flow[:-1])}

    def at(self, place: int) -> Token:
        return self._tokens[bisect_right(self._starts, place) - 1]

    def neighbours(self, place: int) -> tuple[Token, Token, Token]:
        """The token at a place, the one before it, and the one after it."""
        i = bisect_right(self._starts, place) - 1
        return self._tokens[i], self._tokens[i - 1], self._tokens[i + 1]

    def around(self, place: int) -> tuple[Token, Token, Token, Token]:
        """The two tokens before an operator, itself, and the next, as an expression continues over lines."""
        i = self._positions[place]
        return self._flow[i - 2], self._flow[i - 1], self._flow[i], self._flow[i + 1]


def _flow(of: Sequence[Token]) -> Iterator[Token]:
    """Leave out what may come between operator and operand: comments, and line ends inside brackets."""
    depth = 0
    for token in of:
        depth = max(0, depth + token.nesting)
        if token.kind != "comment" and not (token.kind == "newline" and depth):
            yield token


def _is_operand(token: Token, candidates: set[int]) -> bool:
    """Whether a token is a name, a value, or a hole that stands for one."""
    if token.kind != "code" or token.text == _PIPE:
        return token.kind == "string" or token.start in candidates
    if keyword.iskeyword(token.text):
        return token.text in ("True", "False", "None")
    return token.text == "..." or re.match(r"\.?\w", token.text) is not None


def _is_within(spans: list[tuple[int, int]], place: int) -> bool:
    i = bisect_right(spans, place, key=itemgetter(0)) - 1
    return i >= 0 and place < spans[i][1]


def _outline(cell: str, mark: str, marks: Sequence[Mark]) -> str:
    r"""Copy the cell, each character in its place, so that all versions of Python's tokenizer read it alike.

    The copy is ASCII and its lines end with "\n", because versions differ on "\r" and control characters, and
    in how they count columns. A final "\n" is added. A mark is replaced by ``|`` characters; one that a
    backslash made plain stays as it is, without the backslash.
    """
    pieces, at = [], 0
    for start, place in marks:
        pairs, escaped = divmod(place - start, 2)
        pieces += [cell[at:start], ("?" * pairs).ljust(place - start)]
        at = place
        if not escaped:
            pieces.append(_PIPE * len(mark))
            at += len(mark)
    text = "".join([*pieces, cell[at:]])
    text = re.sub(r"[^\x00-\x7f]", lambda char: " " if char[0].isspace() else "x", text)
    text = re.sub(r"(\\*)\r\n", r" \1\n", text)  # a backslash that continues the line stays at the end
    return re.sub(r"[^\n\x20-\x7e]", " ", text.replace("\r", "\n")) + "\n"
