"""How sure a model has to be of a token that is shown; learned from how sure it usually is.

Probabilities can't be compared between models: of what they write, right or wrong, one is surer than
another. So the measure is the model's own median, over the beginnings of its last suggestions. A token has to
be somewhat likelier than that; the first two, which decide what all the rest is about, still more. On a new
line less is enough: it can begin in many ways that are right, and there a suggestion is in nobody's way.

Each token is judged by itself. A mean hides a guess among what is certain: once a name is wrong, its brackets
are likely all the same.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

from cg2magic.request import Suggestion

#: So many tokens are the beginning of a suggestion.
BEGINNING = 2
#: How much likelier than the median a token of the beginning has to be, and one behind it.
_FIRST, _LATER = 1.4, 1.1
#: The same for what begins on a new line.
_NEW_FIRST, _NEW_LATER = 0.7, 0.8
#: A token with this probability is shown by any model.
_SURE = 0.9
#: What is taken for the median before anything was learned, and how many suggestions that weighs.
_START, _WEIGHT = 0.5, 8
#: How many suggestions are remembered.
_LAST = 64


@dataclass(frozen=True, slots=True)
class Floor:
    """The least probability of a token.

    Attributes
    ----------
    beginning : float
        Of the first two tokens.
    later : float
        Of those behind them.
    """

    beginning: float
    later: float

    def at(self, place: int) -> float:
        """The least probability of a token at this place in a suggestion."""
        return self.beginning if place < BEGINNING else self.later


#: Everything is shown.
NO_FLOOR = Floor(0.0, 0.0)


class Certainty:
    """How sure one model usually is, as far as it has written."""

    def __init__(self) -> None:
        self._begun = deque([_START] * _WEIGHT, maxlen=_LAST)

    def floor(self, *, on_new_line: bool = False) -> Floor:
        """Return what suits this model now."""
        usual = statistics.median(self._begun)
        first, later = (_NEW_FIRST, _NEW_LATER) if on_new_line else (_FIRST, _LATER)
        return Floor(min(_SURE, first * usual), min(_SURE, later * usual))

    def learn(self, suggestion: Suggestion) -> None:
        """Take the (geometric) mean probability of a beginning that was written while somebody typed."""
        beginning = [token.logprob for token in suggestion.tokens[:BEGINNING]]
        if suggestion.has_logprobs:
            self._begun.append(math.exp(statistics.fmean(beginning)))
