"""What real models wrote, ended by our rules: a suggestion ends where a person would end it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.recordings.cases import cases
from tests.recordings.replay import MODELS, Recording

recording = cache(Recording)

#: Cases that the rules do not end yet as they should, by model; each with what is wrong.
KNOWN: dict[tuple[str, str], str] = {}

REPLAYED = [
    pytest.param(
        model,
        case,
        id=f"{model}: {case.name}",
        marks=[pytest.mark.xfail(reason=KNOWN[model, case.name], strict=True)]
        if (model, case.name) in KNOWN
        else [],
    )
    for model in MODELS
    for case in cases()
    if case in recording(model)
]


@pytest.mark.parametrize(("model", "case"), REPLAYED)
def test_a_suggestion_ends_where_a_person_would_end_it(model, case):
    suggestion = recording(model).replay(case)
    assert not case.faults(suggestion), suggestion.text
