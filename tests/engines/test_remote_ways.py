"""The way to a server: keys, proxies, certificates, addresses, and answers of odd forms."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from cg2magic.engines.remote import client as remote_client
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.engines.remote.route import KEY, Route, is_loopback
from cg2magic.engines.spec import SERVERS, ModelSpec
from cg2magic.errors import Cg2Error, GenerationError, LoadError
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import manager
from tests.engines.stand_in import StandIn, begin, reply, send, stand_in, tokens

REQUEST = Request(("import numpy as np\n",), Sampling(max_new_tokens=8))
WORD = Vocabulary(FileTokenizer(MINI)).encode("x = 1")
SECRET = "sesame-1234"
#: A name that is not of this machine, and that nobody has (RFC 2606).
FAR = "http://models.invalid:8000/v1"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    for name in (KEY, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(remote_client, "_PAUSE", 0.001)
    monkeypatch.setattr(SERVERS, "timeout", 20.0)


@contextmanager
def proxy(status: int, body: str = "<h1>no way</h1>") -> Iterator[tuple[str, list]]:
    """A proxy that lets nobody through; its address, and the headers that it was sent."""
    asked: list = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(self.headers)
            reply(self, status, body)

        def do_POST(self) -> None:
            self.do_GET()

        def do_CONNECT(self) -> None:
            self.do_GET()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://me:open-sesame@127.0.0.1:{server.server_port}", asked
        server.shutdown()


def refused(url: str, **how) -> str:
    """Why a model can't be loaded; one line, in which no secret is, nor in what it was caused by."""
    with pytest.raises(LoadError) as caught:
        reach(url, **how)
    assert "\n" not in str(caught.value)
    assert "sesame" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("key", [f"{SECRET}\n", f" {SECRET}\r\n", f"\t{SECRET}"])
def test_white_space_around_a_key_is_not_part_of_it(monkeypatch, key):
    monkeypatch.setenv(KEY, key)
    sent = []

    def answer(handler, _):
        sent.append(handler.headers["Authorization"])
        begin(handler)
        send(handler, tokens(*WORD, finish="stop"), "[DONE]")

    with stand_in(answer=answer) as server:
        assert RemoteEngine(reach(server.url)).generate(REQUEST).suggestions[0].text == "x = 1"
    assert sent == [f"Bearer {SECRET}"]


@pytest.mark.parametrize(
    "key", [f"{SECRET}\nx", f"{SECRET} x", f"größer-{SECRET}", f"{SECRET}\x7f", f"{SECRET}\x1b"]
)
def test_a_key_that_is_none_is_sent_nowhere_and_shown_nowhere(monkeypatch, key):
    with stand_in() as server:
        engine = RemoteEngine(reach(server.url))
        monkeypatch.setenv(KEY, key)
        assert f"the key in {KEY} contains a character" in refused(server.url)
        with pytest.raises(GenerationError, match="contains a character") as caught:
            engine.generate(REQUEST)
        assert "sesame" not in str(caught.value)
        assert server.requests == []


def test_nothing_that_fails_below_shows_the_key(monkeypatch):
    monkeypatch.setenv(KEY, f"{SECRET}\n")
    with stand_in() as server:
        engine = RemoteEngine(reach(server.url))

        async def fail(*_: object, **__: object) -> None:
            raise RuntimeError(f"illegal header b'Bearer {SECRET}' and {SECRET!r}")

        monkeypatch.setattr(httpx.AsyncClient, "send", fail)
        with pytest.raises(GenerationError, match="illegal header") as caught:
            engine.generate(REQUEST)
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("what", ["error", "text", "event"])
def test_a_server_that_repeats_the_key_does_not_get_it_shown(monkeypatch, what):
    monkeypatch.setenv(KEY, f"{SECRET}\n")

    def answer(handler, _):
        said = handler.headers["Authorization"]
        if what == "event":
            begin(handler)
            send(handler, {"error": {"message": said}})
        else:
            reply(handler, 400, said if what == "text" else {"error": {"message": said}})

    with stand_in(answer=answer) as server, pytest.raises(GenerationError, match="Bearer …") as caught:
        RemoteEngine(reach(server.url)).generate(REQUEST)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        *(
            (host, True)
            for host in ("localhost", "LOCALHOST.", "app.localhost", "127.0.0.1", "127.8.9.1", "::1")
        ),
        *((host, True) for host in ("[::1]", "::ffff:127.0.0.1", "0.0.0.0", "127.1", "2130706433")),
        *((host, True) for host in ("ip6-localhost", "0x7f.1")),
        *((host, False) for host in ("localhost.example", "10.0.0.1", "::2", "128.0.0.1", "models.invalid")),
    ],
)
def test_which_hosts_are_this_machine(host, here):
    assert is_loopback(host) is here


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_this_machine_is_asked_without_a_proxy(monkeypatch, variable):
    monkeypatch.setenv(KEY, SECRET)
    with proxy(403) as (address, asked), stand_in() as server:
        monkeypatch.setenv(variable, address)
        assert reach(server.url).served == "mini"
        assert reach(server.url.replace("127.0.0.1", "localhost")).served == "mini"
        assert asked == []


@pytest.mark.parametrize(
    ("status", "variable"), [(403, "http_proxy"), (407, "ALL_PROXY"), (502, "http_proxy")]
)
def test_what_a_proxy_refuses_is_called_the_proxys(monkeypatch, status, variable):
    with proxy(status) as (address, asked):
        monkeypatch.setenv(variable, address)
        told = refused(FAR)
        assert f"answered {status} for models.invalid:8000" in told
        assert f"the proxy {httpx.URL(address).netloc.decode()} ({variable.lower()})" in told.replace(
            variable, variable.lower()
        )
        assert "key" not in told
        assert "NO_PROXY" in told
        assert asked


def test_what_a_proxy_refuses_on_the_way_to_an_encrypted_server_is_the_proxys(monkeypatch):
    with proxy(403) as (address, _):
        monkeypatch.setenv("https_proxy", address)
        assert "the proxy 127.0.0.1" in refused(FAR.replace("http:", "https:"))


def test_what_the_server_refuses_behind_a_proxy_is_the_servers(monkeypatch):
    with proxy(401, json.dumps({"error": {"message": "Unauthorized"}})) as (address, _):
        monkeypatch.setenv("http_proxy", address)
        told = refused(FAR)
        assert told.startswith("models.invalid:8000, or the proxy 127.0.0.1")
        assert f"denied access (401): it needs a key: put it into {KEY}" in told


def test_a_page_that_a_proxy_puts_in_the_way_is_not_called_the_servers_alone(monkeypatch):
    with proxy(200, "<h1>log in: open-sesame</h1>") as (address, _):
        monkeypatch.setenv("http_proxy", address)
        assert "or the proxy 127.0.0.1" in refused(FAR)  # nor does it show the proxy's password


@pytest.mark.parametrize(
    "address", ["socks4://127.0.0.1:9", "ftp://127.0.0.1:9", "http://host:abc", "nonsense://", "://"]
)
def test_a_proxy_that_can_not_be_used_is_one_line_and_only_where_it_is_needed(monkeypatch, address):
    monkeypatch.setenv("ALL_PROXY", address)
    assert "the proxy in ALL_PROXY" in refused(FAR)
    with stand_in() as server:
        assert reach(server.url).served == "mini"
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    assert "nothing answers at models.invalid" in refused(FAR)


@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
def test_a_socks_proxy_says_what_it_needs(monkeypatch, scheme):
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:open-sesame@127.0.0.1:9")
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    assert "pip install socksio" in refused(FAR)
    with stand_in() as server:
        assert reach(server.url).served == "mini"
    monkeypatch.setenv("NO_PROXY", ".invalid")
    assert "nothing answers at" in refused(FAR)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_gone_are_told_where_they_are_needed(monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, str(tmp_path / "gone.pem"))
    assert f"{variable} names" in refused("https://127.0.0.1:9/v1")
    with stand_in() as server:
        assert reach(server.url).served == "mini"


def test_a_file_without_certificates_is_told(monkeypatch, tmp_path):
    (tmp_path / "no.pem").write_text("nothing")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "no.pem"))
    assert "the certificates can't be loaded" in refused("https://127.0.0.1:9/v1")


def test_of_several_folders_with_certificates_one_is_enough(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", f"/gone{os.pathsep}{tmp_path}")
    assert "nothing answers" in refused("https://127.0.0.1:9/v1")


def test_no_way_is_kept_open_to_a_proxy_that_is_not_used(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Route.to(httpx.URL("http://127.0.0.1:8000/v1")).proxy is None
    assert Route.to(httpx.URL(FAR)).proxy == "http://127.0.0.1:9"
    for named in ("models.invalid:8000", ".invalid", "*.invalid", "a,*", "x, models.invalid"):
        monkeypatch.setenv("no_proxy", named)
        assert Route.to(httpx.URL(FAR)).proxy is None
    for host, direct in (("10.1.2.3", True), ("11.1.2.3", False)):
        monkeypatch.setenv("no_proxy", "10.0.0.0/8, fe80::/10")
        assert (Route.to(httpx.URL(f"http://{host}:8000/v1")).proxy is None) is direct


@pytest.mark.parametrize(
    "ending",
    ["", "/", "/v1", "/v1/", "/v1/completions", "/v1/chat/completions", "/v1/models/", "/completions"],
)
@pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
def test_the_address_may_end_before_or_behind_where_the_api_begins(scheme, ending):
    with stand_in() as server:
        address = scheme + server.url.removeprefix("http://").removesuffix("/v1") + ending
        assert ModelSpec(address).is_remote
        assert reach(address).url == server.url


def test_a_server_that_wants_a_key_is_not_asked_elsewhere():
    with stand_in(status=401) as server:
        assert "denied access (401): it needs a key" in refused(server.url.removesuffix("/v1"))


def test_a_server_without_a_model_says_so():
    with stand_in(models=[]) as server:
        assert "serves no model" in refused(server.url)


@pytest.mark.parametrize("name", ["x" * 5000, "a\ud800b", "a\0b"])
def test_odd_names_of_models_are_one_line_that_can_be_printed(name):
    with stand_in(models=[{"id": name}]) as server:
        refused(server.url).encode()


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


def test_an_api_that_begins_elsewhere_is_taken_as_it_is():
    with stand_in(base="/models-of-ours") as server:
        assert reach(server.url).url == server.url


@pytest.mark.parametrize(
    "name", ["C:\\models\\m", "C:/m", "bigcode/starcoder2", "mini", "owner/name@main", "./a:1"]
)
def test_names_and_folders_are_no_addresses(name):
    assert not ModelSpec(name).is_remote


@pytest.mark.parametrize(
    "address",
    [
        "http://me:open-sesame@host/v1", "http://me:open/sesame@host/v1", "http://me:1234/sesame@host/v1",
        "http://host/v1?key=sesame", "https://sesame@host",
    ],
)  # fmt: skip
def test_a_secret_in_an_address_is_refused_wherever_it_could_be_kept(shell, capsys, caplog, address):
    shell.run_line_magic("load_ext", "cg2magic")
    for line in (f"%cg2 load {address}", f"%config CG2.model = {address!r}"):
        shell.run_cell(line)
        # IPython logs what a trait refuses.
        assert "must not contain a key or password" in "".join((*capsys.readouterr(), caplog.text))
        caplog.clear()
    shell.run_cell(f"%%complete --model {address}\nx = 1")
    assert "must not contain a key or password" in "".join(capsys.readouterr())
    shell.run_cell("%config CG2.model")
    assert "sesame" not in "".join(capsys.readouterr())
    assert "sesame" not in repr(manager().history)


def no_tokens(_: StandIn):
    return lambda _: {"choices": [{"text": "x", "finish_reason": "length"}], "usage": None}


def only_text(state: StandIn):
    def probed(body):
        if isinstance(body["prompt"], list):
            return {"error": {"message": "prompt: a string is expected"}}
        return state.usual(body)

    return probed


@pytest.mark.parametrize(
    ("server_like", "told"), [(no_tokens, "logprobs"), (only_text, "a string is expected")]
)
def test_a_server_that_can_not_do_what_is_needed_is_refused_at_once(server_like, told):
    with stand_in() as server:
        server.probed = server_like(server)
        message = refused(server.url)
    assert told in message
    assert "vLLM and llama.cpp do" in message


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


def test_an_odd_list_of_models_is_read_or_refused_in_one_line():
    with stand_in() as server:
        for path, odd in _variants([LISTED]):
            server.models = _with([LISTED], path, odd)
            try:
                assert reach(server.url, served="mini").context > 1
            except LoadError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either is right


def test_an_odd_answer_while_loading_is_read_or_refused_in_one_line():
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
