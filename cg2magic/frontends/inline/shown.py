"""How much of what the model wrote is worth showing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cg2magic.frontends.inline.ask import Reach
from cg2magic.frontends.inline.floors import BEGINNING, Floor
from cg2magic.frontends.inline.stops import Stops
from cg2magic.request import Suggestion


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a suggestion.

    Attributes
    ----------
    text : str
    is_final : bool
        Whether more is not shown, whatever the model writes.
    """

    text: str
    is_final: bool

    @classmethod
    def of(cls, suggestion: Suggestion, reach: Reach, floor: Floor, language: str = "python") -> Shown:
        """Cut a suggestion, which may still be growing, to what is shown at the cursor.

        It is shown as far as the model is sure of each token, and ends where a person could end: behind a
        word or a bracket of one line where nothing is open that was opened in it, or, in a block, at the end
        of a line. So Tab never takes half a call, nor the name alone with which a new line begins: `plt` is
        as good as nothing.

        The shown text grows with the suggestion and never shrinks, with one exception: if its end turns out
        to repeat the text after the cursor, the candidate itself ends before that; see `fills`.

        Parameters
        ----------
        suggestion : Suggestion
        reach : {"line", "next line", "block"}
        floor : Floor
        language : str
        """
        text = suggestion.spans[0] if suggestion.spans else ""
        done = suggestion.finish_reason == "stop"
        stops = Stops.of(suggestion.parts[0], text, language, done=done)
        sure = _sure(suggestion, floor)
        # The next line begins with the end of this one.
        begin = len(text) - len(text.lstrip("\n")) if reach == "next line" else 0
        lines = [end for end in stops.lines if end >= begin]
        if reach == "block" and lines and lines[0] <= sure:
            ends = lines
        else:
            ends = [end for end in stops.words if not lines or end < lines[0]] + lines[:1]
        end = max((end for end in ends if end <= sure), default=0)
        kept = text[:end].rstrip()
        if end not in lines and _is_bare_name(suggestion.parts[0], kept):
            kept = ""
        over = bool(lines) and reach != "block"
        unsure = sure < len(text) and len(suggestion.tokens) >= BEGINNING
        return cls(kept if kept.strip() else "", is_final=over or unsure)


def _is_bare_name(before: str, text: str) -> bool:
    """Whether a text ends in a line of its own that is no more than a name."""
    *above, line = text.split("\n")
    return line.strip().isidentifier() and (bool(above) or not before.rpartition("\n")[2].strip())


def _sure(suggestion: Suggestion, floor: Floor) -> int:
    """The length up to which each token is likely enough."""
    length = 0
    for place, token in enumerate(suggestion.tokens):
        if math.exp(token.logprob) < floor.at(place):
            return length
        length += len(token.text)
    return len(suggestion.spans[0]) if suggestion.spans else 0
