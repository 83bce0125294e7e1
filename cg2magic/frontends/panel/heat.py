"""What a heat map draws: how surprising each token was, as a level and in words, and the pieces to colour."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cg2magic.frontends.visible import visible
from cg2magic.request import Suggestion, TokenLogprob
from cg2magic.wording import percent

#: The least probability of each level, from expected (0) to very unlikely (5).
LEVELS = (1 / 2, 1 / 5, 1 / 20, 1 / 100, 1 / 1000, 0.0)
LEVEL_NAMES = ("over 1/2", "1/5", "1/20", "1/100", "1/1000", "less")


class Cell(NamedTuple):
    """A piece in one colour: a token, or several tokens that only together form a character.

    Attributes
    ----------
    text : str
    place : int
        The index of its first token.
    logprob : float
        The sum over its tokens, in nats.
    alternatives : tuple of TokenLogprob
        Those of its first token.
    corrected : bool
        Whether the model wanted another token, of a name that is not in the kernel.
    """

    text: str
    place: int
    logprob: float
    alternatives: tuple[TokenLogprob, ...]
    corrected: bool = False

    @property
    def level(self) -> int:
        """From 0, expected, to 5, very unlikely."""
        probability = math.exp(self.logprob)
        return next(level for level, least in enumerate(LEVELS) if probability >= least)


def cells(tokens: Iterable[TokenLogprob]) -> Iterator[Cell]:
    """Join the tokens of each character: all but the last have no text of their own."""
    first: tuple[int, TokenLogprob] | None = None
    logprob = 0.0
    for place, token in enumerate(tokens):
        first = first or (place, token)
        logprob += token.logprob
        if token.text:
            yield Cell(token.text, first[0], logprob, first[1].alternatives, first[1].corrected)
            first, logprob = None, 0.0


#: In percent. Neighbours differ by as much on a dark ground as on a light one, and text can be read on all.
_TINTS = (0, 14, 25, 37, 50, 64)
_UNDERLINES = ("", "1px dotted", "1px dashed", "1px solid", "2px solid", "3px double")
#: How a level looks, as inline styles, which remain when a notebook is not trusted.
LOOKS = tuple(
    f"background-color: rgba(230,97,0,{tint / 100}); border-bottom: {line} #e66100" if tint else ""
    for tint, line in zip(_TINTS, _UNDERLINES, strict=True)
)


def shown(text: str) -> str:
    """Write a token so that its white space can be seen."""
    return visible(text).replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥") or "�"


def described(cell: Cell) -> str:
    """Say how likely it was, and what else was likely."""
    others = ",  ".join(f"{shown(other.text)} {percent(other.logprob)}" for other in cell.alternatives)
    return f"{shown(cell.text)}   {percent(cell.logprob)}\nlikeliest:  {others}"


#: Why there is no heat map.
NO_LOGPROBS = "This server does not say how likely its tokens were, so there is no heat map."


def heat(suggestion: Suggestion, *, live: bool) -> dict[str, Any]:
    """A candidate's heat map, for the page to draw.

    Parameters
    ----------
    suggestion : Suggestion
    live : bool
        Whether the person may choose another token.
    """
    found = list(cells(suggestion.tokens)) if suggestion.has_logprobs else []
    lines: list[list[tuple[str, int]]] = [[]]
    for text, index in _pieces(suggestion, found):
        for i, part in enumerate(text.split("\n")):
            if i:
                if index >= 0:
                    lines[-1].append(("\n", index))
                lines.append([])
            if part:
                lines[-1].append((part, index))
    return {
        "lines": lines,
        "cells": [_cell(cell, suggestion) for cell in found],
        "live": live and bool(found) and bool(suggestion.places),
        "looks": LOOKS,
        "names": LEVEL_NAMES,
        "reason": "" if found or not suggestion.tokens else NO_LOGPROBS,
    }


def _pieces(suggestion: Suggestion, found: list[Cell]) -> Iterator[tuple[str, int]]:
    """Walk the code in order, as ``(text, index of its cell)``; -1 for text that the model did not write."""
    index = 0
    for text, written in suggestion.pieces():
        at = 0
        while written and index < len(found) and text.startswith(found[index].text, at):
            yield found[index].text, index
            at += len(found[index].text)
            index += 1
        if at < len(text):
            yield text[at:], -1


#: Said of a token that was corrected.
_WANTED = ", corrected: the model wanted a name that is not in this kernel"


def _cell(cell: Cell, suggestion: Suggestion) -> dict[str, Any]:
    own = suggestion.tokens[cell.place].id
    return {
        "level": cell.level,
        "place": cell.place,
        "shown": shown(cell.text),
        "percent": percent(cell.logprob),
        "told": f"{shown(cell.text)}, {percent(cell.logprob)}{_WANTED if cell.corrected else ''}",
        "corrected": cell.corrected,
        "others": [
            {
                "id": other.id,
                "shown": shown(other.text),
                "percent": percent(other.logprob),
                "share": round(math.exp(other.logprob), 4),
                "here": other.id == own,
            }
            for other in cell.alternatives
        ],
    }
