"""Several candidates in one request, where a server has ``n``."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.errors import GenerationError
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.request import Request, Sampling
from tests.engines.stand_in import begin, reply, send, stand_in, tokens

pytestmark = pytest.mark.usefixtures("own_environment")

DRAWN = Sampling(n=3, max_new_tokens=4, temperature=1.0)
REQUEST = Request(("x = 1\n",), DRAWN)
NAMES = "alpha", "beta", "gamma"


def ids(text):
    return FileTokenizer(MINI).encode(text, add_special_tokens=False)


def word(index, finish="stop"):
    return tokens(*ids(f"{NAMES[index]} = 1"), finish=finish, index=index)


def numbers(server):
    """The `n` of each request."""
    return [body.get("n", 1) for body in server.requests]


def texts(written):
    return [suggestion.text for suggestion in written.suggestions]


def all_at_once(handler, body):
    """Answer with as many texts as are asked for, a word each, the last one first."""
    begin(handler)
    send(handler, *(word(index) for index in reversed(range(body.get("n", 1)))), "[DONE]")


@pytest.fixture
def server():
    with stand_in(many=True, answer=all_at_once) as server:
        yield server


@pytest.fixture
def engine(server):
    return RemoteEngine(reach(server.url))


def test_what_a_server_can_do_says_whether_it_takes_n(engine, server):
    assert engine.loaded.abilities.lines[-1] == "candidates: several in one request, unless they have a seed"
    server.many = False
    assert reach(server.url).abilities.lines[-1] == "candidates: a request for each"


def test_candidates_come_in_one_request_each_with_its_own_text(engine, server):
    assert texts(engine.generate(REQUEST)) == ["alpha = 1", "beta = 1", "gamma = 1"]
    assert numbers(server) == [3]


@pytest.mark.parametrize("sampling", [replace(DRAWN, seed=1), replace(DRAWN, temperature=0.0)])
def test_with_a_seed_or_without_chance_each_has_its_own_request(engine, server, sampling):
    engine.generate(Request(("x = 1\n",), sampling))
    assert numbers(server) == [1, 1, 1]


def test_a_number_that_is_refused_is_asked_for_one_by_one(engine, server):
    def answer(handler, body):
        if "n" in body:
            reply(handler, 400, {"error": {"message": "n is at most 2"}})
        else:
            all_at_once(handler, body)

    server.answer = answer
    assert texts(engine.generate(REQUEST)) == ["alpha = 1"] * 3
    assert sorted(numbers(server)) == [1, 1, 1, 3]


def test_what_a_stream_does_not_have_is_asked_for_alone(engine, server):
    def answer(handler, body):
        begin(handler)
        send(handler, word(1 if "n" in body else 0), "[DONE]")

    server.answer = answer
    assert texts(engine.generate(REQUEST)) == ["alpha = 1", "beta = 1", "alpha = 1"]
    assert sorted(numbers(server)) == [1, 1, 3]


def test_a_refusal_for_another_reason_is_said_once(engine, server):
    server.answer = lambda handler, _: reply(handler, 401, "")
    with pytest.raises(GenerationError, match="needs a key"):
        engine.generate(REQUEST)
    assert numbers(server) == [3]


def test_a_server_that_dies_leaves_what_each_had(engine, server):
    def answer(handler, body):
        begin(handler)
        send(handler, *(word(index, finish=None) for index in range(body.get("n", 1))))

    server.answer = answer
    written = engine.generate(REQUEST)
    assert texts(written) == ["alpha = 1", "beta = 1", "gamma = 1"]
    assert "broke off" in written.notes[0]


def test_the_request_ends_with_the_last_candidate(engine, server):
    closed = threading.Event()

    def answer(handler, _):
        begin(handler)
        send(handler, *(tokens(*ids(f"{name}\n\n\n"), index=i) for i, name in enumerate(NAMES)))
        # Until nobody reads any more; what a system holds for a connection is less than this.
        try:
            for _ in range(100_000):
                send(handler, "{}" + " " * 1000)
        except OSError:
            closed.set()

    server.answer = answer
    stops = replace(REQUEST, sampling=replace(DRAWN, stop=("\n\n",)))
    assert texts(engine.generate(stops)) == list(NAMES)
    assert closed.wait(20)
    assert numbers(server) == [3]
