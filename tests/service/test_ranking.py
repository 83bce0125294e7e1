"""Which candidate a person sees first, and how often each was written."""

from __future__ import annotations

import math

import pytest

from cg2magic.request import CheckResult, Request, Sampling, Suggestion, TokenLogprob
from cg2magic.service.job import Job
from cg2magic.service.manager import Manager
from cg2magic.service.ranking import merged, ranked, unmerged

PASSED, FAILED = CheckResult("passed"), CheckResult("failed", "no")


def candidate(text, logprob=-1.0, check=None, parts=("x = ",)):
    return Suggestion(parts, (text,), (TokenLogprob(1, text, logprob),), "stop", check)


def texts(suggestions):
    return [suggestion.text for suggestion in suggestions]


def test_equal_ones_are_merged_and_counted():
    found = merged([candidate(text) for text in ("1", "2", "1", "1")])
    assert [(each.text, each.count, each.drawn) for each in found] == [("1", 3, (0, 2, 3)), ("2", 1, (1,))]
    assert texts(unmerged(found)) == ["1", "2", "1", "1"]


def test_what_parses_in_its_place_comes_before_what_is_likelier():
    order = ranked([candidate("1 +", -0.1), candidate("2", -0.9), candidate("3", -0.5)], "python")
    assert texts(order) == ["3", "2", "1 +"]
    assert texts(ranked([candidate("1 +", -0.1), candidate("2", -0.9)], "ruby")) == ["1 +", "2"]


def test_what_a_server_does_not_weigh_stays_in_its_order():
    order = ranked([candidate(text, math.nan) for text in ("1", "2 +", "3", "2")], "python")
    assert texts(order) == ["1", "3", "2", "2 +"]


def test_the_text_around_the_hole_counts_too():
    parts = ("print(", ")")
    order = ranked([candidate("1)", -0.1, parts=parts), candidate("(2)", -0.9, parts=parts)], "python")
    assert texts(order) == ["(2)", "1)"]


def test_the_check_decides_first_and_empty_ones_come_last():
    drawn = [
        candidate("1", -0.1, FAILED),
        candidate("", -0.1, None),
        candidate("3", -0.9, None),
        candidate("4 +", -0.9, PASSED),
    ]
    assert texts(ranked(drawn, "python")) == ["4 +", "3", "", "1"]


@pytest.fixture
def manager():
    held = Manager()
    yield held
    held.close()


def test_greedy_candidates_are_one_and_all_of_them_are_returned(manager):
    request = Request(("import numpy as np\nx = np.",), Sampling(n=3, max_new_tokens=8))
    job = manager.submit(request, is_ranked=True)
    assert len(job.result()) == 3
    (shown,) = job.snapshot().suggestions
    assert shown.count == 3


def test_nothing_is_moved_before_all_are_written(manager):
    sampling = Sampling(n=6, max_new_tokens=12, temperature=0.9, seed=1)
    request = Request(("import numpy as np\nx = np.",), sampling)
    drawn = manager.submit(request).result()  # in the order of their seeds
    job = manager.submit(request, is_ranked=True)
    writing = []
    job.listen(lambda now: writing.append(now.suggestions) if now.state == "writing" else None)
    shown = job.result()
    assert sorted(texts(shown)) == sorted(texts(drawn))
    full = next(now for now in writing if now and all(each.finish_reason for each in now))
    assert texts(full) == texts(drawn)
    assert texts(shown) == texts(unmerged(ranked(merged(drawn), "python")))


def test_a_candidate_that_goes_on_stays_in_its_place():
    request = Request(("x = ",), Sampling(max_new_tokens=4))
    two = (candidate("1", -0.1), candidate("2", -5.0))
    job = Job(1, request, suggestions=two, place=0, is_ranked=True)
    job.wrote((candidate("1 +", -9.0),))
    job.merge()
    assert texts(job.snapshot().suggestions) == ["1 +", "2"]
