"""How sure a model has to be of a token that is shown; learned from how sure it usually is.

Probabilities can't be compared between models: of its own suggestions a large one is surer, right or wrong,
than a small one. So half of the beginnings are shown, whatever the model: those that are likelier than the
median. What follows a good beginning is held to less.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

from cg2magic.request import Suggestion

#: A suggestion's beginning: it decides what all the rest is about.
_BEGINNING = 2
#: What later tokens need of what the first ones need.
_LATER = 0.7
#: What is taken for the median before anything was learned, and how many suggestions that weighs.
_START, _WEIGHT = 0.6, 8
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
        return self.beginning if place < _BEGINNING else self.later


class Certainty:
    """How sure one model usually is, as far as it has written."""

    def __init__(self) -> None:
        self._begun = deque([_START] * _WEIGHT, maxlen=_LAST)

    @property
    def floor(self) -> Floor:
        """What suits this model now."""
        usual = statistics.median(self._begun)
        return Floor(usual, _LATER * usual)

    def learn(self, suggestion: Suggestion) -> None:
        """Take a suggestion that was written while somebody typed."""
        beginning = suggestion.tokens[:_BEGINNING]
        if beginning:
            self._begun.append(math.exp(min(token.logprob for token in beginning)))
