"""Several holes for a model that fills one at a time, with a writer that says what it was asked."""

from __future__ import annotations

import pytest

from cg2magic.engines.one_by_one import one_by_one
from cg2magic.engines.written import Written
from cg2magic.request import Request, Sampling, Seen, Suggestion, TokenLogprob

PARTS = ("a = ", "\nb = ", "\nc = ", "\n")


class Writer:
    """Fills a hole with its number; `reasons` says how each ends."""

    def __init__(self, *reasons):
        self.reasons = list(reasons)
        self.asked = []
        self.seeds = []

    def __call__(self, request, report, cancelled):
        del cancelled
        self.asked.append(request.parts)
        self.seeds.append(request.sampling.seed)
        text = str(len(self.asked))
        reason = self.reasons.pop(0) if self.reasons else "stop"
        fill = Suggestion(request.parts, (text,), (TokenLogprob(1, text, -1.0),), reason)
        report((Suggestion(request.parts, ("",)),))
        report((fill,))
        return Written((fill,), Seen(text, 0, 0, 0), (f"note {text}", "again"))


def never():
    return False


def test_each_hole_sees_the_fills_before_it_and_no_other_hole():
    writer, told = Writer(), []
    written = one_by_one(Request(PARTS), writer, told.append, never)
    assert writer.asked == [
        ("a = ", "\nb = \nc = \n"),
        ("a = 1\nb = ", "\nc = \n"),
        ("a = 1\nb = 2\nc = ", "\n"),
    ]
    (one,) = written.suggestions
    assert one.spans == ("1", "2", "3")
    assert one.code == "a = 1\nb = 2\nc = 3\n"
    assert [token.text for token in one.tokens] == ["1", "2", "3"]
    assert (one.finish_reason, one.places) == ("stop", ())
    assert written.notes == ("note 1", "again", "note 2", "note 3")
    assert [now[0].spans for now in told] == [
        ("",), ("1",), ("1", ""), ("1", "2"), ("1", "2", ""), ("1", "2", "3"),
    ]  # fmt: skip
    assert {now[0].finish_reason for now in told} == {None}


@pytest.mark.parametrize(
    ("reasons", "spans", "reason"),
    [
        (["length", "stop", "stop"], ("1", "2", "3"), "length"),
        (["stop", "cancelled"], ("1", "2", ""), "cancelled"),
    ],
)
def test_how_it_ended(reasons, spans, reason):
    (one,) = one_by_one(Request(PARTS), Writer(*reasons), lambda _: None, never).suggestions
    assert (one.spans, one.finish_reason) == (spans, reason)


def test_candidates_are_written_one_after_the_other_with_seeds_of_their_own():
    writer, told = Writer(), []
    request = Request(PARTS[:3], Sampling(n=3, temperature=0.5, seed=7))
    written = one_by_one(request, writer, told.append, never)
    assert [one.spans for one in written.suggestions] == [("1", "2"), ("3", "4"), ("5", "6")]
    assert writer.seeds == [7, 7, 8, 8, 9, 9]
    assert all(len(now) == 3 for now in told)


def test_greedy_candidates_are_the_same_and_written_once():
    writer = Writer()
    written = one_by_one(Request(PARTS[:3], Sampling(n=3)), writer, lambda _: None, never)
    assert [one.spans for one in written.suggestions] == 3 * [("1", "2")]
    assert len(writer.asked) == 2
