"""The order in which a person sees the candidates: the best first, equal ones only once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cg2magic.request import Suggestion
from cg2magic.syntax.languages import find
from cg2magic.syntax.statements import parses


def merged(suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Merge candidates with the same text; each says which ones came to it."""
    by_text: dict[tuple[str, ...], Suggestion] = {}
    for number, suggestion in enumerate(suggestions):
        first = by_text.get(suggestion.spans, suggestion)
        by_text[suggestion.spans] = replace(first, drawn=(*first.drawn, number))
    return tuple(by_text.values())


def ranked(suggestions: Sequence[Suggestion], language: str) -> tuple[Suggestion, ...]:
    """Sort candidates, the best first.

    What passes the check comes first and what fails it last; then Python that parses with the text around it;
    then what the model found likelier. Empty ones come behind others with the same verdict.
    """
    is_python = find(language).blocks == "python"

    def rank(suggestion: Suggestion) -> tuple[int, bool, bool, float]:
        check = suggestion.check
        verdict = 1 if check is None else 0 if check.passed else 2
        # What IPython reads above the code (%%time, say) is in the header.
        code = suggestion.code.removeprefix(suggestion.header)
        empty = not suggestion.text.strip()
        return verdict, empty, is_python and not parses(code), -suggestion.logprob

    return tuple(sorted(suggestions, key=rank))


def unmerged(suggestions: Sequence[Suggestion]) -> list[Suggestion]:
    """List as many candidates as were drawn: the different ones, then those that only repeat one of them."""
    repeats = [suggestion for suggestion in suggestions for _ in range(suggestion.count - 1)]
    return [*suggestions, *repeats]
