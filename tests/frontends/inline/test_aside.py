"""Requests that nobody waits for: they give way to all others, and load nothing."""

from __future__ import annotations

import threading

import pytest

from cg2magic.frontends.inline.ask import Ask
from cg2magic.frontends.inline.pause import Pause
from cg2magic.frontends.inline.writer import Writer
from cg2magic.service.manager import Manager
from tests.endless import GROUPS
from tests.service.test_manager import LONG, SHORT, until_writing


@pytest.fixture(scope="module")
def manager():
    manager = Manager()
    manager.load("mini")
    yield manager
    manager.close()


@pytest.fixture
def writing(manager, endless):
    manager.load(endless, groups=GROUPS)
    yield manager
    manager.load("mini")


def test_it_is_answered_by_the_resident_model_and_in_no_history(manager):
    before = len(manager.history)
    assert manager.aside(SHORT).result()[0].tokens
    assert len(manager.history) == before


def test_it_loads_no_model():
    manager = Manager()
    assert manager.aside(SHORT) is None
    assert manager.status().model is None


def test_the_newer_one_takes_the_place_of_the_older(writing):
    first = writing.aside(LONG)
    until_writing(first)
    second, third = writing.aside(LONG), writing.aside(SHORT)
    assert third.result()
    assert first.snapshot().state == second.snapshot().state == "stopped"


def test_what_somebody_waits_for_goes_first(writing):
    aside = writing.aside(LONG)
    until_writing(aside)
    assert writing.submit(SHORT).result()
    assert aside.snapshot().state == "stopped"
    aside = writing.aside(LONG)
    until_writing(aside)
    assert writing.score("x = 1\n").tokens
    assert aside.snapshot().state == "stopped"


def test_it_does_not_wait_behind_what_somebody_waits_for(writing):
    job = writing.submit(LONG)
    until_writing(job)
    assert writing.aside(SHORT) is None
    job.cancel()
    job.wait()


class Page:
    """What a page is told; the end comes on the worker's thread, which may be later than the job's."""

    def __init__(self):
        self.told = []
        self.ended = threading.Event()

    def hear(self, answer):
        self.told.append(answer)
        if answer["done"]:
            self.ended.set()


def answers(writing, ask, floor=0.0):
    """Ask, and give all that the page is told."""
    page = Page()
    Writer(writing, page.hear, Pause(lambda: None)).answer(ask, ask.request, floor)
    assert page.ended.wait(60)
    return page.told


def test_an_answer_grows_until_it_is_done(manager):
    told = answers(manager, Ask("7", "class Point:\n    def __init__(self, x, y):\n        ", "", {}))
    assert {answer["id"] for answer in told} == {"7"}
    assert [answer["done"] for answer in told] == [False] * (len(told) - 1) + [True]
    assert len(told) > 2
    texts = [answer["texts"][0] for answer in told]
    assert texts[-1].startswith(texts[0])


def test_what_is_asked_by_hand_has_several_candidates(manager):
    ask = Ask("7", "import numpy as np\nx = ", "", {}, candidates=3, by_hand=True)
    told = answers(manager, ask, floor=1.0)
    assert len(told[-1]["texts"]) == 3
    assert all(told[-1]["texts"])  # whatever the floor is


def test_the_model_does_not_write_what_would_not_be_shown(manager):
    asked = []
    aside = manager.aside
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager, "aside", lambda request: asked.append(aside(request)) or asked[-1])
        (told,) = answers(manager, Ask("7", "import numpy as np\nx = ", "", {}), floor=1.0)
    assert told["done"]
    assert asked[0].wait(30)
    assert asked[0].snapshot().state == "stopped"
    assert asked[0].snapshot().tokens < 8


def test_nothing_is_no_failure_to_somebody_who_types_and_the_model_is_not_asked_again():
    assert Ask("7", "x = 1\n", "", {}).request.may_be_empty
    assert not Ask("7", "x = 1\n", "", {}, by_hand=True).request.may_be_empty
    assert not Ask("7", "if x:\n    ", "", {}).request.may_be_empty


def test_a_floor_that_nothing_reaches_leaves_an_empty_answer(manager):
    told = answers(manager, Ask("7", "x = ", "", {}), floor=1.0)
    assert [answer["done"] for answer in told] == [True]
    assert told[0]["texts"] == [""]


def test_while_somebody_waits_for_the_model_the_answer_is_empty_at_once(writing):
    job = writing.submit(LONG)
    until_writing(job)
    assert answers(writing, Ask("7", "x = ", "", {})) == [{"id": "7", "texts": [], "done": True, "error": ""}]
    assert job.snapshot().state == "writing"
    job.cancel()
    job.wait()


def test_a_cancelled_question_ends_and_another_is_not_touched(writing):
    page = Page()
    writer = Writer(writing, page.hear, Pause(lambda: None))
    ask = Ask("8", "def f(", "", {})
    writer.answer(ask, LONG, 0.0)
    job = writer._job
    until_writing(job)
    writer.cancel("another")
    assert not job.cancelled.is_set()
    writer.cancel("8")
    assert page.ended.wait(60)
    assert job.snapshot().state == "stopped"
