"""Continue a suggestion: from where it broke off, or from a token that another one replaces.

Both ways the tokens that were chosen before are read, not written again, and most come out of the KV cache.
"""

from __future__ import annotations

from dataclasses import replace

from cg2magic.errors import UsageError
from cg2magic.request import Request, Suggestion


def continuation(
    request: Request, suggestion: Suggestion, place: int, token_id: int
) -> tuple[Request, Suggestion]:
    """Request a candidate with the same text up to a token, another token there, and new text after it.

    In an infill, the holes before that token stay the same, and those after it are written again. The check
    is not run again: the candidates were already ranked by it.

    Parameters
    ----------
    request : Request
        The request of the candidate.
    suggestion : Suggestion
    place : int
        Index of the token in `Suggestion.tokens`.
    token_id : int
        One of the token's alternatives.

    Returns
    -------
    request : Request
        For one candidate; the tokens before the place are prefilled, not generated again.
    beginning : Suggestion
        The part of the answer that is already known.

    Raises
    ------
    UsageError
        If the candidate does not record how it was made, or has no such token.
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
    cuts = tuple(cut for cut in suggestion.cuts if cut <= at)
    request = replace(_alone(request), check="", begin=begin, cuts=cuts)
    return request, _beginning(suggestion, place, request)


def extension(request: Request, suggestion: Suggestion) -> tuple[Request, Suggestion]:
    """Request that a candidate which broke off goes on, as one longer request would have.

    It goes on behind all tokens that were chosen, also those after its last whole statement. If several holes
    were cut by their length, it goes on in the first of them, and those after it are written again.

    Parameters
    ----------
    request : Request
        The request of the candidate.
    suggestion : Suggestion

    Returns
    -------
    request : Request
        For one candidate; its length counts anew.
    beginning : Suggestion
        The part of the answer that is already known.

    Raises
    ------
    UsageError
        If the candidate did not break off, or does not record how it was made.
    """
    if not suggestion.can_go_on:
        raise UsageError("this suggestion has ended; to go on, insert it and run %%complete on its cell")
    was_cut = suggestion.finish_reason == "length"
    at = suggestion.cuts[0] if was_cut else len(suggestion.taken)
    begin, cuts = suggestion.taken[:at], () if was_cut else suggestion.cuts
    request = replace(_alone(request), begin=begin, cuts=cuts)
    return request, _beginning(suggestion, sum(place < at for place in suggestion.places), request)


def _alone(request: Request) -> Request:
    return replace(request, sampling=replace(request.sampling, n=1))


def _beginning(suggestion: Suggestion, place: int, request: Request) -> Suggestion:
    """Return the candidate up to a token, from which a request goes on."""
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
    return Suggestion(
        suggestion.parts,
        tuple(spans),
        tuple(tokens),
        header=suggestion.header,
        taken=request.begin,
        places=suggestion.places[:place],
        cuts=request.cuts,
    )
