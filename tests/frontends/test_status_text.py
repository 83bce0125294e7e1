"""What a card says."""

from __future__ import annotations

import pytest

from cg2magic.frontends import status_text
from cg2magic.progress import Progress
from cg2magic.request import Request, Sampling, Seen, Suggestion, TokenLogprob
from cg2magic.service.job import Snapshot

REQUEST = Request(("x",), Sampling(max_new_tokens=8))


def at(state, **fields):
    return Snapshot(1, REQUEST, state=state, **fields)


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (at("queued"), "waiting"),
        (at("queued", position=1), "waiting for 1 request"),
        (at("queued", position=2), "waiting for 2 requests"),
        (at("loading"), "loading"),
        (at("writing"), "0 tokens"),
        (at("writing", tokens=1), "1 token"),
        (at("writing", tokens=1234, tokens_per_second=61.4), "1,234 tokens · 61 tokens/s"),
        (at("writing", tokens=20, tokens_per_second=1495.2), "20 tokens · 1,495 tokens/s"),
        (at("done", tokens=3, tokens_per_second=0.37), "3 tokens · 0.4 tokens/s"),
        (at("done"), ""),
        (at("stopped", tokens=2), "stopped · 2 tokens"),
        (at("failed"), "failed"),
        (at("failed", tokens=2), "failed · 2 tokens"),
    ],
)
def test_the_status_says_how_far_it_has_come(snapshot, said):
    assert status_text.status(snapshot) == said


@pytest.mark.parametrize(
    ("progress", "left", "said"),
    [
        (Progress(3_000_000, 28_000_000, "B", "mini"), None, "loading mini · 3 of 28 MB"),
        (Progress(1_500_000_000, 4_000_000_000, "B", "m"), 75, "loading m · 1.5 of 4.0 GB · 1 min left"),
        (Progress(1, 3, "files", "m"), 0.2, "loading m · 1 of 3 files · 1 s left"),
        (Progress(5, 900, "B", "m"), 9000, "loading m · 5 of 900 bytes · 2.5 h left"),
    ],
)
def test_loading_says_what_how_much_and_how_long(progress, left, said):
    assert status_text.loading(progress, left) == said


@pytest.mark.parametrize(
    ("reason", "tokens", "n", "said"),
    [
        ("stop", 1, 1, "mean probability 66 %"),
        ("length", 1, 1, "mean probability 66 % · cut at 8 tokens"),
        ("cancelled", 1, 1, "mean probability 66 %"),
        ("cancelled", 1, 2, "mean probability 66 % · stopped"),
        ("stop", 0, 1, "nothing written"),
        (None, 0, 1, ""),
    ],
)
def test_the_verdict_says_how_likely_it_was_and_why_it_ended(reason, tokens, n, said):
    suggestion = Suggestion(("x",), ("y",), (TokenLogprob(1, "y", -0.42),) * tokens, reason)
    assert status_text.verdict(at("done", suggestions=(suggestion,) * n), 0) == said


def test_only_a_certain_token_gets_100_percent():
    suggestion = Suggestion(("x",), ("y",), (TokenLogprob(1, "y", -0.001),), "stop")
    assert status_text.verdict(at("done", suggestions=(suggestion,)), 0) == "mean probability 99.9 %"


def test_the_notes_stand_beside_the_number_of_candidates():
    request = Request(("x",), Sampling(n=3))
    assert (
        status_text.about(Snapshot(1, request, notes=("4 cells", "2 variables")))
        == "3 candidates · 4 cells · 2 variables"
    )
    assert status_text.about(Snapshot(1, REQUEST)) == ""


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, ""),
        (Seen("print("), ""),
        (Seen("…", 1, 1, 12), "1 cell, 1 variable, 12 tokens"),
        (Seen("…", 4, 0, 1812), "4 cells, 1,812 tokens"),
    ],
)
def test_the_context_is_told_by_its_numbers(seen, said):
    assert status_text.context(at("done", seen=seen)) == said
    assert said in status_text.about(at("done", seen=seen, notes=("cut",)))
