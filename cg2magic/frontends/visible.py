"""A candidate's code as lines of highlighted segments, which the live and the static panel both draw."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, Token
from pygments.util import ClassNotFound

from cg2magic.request import Suggestion

if TYPE_CHECKING:
    from pygments.lexer import Lexer

#: The class of a name that is not in the kernel.
UNKNOWN = "cg2-unknown"

# Bytes that a terminal obeys, and characters that reorder text ("Trojan Source"): a model can write them,
# so they are made visible wherever code is shown. The code itself keeps them.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Segment(NamedTuple):
    """A stretch of one line in one colour.

    Attributes
    ----------
    style : str
        Pygments' short class, such as ``"k"`` for a keyword; empty for plain text. A name that is not in the
        kernel has `UNKNOWN` as well.
    text : str
    written : bool
        Whether the model wrote it.
    """

    style: str
    text: str
    written: bool


def visible(text: str) -> str:
    """Replace characters that a terminal would obey, or that would reorder the text, by U+FFFD."""
    return _INVISIBLE.sub("\ufffd", text.replace("\r\n", "\n"))


@lru_cache(maxsize=16)
def _lexer(language: str) -> Lexer:
    # IPython's own lexer knows %magics and !commands as well.
    for name in ("ipython3", "python") if language == "python" else (language.lower(), "text"):
        try:
            return get_lexer_by_name(name)
        except ClassNotFound:
            continue
    return get_lexer_by_name("text")


def _styles(code: str, language: str) -> Iterator[tuple[str, str]]:
    if language != "python" and code.startswith("%%"):
        # The line of a cell magic is IPython's, whatever language is below it.
        end = code.find("\n") + 1 or len(code)
        yield "", code[:end]
        code = code[end:]
    # Unprocessed tokens add up to exactly the code, with no newline added or stripped.
    for _, kind, text in _lexer(language).get_tokens_unprocessed(code):
        while kind not in STANDARD_TYPES:
            kind = kind.parent
        # White space is plain: it joins the segment before it.
        yield ("" if kind in Token.Text or kind is Token.Name else STANDARD_TYPES[kind]), text


def _pieces(suggestion: Suggestion) -> Iterator[tuple[str, bool, bool]]:
    """Walk the code in order, as ``(text, written by the model, a name that is not in the kernel)``."""
    yield suggestion.header, False, False
    for hole, part in enumerate(suggestion.parts):
        yield part, False, False
        span, at = (suggestion.spans[hole] if hole < len(suggestion.spans) else ""), 0
        for name in suggestion.names:
            if name.hole == hole and name.outcome == "unknown" and name.start >= at:
                yield span[at : name.start], True, False
                yield span[name.start : name.end], True, True
                at = name.end
        yield span[at:], True, False


def _cut(code: str, language: str, pieces: Iterator[tuple[str, bool, bool]]) -> Iterator[Segment]:
    """Cut the highlighted stretches where the author changes, and around names that are not in the kernel."""
    left, written, unknown = 0, False, False
    for style, text in _styles(code, language):
        while text:
            while not left:
                piece, written, unknown = next(pieces)
                left = len(piece)
            yield Segment(f"{style} {UNKNOWN}".strip() if unknown else style, text[:left], written)
            text, left = text[left:], max(0, left - len(text))


def lines(suggestion: Suggestion, language: str = "python") -> list[list[Segment]]:
    """Split a candidate's code into lines of segments; neighbours that look the same are merged.

    The texts of all lines, joined by newlines, are exactly the code. A line break that the model wrote
    marks the line that it ends; if that line is empty, with an empty segment.
    """
    all_lines: list[list[Segment]] = [[]]
    for style, text, written in _cut(suggestion.code, language, _pieces(suggestion)):
        for i, part in enumerate(text.split("\n")):
            if i:
                if written and not all_lines[-1]:
                    all_lines[-1].append(Segment("", "", written=True))
                all_lines.append([])
            if not part:
                continue
            line = all_lines[-1]
            if line and line[-1].style == style and line[-1].written == written:
                line[-1] = Segment(style, line[-1].text + part, written)
            else:
                line.append(Segment(style, part, written))
    return all_lines


def line_classes(line: list[Segment]) -> str:
    """Return a line's CSS classes: whether the model wrote in it, and whether the person did too."""
    if not any(segment.written for segment in line):
        return "cg2-line"
    mixed = any(not segment.written and not segment.text.isspace() for segment in line)
    return "cg2-line cg2-by-model cg2-mixed" if mixed else "cg2-line cg2-by-model"


def looked_at(all_lines: list[list[Segment]]) -> list[list[Segment]]:
    """Leave out the empty line after the last newline, which nobody wants to see."""
    return all_lines[:-1] if len(all_lines) > 1 and not all_lines[-1] else all_lines


def caret(suggestion: Suggestion) -> int:
    """The offset in the code at which the model writes next."""
    hole = max(0, len(suggestion.spans) - 1)
    before = (suggestion.header, *suggestion.parts[: hole + 1], *suggestion.spans[: hole + 1])
    return sum(map(len, before))
