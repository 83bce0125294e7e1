"""Answers of odd forms: read, or refused in one line."""

from __future__ import annotations

import json

import pytest

from cg2magic.engines.remote import abilities, model
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.errors import Cg2Error, GenerationError, LoadError
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.families import FORMATS
from tests.engines.stand_in import begin, send, stand_in, tokens
from tests.engines.ways import REQUEST, WORD

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.mark.parametrize(
    "told",
    [
        {"tokens": "x=", "token_logprobs": [-1.0, -1.0]},
        {"tokens": ["x", "="], "token_logprobs": [-1.0]},
        {"tokens": ["x"], "token_logprobs": [float("nan")]},
        {"tokens": ["x"], "token_logprobs": [True]},
        {"content": [{"id": 5.9, "logprob": -1.0}]},
    ],
)
def test_tokens_that_are_none_are_not_made_up(told):
    def answer(handler, _):
        begin(handler)
        send(handler, {"choices": [{"text": "x", "logprobs": told, "finish_reason": "stop"}]}, "[DONE]")

    with stand_in(answer=answer) as server, pytest.raises(GenerationError, match="an unknown form"):
        RemoteEngine(reach(server.url)).generate(REQUEST)


ODD = (None, True, 7, -1, 1.5, 10**400, "text", "", [], [1], [None], {}, {"a": 1})


def _variants(value, path=()):
    """All the ways to put something odd into one place of an answer, or to leave it out."""
    if path:
        yield from ((path, odd) for odd in ODD)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield ((*path, name), KeyError)
            yield from _variants(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from _variants(value[0], (*path, 0))


def _with(value, path, odd):
    changed = json.loads(json.dumps(value))
    at = changed
    for step in path[:-1]:
        at = at[step]
    if odd is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = odd
    return changed


LISTED = {
    "id": "mini",
    "root": "mini",
    "max_model_len": 1024,
    "meta": {"n_ctx": 512},
    "aliases": ["m"],
    "parent": None,
}


@pytest.fixture
def read_once(monkeypatch):
    """Loads that differ in what the server says, and not in the tokenizer's file, which takes the longest."""
    found = FileTokenizer(MINI), "mini"
    monkeypatch.setattr(model, "find_tokenizer", lambda *_: found)


@pytest.mark.usefixtures("read_once")
def test_an_odd_list_of_models_is_read_or_refused_in_one_line():
    with stand_in() as server:
        for path, odd in _variants([LISTED]):
            server.models = _with([LISTED], path, odd)
            try:
                assert reach(server.url, served="mini").context > 1
            except LoadError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either is right


@pytest.mark.usefixtures("read_once")
def test_an_odd_answer_while_loading_is_read_or_refused_in_one_line(monkeypatch):
    # Each format is asked for in the same way.
    monkeypatch.setattr(abilities, "FORMATS", {name: FORMATS[name] for name in ("causal", "codegen2")})
    with stand_in() as server:
        usual = server.usual({})
        for path, odd in _variants(usual):
            changed = _with(usual, path, odd)
            server.probed = lambda _, answer=changed: answer
            try:
                assert reach(server.url).served == "mini"
            except LoadError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either is right


CONTENT = {"content": [{"id": WORD[0], "logprob": -0.5, "top_logprobs": [{"id": WORD[0], "logprob": -0.5}]}]}
EVENTS = {
    "lists": tokens(*WORD, finish="stop") | {"usage": None},
    "objects": {"choices": [{"text": "x", "logprobs": CONTENT, "finish_reason": "stop"}], "usage": {"n": 1}},
}


@pytest.mark.parametrize("form", EVENTS)
def test_an_odd_event_is_read_or_told_in_one_line(form):
    event = EVENTS[form]
    with stand_in() as server:
        engine = RemoteEngine(reach(server.url))
        for path, odd in _variants(event):
            changed = _with(event, path, odd)

            def answer(handler, _, event=changed):
                begin(handler)
                send(handler, event, "[DONE]")

            server.answer = answer
            try:
                assert engine.generate(REQUEST).suggestions
            except Cg2Error as error:
                assert "\n" not in str(error)  # noqa: PT017 - either is right
