"""What real models wrote, ended by our rules: a suggestion ends where a person would end it."""

from __future__ import annotations

from functools import cache

import pytest

from tests.recordings.cases import cases
from tests.recordings.replay import MODELS, Recording

recording = cache(Recording)

_CUT = "what its length cuts short does not end at a statement"
#: Cases that the rules do not end yet as they should, by model; each with what is wrong.
KNOWN = {
    ("qwen2.5-coder-0.5b-instruct", "a body above its asserts"): _CUT,
    ("qwen2.5-coder-0.5b-instruct", "a line under its comment"): "a fill of comments alone is no line",
    ("qwen2.5-coder-0.5b-instruct", "a question in a comment"): "prose that is cut by its length stays",
    ("qwen2.5-coder-0.5b-instruct", "an import"): "the end of the imports does not end it",
    ("qwen2.5-coder-0.5b-instruct", "a value in a dict literal"): "it goes on with elements that follow",
    (
        "qwen2.5-coder-0.5b-instruct",
        "an import under the comment that says what is wanted",
    ): _CUT,
    ("smollm2-135m-instruct", "a comment with an import under it"): "it ends within brackets",
    ("smollm2-135m-instruct", "an import"): "the end of the imports does not end it",
    ("smollm2-135m-instruct", "a method behind a dot"): "a bracket that was not opened ends no completion",
    ("smollm2-135m-instruct", "the body of a nested block"): _CUT,
    ("smollm2-135m-instruct", "what follows a function"): "the lines under the comment are dropped",
}

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
