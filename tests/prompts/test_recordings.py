"""What real models wrote, ended by our rules: a suggestion ends where a person would end it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.recordings.cases import cases
from tests.recordings.replay import MODELS, Recording

recording = cache(Recording)

#: Behind a line that was begun, this model goes on with a paragraph, which only a blank line ends.
LONGER = {("qwen2.5-coder-1.5b-instruct", name) for name in ("an import", "a method behind a dot")}
REPLAYED = [
    pytest.param(
        model,
        case,
        id=f"{model}: {case.name}",
        marks=[pytest.mark.xfail(strict=True)] * ((model, case.name) in LONGER),
    )
    for model in MODELS
    for case in cases()
    if case in recording(model)
]


@pytest.mark.parametrize(("model", "case"), REPLAYED)
def test_a_suggestion_ends_where_a_person_would_end_it(model, case):
    suggestion = recording(model).replay(case)
    assert not case.faults(suggestion), suggestion.text
