"""How much of what the model wrote is worth showing."""

from __future__ import annotations

import math

from cg2magic.frontends.inline.ask import Reach
from cg2magic.request import Suggestion


def shown(suggestion: Suggestion, reach: Reach, floor: float) -> str:
    """Cut a suggestion, which may still be growing, to what is shown at the cursor.

    The shown text grows with the suggestion and never shrinks, with one exception: if its end turns out to
    repeat the text after the cursor, the candidate itself ends before that; see `fills`.

    Parameters
    ----------
    suggestion : Suggestion
    reach : {"line", "next line", "block"}
    floor : float
        The least mean probability of a token; the mean is geometric: exp of the mean log-probability.
    """
    text = _likely(suggestion, floor)
    if reach != "block":
        # The next line begins with the end of this one.
        began = len(text) - len(text.lstrip("\n")) if reach == "next line" else 0
        end = text.find("\n", began)
        text = text if end < 0 else text[:end]
    text = text.rstrip()
    return text if text.strip() else ""


def _likely(suggestion: Suggestion, floor: float) -> str:
    """Return the longest beginning, in whole tokens, that is likely enough."""
    total, length, kept = 0.0, 0, 0
    for count, token in enumerate(suggestion.tokens, start=1):
        total += token.logprob
        length += len(token.text)
        if math.exp(total / count) >= floor:
            kept = length
    return suggestion.spans[0][:kept] if suggestion.spans else ""
