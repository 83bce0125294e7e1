"""How much of what the model wrote is worth showing."""

from __future__ import annotations

import math

from cg2magic.frontends.inline.ask import Reach
from cg2magic.frontends.inline.floors import Floor
from cg2magic.frontends.inline.stops import Stops
from cg2magic.request import Suggestion


def shown(suggestion: Suggestion, reach: Reach, floor: Floor, language: str = "python") -> str:
    """Cut a suggestion, which may still be growing, to what is shown at the cursor.

    It is shown as far as the model is sure of each token, and ends where a person could end: a line where
    nothing is open that was opened in it, a block with a whole line. So Tab never takes half a call.

    The shown text grows with the suggestion and never shrinks, with one exception: if its end turns out to
    repeat the text after the cursor, the candidate itself ends before that; see `fills`.

    Parameters
    ----------
    suggestion : Suggestion
    reach : {"line", "next line", "block"}
    floor : Floor
    language : str
    """
    text = suggestion.spans[0] if suggestion.spans else ""
    stops = Stops.of(suggestion.parts[0], text, language, done=suggestion.finish_reason == "stop")
    sure = _sure(suggestion, floor)
    # The next line begins with the end of this one.
    first = len(text) - len(text.lstrip("\n")) if reach == "next line" else 0
    lines = [end for end in stops.lines if first < end]
    if reach != "block" or (not lines or sure < lines[0]):
        # One line only, the whole of it or a part.
        ends = [end for end in stops.words if not lines or end <= lines[0]]
        ends += lines[:1]
    else:
        ends = lines
    text = text[: max((end for end in ends if end <= sure), default=0)].rstrip()
    return text if text.strip() else ""


def _sure(suggestion: Suggestion, floor: Floor) -> int:
    """Up to where each token is likely enough; white space at the end of the text counts with what it follows."""
    length = 0
    for place, token in enumerate(suggestion.tokens):
        if math.exp(token.logprob) < floor.at(place):
            return length
        length += len(token.text)
    return len(suggestion.spans[0]) if suggestion.spans else 0
