"""Streams that end well or not, and what is learned from a refusal."""

from __future__ import annotations

import json
import threading

import pytest

from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.engines.servers import SERVERS
from cg2magic.errors import GenerationError
from cg2magic.request import Request, Sampling
from tests.engines.stand_in import begin, reply, send, stand_in, tokens
from tests.engines.ways import REQUEST, WORD

pytestmark = pytest.mark.usefixtures("own_environment")


def streamed(raw: str) -> str:
    def answer(handler, _):
        begin(handler)
        handler.wfile.write(raw.encode())

    with stand_in(answer=answer) as server:
        written = RemoteEngine(reach(server.url)).generate(REQUEST)
    assert written.notes == ()
    return written.suggestions[0].text


WHOLE = json.dumps(tokens(*WORD, finish="stop"))
PART, REST = json.dumps(tokens(*WORD[:1])), json.dumps(tokens(*WORD[1:], finish="stop"))


@pytest.mark.parametrize(
    "raw",
    [
        f"data: {WHOLE}\n\n",  # no [DONE]
        f"data: {WHOLE}",  # not even the line's end
        f"data:{WHOLE}\r\n\r\ndata:[DONE]\r\n\r\n",
        f"\ufeffdata: {WHOLE}\n\ndata: [DONE]\n\n",
        f": hello\n\nevent: x\nid: 1\ndata: {PART}\n\n: still here\n\ndata: {REST}\n\n",
        f"data: {PART}\ndata: {REST}\n",  # no blank lines
        "data: " + WHOLE.replace(", ", ",\ndata: ") + "\n\n",  # one event over lines
        f"data: {WHOLE.replace(chr(34) + 'x' + chr(34), chr(34) + chr(0x2028) + chr(34))}\n\n",
    ],
)
def test_a_stream_that_says_why_it_ends_has_ended_well(raw):
    assert streamed(raw) == "x = 1"


def test_a_stream_that_has_said_why_it_ends_is_not_waited_for():
    def answer(handler, _):
        begin(handler)
        send(handler, tokens(*WORD, finish="stop"))
        server.over.wait()  # the connection stays open

    with stand_in(answer=answer) as server:
        assert RemoteEngine(reach(server.url)).generate(REQUEST).suggestions[0].text == "x = 1"


def test_a_web_page_instead_of_a_stream_is_said():
    def answer(handler, _):
        reply(handler, 200, "<html>log in</html>", Content_Type="text/html; charset=utf-8")

    with stand_in(answer=answer) as server, pytest.raises(GenerationError, match="a web page instead"):
        RemoteEngine(reach(server.url)).generate(REQUEST)


def test_a_stream_that_ends_without_a_reason_broke_off():
    def answer(handler, _):
        begin(handler)
        handler.wfile.write(f"data: {PART}\n\n".encode())

    with stand_in(answer=answer) as server:
        written = RemoteEngine(reach(server.url)).generate(REQUEST)
    assert "broke off" in written.notes[0]


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the context",
                "n_prompt_tokens": 400,
                "n_ctx": 64,
            }
        },
        {"message": "This model's maximum context length is 64 tokens. However, you requested 99 tokens."},
        {"error": "the request exceeds the available context size (64 tokens), try increasing it"},
        {"error": {"message": "Requested tokens (99) exceed context window of 64"}},
        {"error": {"message": "prompt and answer exceed the maximum model length of 64"}},
    ],
)
def test_the_room_that_a_server_tells_only_when_it_is_exceeded_is_learned(body):
    def answer(handler, asked):
        if len(asked["prompt"]) + asked["max_tokens"] > 64:
            reply(handler, 400, body)
        else:
            begin(handler)
            send(handler, tokens(*WORD, finish="stop"), "[DONE]")

    request = Request(("x = 1\n" * 60,), Sampling(max_new_tokens=8))
    with stand_in(answer=answer) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.context > 64
        written = engine.generate(request)
        assert written.suggestions[0].text == "x = 1"
        assert "prompt cut" in written.notes[0]
        assert engine.loaded.context == 64
        engine.generate(request)
    assert len(server.requests) == 3  # it is not asked for too much twice


def test_a_server_that_tells_less_each_time_is_not_believed_for_ever():
    def answer(handler, asked):
        del asked
        reply(handler, 400, {"error": {"message": "too long", "n_ctx": 900 - len(server.requests)}})

    with stand_in(answer=answer) as server:
        with pytest.raises(GenerationError, match="too long"):
            RemoteEngine(reach(server.url)).generate(REQUEST)
        assert len(server.requests) == 3


def test_a_server_that_takes_nothing_is_asked_no_second_time():
    body = {"error": {"message": "too long", "n_ctx": 4096}}
    with stand_in(answer=lambda handler, _: reply(handler, 400, body)) as server:
        with pytest.raises(GenerationError, match="too long"):
            RemoteEngine(reach(server.url)).generate(REQUEST)
        assert len(server.requests) == 1


def test_how_long_a_server_may_be_silent_is_configured_for_the_one_that_is_loaded_too(shell, monkeypatch):
    silent = threading.Event()
    monkeypatch.setattr(SERVERS, "timeout", SERVERS.timeout)

    def answer(handler, _):
        begin(handler)
        silent.wait(20)

    with stand_in(answer=answer) as server:
        engine = RemoteEngine(reach(server.url))
        shell.run_line_magic("load_ext", "cg2magic")
        shell.run_line_magic("config", "CG2.server_timeout = 0.3")
        with pytest.raises(GenerationError, match=r"was silent for 0\.3 s.*CG2\.server_timeout = "):
            engine.generate(REQUEST)
        silent.set()
