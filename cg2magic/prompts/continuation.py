"""Another token in the place of one that was chosen, and the suggestion goes on from there."""

from __future__ import annotations

from dataclasses import replace

from cg2magic.errors import UsageError
from cg2magic.request import Request, Suggestion


def continuation(
    request: Request, suggestion: Suggestion, place: int, token_id: int
) -> tuple[Request, Suggestion]:
    """Ask for a candidate that is as this one up to a token, has another there, and is written anew after it.

    In an infill the holes before that token stay as they are, and those after it are written again. Its
    check is not run again: what is there was already ranked by it.

    Parameters
    ----------
    request : Request
        That the candidate answers.
    suggestion : Suggestion
    place : int
        Of the token in `Suggestion.tokens`.
    token_id : int
        One of the token's alternatives.

    Returns
    -------
    request : Request
        For one candidate; the tokens before the place are not computed again, they are read.
    beginning : Suggestion
        What is known of the answer already.

    Raises
    ------
    UsageError
        If the candidate does not say how it was made, or has no such token.
    """
    if not suggestion.places:
        raise UsageError("what this model wrote can't be continued from the middle; use Edit instead")
    if not 0 <= place < len(suggestion.tokens):
        raise UsageError(f"the suggestion has {len(suggestion.tokens)} tokens, so there is no token {place}")
    at = suggestion.places[place]
    former = suggestion.taken[at]
    chosen = next((token for token in former.alternatives if token.id == token_id), None)
    if chosen is None:
        raise UsageError("that token is not one of the alternatives at this place")
    begin = (*suggestion.taken[:at], replace(chosen, alternatives=former.alternatives))
    return (
        replace(request, sampling=replace(request.sampling, n=1), check="", begin=begin),
        _cut(suggestion, place),
    )


def _cut(suggestion: Suggestion, place: int) -> Suggestion:
    """The candidate up to a token."""
    tokens = list(suggestion.tokens[:place])
    spans, left = [], len(tokens)
    used = 0
    for span in suggestion.spans:
        at = 0
        while used < left and span.startswith(tokens[used].text, at):
            at += len(tokens[used].text)
            used += 1
        spans.append(span if used < left else span[:at])
        if used == left:
            break
    return Suggestion(suggestion.parts, tuple(spans), tuple(tokens), header=suggestion.header)
