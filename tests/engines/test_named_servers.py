"""Servers by name: the person's own, and Ollama and LM Studio on this machine, which stand-ins play here."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from traitlets import TraitError
from traitlets.config import Config as Settings

from cg2magic.engines import servers
from cg2magic.engines.remote.model import reach
from cg2magic.engines.remote.nearby import running
from cg2magic.engines.servers import LOCAL, SERVERS, find_server, server_of
from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import LoadError, UsageError
from cg2magic.service.manager import Manager, manager
from tests.engines.documented import documented
from tests.engines.stand_in import stand_in

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.fixture
def local_servers(monkeypatch):
    """Ollama and LM Studio, on other ports than their own."""
    with (
        documented("ollama", model="qwen2.5-coder:1.5b") as ollama,
        documented("lmstudio", model="qwen") as studio,
    ):
        for name, server in (("ollama", ollama), ("lmstudio", studio)):
            monkeypatch.setitem(servers.LOCAL, name, replace(LOCAL[name], url=server.url))
        yield ollama, studio


@pytest.fixture
def nobody(monkeypatch):
    """Ports at which nobody listens."""
    for name in LOCAL:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        monkeypatch.setitem(servers.LOCAL, name, replace(LOCAL[name], url=url))


def test_ollama_and_lm_studio_are_where_their_documentation_says():
    assert {name: server.url for name, server in LOCAL.items()} == {
        "ollama": "http://localhost:11434/v1",
        "lmstudio": "http://localhost:1234/v1",
    }


@pytest.mark.parametrize("name", ["ollama", "ollama/qwen2.5-coder:1.5b", "lmstudio", "lmstudio/qwen"])
def test_they_are_loaded_by_their_names_and_those_of_their_models(local_servers, name, shell, capsys):
    del local_servers
    shell.run_line_magic("load_ext", "cg2magic")
    capsys.readouterr()
    shell.run_line_magic("cg2", f"load {name}")
    shown = capsys.readouterr().out
    assert "qwen" in shown
    assert "prompts: text, since the tokenizer of" in shown
    assert manager().status().model.served.startswith("qwen")
    shell.run_cell_magic("complete", f"-m 4 -o done --model {name}", "y = ")
    assert shell.user_ns["done"][0].text == "x"
    shell.run_line_magic("cg2", "status")
    assert "holes: with the special tokens of qwen2.5-coder" in capsys.readouterr().out


def test_a_file_in_ollama_s_store_is_another_thing_than_its_server():
    assert ModelSpec("ollama/qwen2.5-coder:1.5b").is_remote
    assert not ModelSpec("ollama:qwen2.5-coder:1.5b").is_remote
    assert not ModelSpec("./ollama").is_remote


@pytest.mark.usefixtures("nobody")
def test_a_server_that_does_not_run_says_what_to_try():
    with pytest.raises(
        LoadError, match=r"Ollama does not run at .* start its server; without one, `ollama:NAME`"
    ):
        Manager().load("ollama/qwen")


def test_those_that_run_are_named_with_their_models(local_servers):
    del local_servers
    assert running() == (
        "Ollama runs here: `%cg2 load ollama/qwen2.5-coder:1.5b`",
        "LM Studio runs here: `%cg2 load lmstudio/qwen`",
    )


def test_load_without_a_name_names_them(local_servers, shell, capsys, monkeypatch):
    ollama, _ = local_servers
    monkeypatch.setenv("CG2MAGIC_API_KEY", "sesame-1234")
    shell.run_line_magic("load_ext", "cg2magic")
    shell.run_line_magic("cg2", "load")
    assert "Ollama runs here: `%cg2 load ollama/" in capsys.readouterr().out
    assert "Authorization" not in ollama.headers[-1]


@pytest.mark.usefixtures("nobody")
def test_those_that_do_not_run_are_not_named():
    assert running() == ()


def test_a_server_of_one_s_own_has_a_key_headers_and_a_model(shell, monkeypatch, capsys):
    monkeypatch.setenv("OUR_KEY", "sesame-1234")
    monkeypatch.setenv("OUR_TEAM", "sesame-red")
    with documented("mistral", model="codestral", key="sesame-1234") as server:
        shell.run_line_magic("load_ext", "cg2magic")
        ours = {
            "url": server.url,
            "key": "OUR_KEY",
            "headers": {"X-Token": "$OUR_TEAM", "X-From": "a notebook"},
        }
        monkeypatch.setattr(SERVERS, "named", {})
        shell.run_cell(f"%config CG2.servers = {{'ours': {ours!r}}}")
        for line in ("%cg2 load ours/codestral", "%cg2 status", "%config CG2.servers"):
            shell.run_cell(line)
        shown = "".join(capsys.readouterr())
        assert "served as codestral" in shown
        assert "sesame" not in shown
        model = manager().status().model
        assert "sesame" not in repr([model, vars(model.client), vars(model.client)["_route"]])
        sent = server.headers[-1]
        assert (sent["X-Token"], sent["X-From"]) == ("sesame-red", "a notebook")
        monkeypatch.delenv("OUR_TEAM")
        shell.run_cell("%cg2 unload\n%cg2 load ours")
        assert "the environment variable OUR_TEAM, which the server's headers name, is not set" in "".join(
            capsys.readouterr()
        )


def test_several_servers_can_be_named_in_a_file(monkeypatch, shell):
    monkeypatch.setattr(SERVERS, "named", {})
    with stand_in() as one, stand_in(models=[{"id": "mini"}, {"id": "other"}]) as two:
        urls = {"one": {"url": one.url}, "two": {"url": two.url, "model": "mini", "timeout": 7}}
        shell.config.merge(Settings({"CG2": {"servers": urls}}))
        shell.run_line_magic("load_ext", "cg2magic")
        assert set(SERVERS.named) == {"one", "two"}
        found, model = find_server("two")
        reached = reach(found.url, served=model, server=found)
        assert (reached.served, reached.client.timeout.read) == ("mini", 7)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "needs a url"),
        ({"url": "http://h/v1", "colour": "red"}, "no setting 'colour'; a server has url, model"),
        ({"url": "http://me:sesame@h/v1"}, "must not contain a key"),
        ({"url": "http://h/v1", "key": "sesame-1234"}, "must be the name of an environment variable"),
        ({"url": "http://h/v1", "headers": {"Authorization": "Bearer sesame"}}, "must name an environment"),
        ({"url": "http://h/v1", "headers": {"X-API-Key": "sesame"}}, "must name an environment"),
    ],
)
def test_settings_that_are_wrong_or_hold_a_secret_are_refused(settings, told):
    with pytest.raises(UsageError, match=told) as caught:
        server_of("ours", settings)
    assert "sesame" not in str(caught.value)


def test_the_trait_refuses_what_is_no_server(shell):
    shell.run_line_magic("load_ext", "cg2magic")
    config = next(c for c in shell.configurables if type(c).__name__ == "CG2")
    with pytest.raises(TraitError, match="needs a url"):
        config.servers = {"ours": {"model": "x"}}
