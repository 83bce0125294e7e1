"""Keys for servers: read from the environment, sent where they belong, and never shown."""

from __future__ import annotations

import httpx
import pytest

from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.engines.servers import KEY
from cg2magic.errors import GenerationError
from cg2magic.service.manager import manager
from tests.engines.stand_in import begin, reply, send, stand_in, tokens
from tests.engines.ways import REQUEST, SECRET, WORD, refused

pytestmark = pytest.mark.usefixtures("own_environment")


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


def test_a_server_that_wants_a_key_is_not_asked_elsewhere():
    with stand_in(status=401) as server:
        assert "denied access (401): it needs a key" in refused(server.url.removesuffix("/v1"))


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
