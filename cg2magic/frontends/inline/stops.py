"""Where a suggestion can end although the model wrote more: nobody wants to take half a call with Tab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cg2magic.syntax.languages import find
from cg2magic.syntax.tokens import Token, read, tokens

#: Nothing ends with these words: another one has to follow.
_WANTS_MORE = frozenset(
    (
        *("and", "or", "not", "in", "is", "if", "elif", "for", "while", "with", "as", "import", "from"),
        *("lambda", "yield", "await", "async", "def", "class", "assert", "raise", "del", "new", "return"),
    )
)
_CLOSING = (")", "]", "}")
#: What a word is only the beginning of: a longer word, a string with a prefix, a number with a point.
_GOES_ON = re.compile(r"[\w\"']|(?<=\d)\.")


@dataclass(frozen=True, slots=True)
class Stops:
    """The places where a text can end, as lengths, in order.

    Attributes
    ----------
    words : tuple of int
        Behind words, closed brackets and whole strings, where nothing is open that the text itself opened.
    lines : tuple of int
        At the end of whole lines.
    """

    words: tuple[int, ...]
    lines: tuple[int, ...]

    @classmethod
    def of(cls, before: str, text: str, language: str, *, done: bool) -> Stops:
        """Find them.

        Parameters
        ----------
        before : str
            The code that stands before the text.
        text, language : str
        done : bool
            Whether the model itself ended the text here, so that its last line is whole.
        """
        spoken = find(language)
        state = start = read(before, spoken)
        depth = len(start.stack)  # what was open before and still is
        words: list[int] = []
        lines: list[int] = []
        inside = start.within is not None  # still in the string or comment that was begun before
        for token, state in tokens(text, spoken, start):
            if inside:
                words += [end for end in _words(text, token) if not _GOES_ON.match(text, end)]
                inside = state.within == start.within
            depth = min(depth, len(state.stack))
            if len(state.stack) > depth or state.within is not None:
                continue
            if token.text == "\n":
                lines.append(token.start)
            elif _ends(token.text) and not _GOES_ON.match(text, token.end):
                words.append(token.end)
        # A comment that runs to the end of its line ends here, too.
        runs_on = state.within not in (None, start.within) and state.within.text.over_lines
        is_quoted = state.inside == "string" and state.within != start.within
        if done and len(state.stack) <= depth and not (runs_on or is_quoted):
            lines.append(len(text))
        elif words and words[-1] == len(text):
            words.pop()  # it may go on
        return cls(tuple(words), tuple(lines))


def _words(text: str, token: Token) -> Iterator[int]:
    """Where the words of a string or a comment end."""
    return (found.end() for found in re.finditer(r"\w+", text[: token.end]) if found.start() >= token.start)


def _ends(token: str | None) -> bool:
    """Whether code can end with a token; None stands for a string or a comment."""
    if token is None or token in _CLOSING:
        return True
    return (token[0].isalnum() or token[0] == "_") and token not in _WANTS_MORE
