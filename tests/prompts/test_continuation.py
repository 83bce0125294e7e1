"""One token is exchanged, and the suggestion goes on from there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import UsageError
from cg2magic.frontends import present as frontend
from cg2magic.prompts.continuation import continuation, extension
from cg2magic.request import Request, Sampling, Suggestion
from cg2magic.service.manager import Manager

COMPLETION = Request(("import numpy as np\n\nx = np.lin",), Sampling(max_new_tokens=16))
PLOT = Request(
    ("import numpy as np\nimport matplotlib.pyplot as plt\n\n\ndef plot(x, y):\n",),
    Sampling(max_new_tokens=24),
)
HOLES = Request(
    (
        "class Rectangle:\n    def __init__(self, width, height):\n        ",
        "\n\n    def area(self):\n        return ",
        "\n",
    ),
    Sampling(max_new_tokens=16),
)


@pytest.fixture(scope="module")
def engine(mini):
    return LocalEngine(mini)


def write(engine, request):
    (suggestion,) = engine.generate(request).suggestions
    return suggestion


def text_before(suggestion, place):
    return "".join(token.text for token in suggestion.tokens[:place])


def other_than(suggestion, place):
    """The likeliest alternative at a place that has text and is not what was chosen."""
    token = suggestion.tokens[place]
    return next(o for o in token.alternatives if o.id != token.id and o.text.strip() and "<" not in o.text)


@pytest.mark.parametrize("request_", [COMPLETION, HOLES], ids=["completion", "holes"])
def test_choosing_the_same_token_writes_the_same_again(engine, request_):
    first = write(engine, request_)
    for place, token in enumerate(first.tokens):
        again, beginning = continuation(request_, first, place, token.id)
        assert "".join(t.text for t in beginning.tokens) == text_before(first, place)
        assert beginning.text == first.text[: len(beginning.text)]
        # The length counts anew, so it may be longer; all that was there is there again.
        longer = write(engine, again)
        if first.finish_reason == "stop":
            assert longer.spans == first.spans
        assert [t.id for t in longer.tokens[: place + 1]] == [t.id for t in first.tokens[: place + 1]]
        assert [t.logprob for t in longer.tokens[:place]] == [t.logprob for t in first.tokens[:place]]


@pytest.mark.parametrize("request_", [COMPLETION, HOLES], ids=["completion", "holes"])
def test_another_token_is_followed_by_what_the_model_writes_after_it(engine, mini, request_):
    first = write(engine, request_)
    for place in (0, 2, len(first.tokens) - 2):
        chosen = other_than(first, place)
        again, _ = continuation(request_, first, place, chosen.id)
        branch = write(engine, again)
        assert [t.id for t in branch.tokens[: place + 1]] == [
            *(t.id for t in first.tokens[:place]),
            chosen.id,
        ]
        assert branch.tokens[place].logprob == pytest.approx(chosen.logprob)
        # A fresh engine, with nothing in its cache, writes the same.
        assert write(LocalEngine(mini), again).spans == branch.spans


def test_a_hole_that_is_not_the_first_is_continued_and_those_before_it_stay(engine):
    first = write(engine, HOLES)
    inside_first = len(first.spans[0])
    place = next(i for i in range(len(first.tokens)) if len(text_before(first, i)) >= inside_first)
    chosen = other_than(first, place)
    again, beginning = continuation(HOLES, first, place, chosen.id)
    branch = write(engine, again)
    assert beginning.spans[0] == branch.spans[0] == first.spans[0]
    assert branch.spans[1].startswith(chosen.text)
    assert branch.spans[1] != first.spans[1]


def test_what_was_given_back_at_the_seam_is_not_written_twice(engine):
    first = write(engine, COMPLETION)
    assert first.code.startswith("import numpy as np\n\nx = np.linspace")
    chosen = other_than(first, 1)
    again, _ = continuation(COMPLETION, first, 1, chosen.id)
    assert write(engine, again).code.startswith(
        "import numpy as np\n\nx = np.linspace"[: -len("space")] + first.tokens[0].text + chosen.text
    )


def test_what_is_there_is_read_and_not_written_again(engine, monkeypatch):
    first = write(engine, COMPLETION)
    passes = []
    forward = engine._forward
    monkeypatch.setattr(
        engine,
        "_forward",
        lambda ids, cache, keep=1: passes.append(ids.shape[1]) or forward(ids, cache, keep),
    )
    again, _ = continuation(COMPLETION, first, 6, other_than(first, 6).id)
    write(engine, replace(again, sampling=replace(again.sampling, max_new_tokens=2)))
    # The chosen token is fed in one pass; the rest comes out of the cache.
    assert passes[0] == 1
    assert len(passes) <= 3


def test_a_candidate_of_several_is_continued_alone_and_with_the_same_sampling(engine):
    request = replace(COMPLETION, sampling=Sampling(n=3, temperature=0.9, seed=5, max_new_tokens=12))
    second = engine.generate(request).suggestions[1]
    again, _ = continuation(request, second, 3, second.tokens[3].alternatives[1].id)
    assert again.sampling == replace(request.sampling, n=1)
    branch = write(engine, again)
    assert branch.text.startswith(text_before(second, 3))
    assert write(engine, again).text == branch.text


def test_a_continuation_can_be_continued(engine):
    request, suggestion = COMPLETION, write(engine, COMPLETION)
    for place in (2, 4):
        chosen = other_than(suggestion, place)
        request, _ = continuation(request, suggestion, place, chosen.id)
        before, suggestion = suggestion, write(engine, request)
        assert suggestion.text.startswith(text_before(before, place) + chosen.text)


def test_a_token_that_ends_the_fill_ends_it(engine):
    first = write(engine, HOLES)
    end = engine.vocabulary.id("<eom>")
    token = first.taken[first.places[1]]
    first = replace(
        first,
        taken=tuple(
            replace(t, alternatives=(*t.alternatives, replace(t.alternatives[0], id=end, text="<eom>")))
            for t in first.taken
        ),
    )
    assert token.id != end
    again, _ = continuation(HOLES, first, 1, end)
    assert write(engine, again).spans[0] == first.tokens[0].text.rstrip()


@pytest.mark.parametrize("length", [3, 8])
@pytest.mark.parametrize("request_", [COMPLETION, PLOT, HOLES], ids=["completion", "function", "holes"])
def test_what_goes_on_is_what_one_longer_request_writes(engine, request_, length):
    def with_length(tokens):
        return replace(request_, sampling=replace(request_.sampling, max_new_tokens=tokens))

    request = with_length(length)
    suggestion = write(engine, request)
    rounds = 1
    while suggestion.can_go_on and rounds < 6:
        request, beginning = extension(request, suggestion)
        assert suggestion.spans[0].startswith(beginning.spans[0])
        suggestion = write(engine, request)
        rounds += 1
    assert rounds > 1 or length == 8
    longer = write(engine, with_length(rounds * length))
    assert suggestion.spans == longer.spans
    assert suggestion.finish_reason == longer.finish_reason
    assert [token.id for token in suggestion.tokens] == [token.id for token in longer.tokens]


def test_it_goes_on_from_the_tokens_behind_its_last_whole_statement(engine):
    request = replace(PLOT, sampling=Sampling(max_new_tokens=42))
    first = write(engine, request)
    assert first.finish_reason == "length"
    assert len(first.tokens) < 42
    again, beginning = extension(request, first)
    assert beginning.text == first.text
    assert [token.id for token in again.begin] == [token.id for token in first.taken]
    assert write(engine, again).text.startswith(first.text)


def test_it_goes_on_out_of_the_cache(engine, monkeypatch):
    request = replace(PLOT, sampling=Sampling(max_new_tokens=12))
    first = write(engine, request)
    passes = []
    forward = engine._forward
    monkeypatch.setattr(
        engine,
        "_forward",
        lambda ids, cache, keep=1: passes.append(ids.shape[1]) or forward(ids, cache, keep),
    )
    write(engine, extension(request, first)[0])
    assert passes[0] <= 2


def test_what_was_stopped_goes_on_in_the_hole_that_it_was_in(engine):
    seen = []
    (stopped,) = engine.generate(
        HOLES, lambda now: seen.append(now[0]), cancelled=lambda: bool(seen and len(seen[-1].spans) > 1)
    ).suggestions
    assert stopped.finish_reason == "cancelled"
    again, _ = extension(HOLES, stopped)
    assert write(engine, again).spans == write(engine, HOLES).spans


def test_a_hole_that_was_cut_stays_so_where_a_later_one_is_continued(engine):
    request = replace(HOLES, sampling=Sampling(max_new_tokens=3))
    first = write(engine, request)
    assert first.cuts[0] < len(first.taken)
    place = len(first.tokens) - 1
    again, _ = continuation(request, first, place, first.tokens[place].id)
    assert write(engine, again).spans[0] == first.spans[0]


def test_one_of_several_goes_on_and_is_checked_as_it_was(engine):
    sampling = Sampling(n=3, temperature=0.9, seed=5, max_new_tokens=12)
    request = replace(PLOT, sampling=sampling, check="plot(1, 2)")
    second = engine.generate(request).suggestions[1]
    again, _ = extension(request, second)
    assert (again.sampling, again.check) == (replace(sampling, n=1), "plot(1, 2)")
    assert write(engine, again).text.startswith(second.text)


@pytest.mark.parametrize("length", [10, 5000])
def test_what_has_ended_and_what_filled_the_context_cannot_go_on(engine, length):
    request = replace(COMPLETION, sampling=Sampling(max_new_tokens=length, temperature=40.0, seed=0, top_p=1))
    request = request if length > 100 else replace(COMPLETION, sampling=Sampling(stop=(")",)))
    suggestion = write(engine, request)
    assert not suggestion.can_go_on
    with pytest.raises(UsageError, match="has ended"):
        extension(request, suggestion)


def test_the_candidate_that_goes_on_stays_among_the_others(monkeypatch):
    held = Manager()
    monkeypatch.setattr(frontend, "manager", lambda: held)
    try:
        job = held.submit(replace(PLOT, sampling=Sampling(n=2, temperature=0.9, seed=5, max_new_tokens=12)))
        two = job.result()
        more = frontend.extend(job, 0)
        longer, other = more.result()
        (alone,) = frontend.extend(job, 0, alone=True).result()
    finally:
        held.close()
    assert other == two[1]
    assert longer.text.startswith(two[0].text)
    assert len(longer.taken) > len(two[0].taken)
    assert alone.text == longer.text
    assert len(held.history) == 3


def test_another_model_does_not_go_on_with_these_tokens(monkeypatch):
    held = Manager()
    monkeypatch.setattr(frontend, "manager", lambda: held)
    try:
        job = held.submit(replace(PLOT, sampling=Sampling(max_new_tokens=6)))
        job.result()
        job.update(model="other")
        with pytest.raises(UsageError, match="other wrote this, but mini is loaded now"):
            frontend.extend(job, 0)
    finally:
        held.close()


def test_the_continuation_stands_beside_the_candidates_it_came_from(monkeypatch):
    held = Manager()
    monkeypatch.setattr(frontend, "manager", lambda: held)
    try:
        job = held.submit(replace(COMPLETION, sampling=Sampling(n=2, max_new_tokens=6)))
        two = job.result()
        chosen = other_than(two[1], 2)
        more = frontend.go_on(job, 1, 2, chosen.id)
        assert [s.text for s in more.snapshot().suggestions[:2]] == [s.text for s in two]
        three = more.result()
    finally:
        held.close()
    assert three[:2] == two
    assert three[2].text.startswith(text_before(two[1], 2) + chosen.text)
    assert more.snapshot().tokens == len(three[2].tokens) - 2


def test_what_cannot_be_continued_says_why(engine):
    first = write(engine, COMPLETION)
    with pytest.raises(UsageError, match="not one of the alternatives"):
        continuation(COMPLETION, first, 0, -1)
    with pytest.raises(UsageError, match="no token 99"):
        continuation(COMPLETION, first, 99, 0)
    with pytest.raises(UsageError, match="use Edit"):
        continuation(COMPLETION, Suggestion(first.parts, first.spans, first.tokens), 0, 0)
