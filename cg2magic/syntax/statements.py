"""Whole statements: where the last one ends in a text that breaks off, and whether code consists of them.

A text that was cut by its length breaks off anywhere, as in ``total += va``. Nobody wants to delete that by
hand, so it is shown up to the end of its last whole statement:

- A statement is whole at the end of its line, outside of brackets and strings. The last line is not whole
  yet: ``return a`` may go on with ``+ b``.
- The header of a block is not whole without a line below it, a decorator not without its function, and a
  ``try`` not without its ``except``. A comment says what comes next, so it goes with that.
- If nothing is whole because a bracket is open around the text, its elements with a comma behind them are.
- If not even one of these is, everything stays.

Other languages than Python are cut at the end of a line, and so is a docstring that does not end.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from cg2magic.syntax.languages import Language, find
from cg2magic.syntax.tokens import read, tokens

#: What only IPython reads: magics, commands of the shell and questions.
_IPYTHON = re.compile(r"(?m)^([ \t]*)(?:[%!].*|\w[\w., ]*=[ \t]*[%!].*|.*\?)$")


class _Line(NamedTuple):
    """A logical line of code that has ended.

    Attributes
    ----------
    end : int
        Where its newline is.
    column : int
        Width of its indentation.
    word : str
        Its first one, or its first character.
    opens : bool
        Whether it is the header of a block.
    """

    end: int
    column: int
    word: str
    opens: bool


def whole(before: str, text: str, language: str) -> int:
    """How much of a text that breaks off is whole; all of it if not even one statement is.

    Parameters
    ----------
    before : str
        What stands in front of the text.
    text : str
    language : str

    Returns
    -------
    int
        A length, without the newline at the end of the last whole statement.
    """
    spoken = find(language)
    ends = _statements(before, text, spoken) if spoken.blocks == "python" else _lines(text)
    ends = ends or _elements(before, text, spoken) or _lines_of_string(before, text, spoken)
    return next((end for end in reversed(ends) if text[:end].strip()), len(text))


def parses(code: str) -> bool:
    """Whether a cell is Python that IPython could run."""
    return _is_python(code) or _is_python(_IPYTHON.sub(r"\1pass", code))


def _is_python(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in a string is no error
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _lines(text: str) -> list[int]:
    return [found.start() for found in re.finditer(r"(?<=\S)[ \t]*\n", text)]


def _lines_of_string(before: str, text: str, language: Language) -> list[int]:
    """Where the lines end of the string that the text is a part of, if it is in one from end to end."""
    state = read(before, language)
    is_inside = state.inside == "string" and all(now.within for _, now in tokens(text, language, state))
    return _lines(text) if is_inside else []


def _elements(before: str, text: str, language: Language) -> list[int]:
    """Where the elements end of the bracket around the text, if it stays open."""
    state = read(before, language)
    depth, ends = len(state.stack), []
    for token, now in tokens(text, language, state):
        if len(now.stack) < depth:
            return []
        if token.text == "," and len(now.stack) == depth > 0 and now.within is None:
            ends.append(token.end)
    return ends


def _statements(before: str, text: str, language: Language) -> list[int]:
    """Where the statements end; if only some can stand without what would follow, where those do."""
    ends: list[int] = []
    complete: list[int] = []
    blocks: list[_Line] = []  # the headers around the present line
    for line in _logical_lines(before, text, language):
        while blocks and line.column <= blocks[-1].column:
            blocks.pop()
        if line.opens:
            blocks.append(line)
        elif line.word != "@":
            ends.append(line.end)
            if not any(header.word == "try" for header in blocks):
                complete.append(line.end)
    return complete if any(text[:end].strip() for end in complete) else ends


def _logical_lines(before: str, text: str, language: Language) -> Iterator[_Line]:
    """Read the lines of code that end in the text; brackets, strings and backslashes join them."""
    begun = before[before.rfind("\n") + 1 :]
    state = read(before, language)
    last, word, column = state.before, state.first or begun.strip()[:1], _width(begun)
    fresh = not begun.strip() and not state.stack and state.within is None
    start = -len(begun)
    for token, now in tokens(text, language, state):
        outside = not now.stack and now.within is None
        if token.text == "\n" and outside and not text[: token.start].endswith("\\"):
            if not fresh:
                yield _Line(token.start, column, word, last == ":")
            fresh, start = True, token.end
        elif token.kind != "comment" and (token.text is None or token.text.strip()):
            if fresh:
                fresh, word = False, token.text or ""
                column = len(f"{begun if start < 0 else ''}{text[max(0, start) : token.start]}".expandtabs(8))
            last = token.text or '"'


def _width(line: str) -> int:
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip())
