"""Models come from the Hub once, and then from its cache; against a server that speaks the Hub's protocol."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants, file_download

from cg2magic.errors import LoadError
from cg2magic.models import hub
from cg2magic.models.hub import choose_files
from cg2magic.models.loading import load_model
from cg2magic.models.watch import LoadCancelled
from tests.checkpoints import write_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """The Hub, with the models it is given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.models: dict[str, Path] = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+?)(/revision/\w+|/tree/\w+)?", path):
            repo, what = found.groups()
            files = self.files(repo)
            if files is None:
                return self.say(401, {"error": "no such model"}, {"X-Error-Code": "RepoNotFound"})
            sizes = [(file.name, file.stat().st_size) for file in files]
            if what and what.startswith("/tree"):
                tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes]
                return self.say(200, tree)
            siblings = [{"rfilename": name, "size": size} for name, size in sizes]
            return self.say(200, {"id": repo, "sha": COMMIT, "siblings": siblings})
        if found := re.fullmatch(r"/([\w.-]+/[\w.-]+?)/resolve/\w+/([\w.-]+)", path):
            file = self.server.models[found[1]] / found[2]
            etag = hashlib.sha1(file.read_bytes()).hexdigest()
            return self.say(200, file.read_bytes(), {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        return self.say(404, {"error": "no such page"})

    do_HEAD = do_GET  # noqa: N815 - the library names it

    def files(self, repo: str) -> list[Path] | None:
        folder = self.server.models.get(repo)
        return folder and sorted(path for path in folder.iterdir() if path.is_file())

    def say(self, status: int, body: bytes | dict | list, headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(monkeypatch, tmp_path) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
    for module in (constants, file_download):  # where older versions of the library keep it
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("file_format", ["safetensors", "bin"])
@pytest.mark.parametrize("shards", [1, 2])
def test_a_model_is_fetched_with_what_it_needs_and_once(server, tmp_path, file_format, shards):
    folder = write_checkpoint(tmp_path / "theirs", file_format=file_format, shards=shards)
    (folder / "tf_model.h5").write_bytes(b"not wanted")
    (folder / "other.bin").write_bytes(b"not wanted")
    server.models["someone/tiny"] = folder
    told = []
    loaded = load_model("someone/tiny", progress=told.append)
    ids = torch.arange(50)[None]
    assert torch.equal(loaded.model(ids).logits, load_model(str(folder)).model(ids).logits)
    assert loaded.name == "someone/tiny"
    assert loaded.source == f"someone/tiny@{COMMIT[:12]}"
    assert loaded.groups == 8  # by the text of the code that was fetched to be read
    assert not any(
        wanted in path for path in server.asked for wanted in ("tf_model", "other.bin", "configuration_")
    )

    steps = [step for step in told if step.what == "downloading someone/tiny"]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert {step.total for step in steps} == {steps[-1].done}
    assert steps[-1].done > loaded.memory * 0.9

    server.asked.clear()
    load_model("someone/tiny")
    assert server.asked == []


def test_a_name_of_the_catalog_is_fetched_by_its_id(server, tmp_path):
    server.models["Salesforce/codegen2-7B"] = write_checkpoint(tmp_path / "theirs", declared=None)
    loaded = load_model("CodeGen2-7b")
    assert loaded.name == "codegen2-7B"
    assert loaded.source.startswith("Salesforce/codegen2-7B@")
    assert loaded.groups == 4  # by the catalog
    assert load_model("codegen2-7B", groups=8).groups == 8


def test_safetensors_are_preferred_where_there_are_both(server, tmp_path):
    folder = write_checkpoint(tmp_path / "theirs")
    write_checkpoint(folder, file_format="bin")
    server.models["someone/both"] = folder
    load_model("someone/both")
    assert not any(".bin" in path for path in server.asked)


def test_what_is_in_the_cache_loads_without_a_network(server, tmp_path, monkeypatch):
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "theirs")
    load_model("someone/tiny")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load_model("someone/tiny").groups == 8


def test_half_a_model_in_the_cache_is_completed(server, tmp_path, monkeypatch):
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "theirs", shards=2)
    load_model("someone/tiny")
    for missing in ("model-00002-of-00002.safetensors", "tokenizer.json"):
        snapshot = next((tmp_path / "cache").glob(f"*/snapshots/*/{missing}"))
        snapshot.resolve().unlink()
        snapshot.unlink()
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(LoadError, match="not in the cache"):
            load_model("someone/tiny")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        server.asked.clear()
        assert load_model("someone/tiny").groups == 8
        fetched = {path.rpartition("/")[2] for path in server.asked if "/resolve/" in path}
        assert fetched == {missing}


def test_a_download_can_be_cancelled(server, tmp_path):
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "theirs")
    told = []
    with pytest.raises(LoadCancelled):
        load_model("someone/tiny", progress=told.append, cancelled=lambda: bool(told))
    assert {step.what for step in told} == {"downloading someone/tiny"}
    assert load_model("someone/tiny").groups == 8


@pytest.mark.usefixtures("server")
def test_a_model_that_the_hub_does_not_have():
    with pytest.raises(
        LoadError, match=r"the Hub has no model salesforce/codegen2-2B.*did you mean codegen2-"
    ):
        load_model("salesforce/codegen2-2B")


@pytest.mark.usefixtures("server")
def test_no_network_is_said_in_one_line_with_what_to_do(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(LoadError, match=r"could not be fetched.*with no network, load 'mini'") as caught:
        load_model("codegen2-1B")
    assert "\n" not in str(caught.value)


def test_offline_is_respected_however_it_is_said(server, monkeypatch):
    assert not hub.is_offline()
    for said in ("1", "true", "ON"):
        monkeypatch.setenv("HF_HUB_OFFLINE", said)
        with pytest.raises(LoadError, match="HF_HUB_OFFLINE forbids the network"):
            load_model("codegen2-1B")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="HF_HUB_OFFLINE forbids the network"):
        load_model("codegen2-1B")
    assert server.asked == []


def test_only_one_form_of_the_weights_is_chosen():
    names = [
        "config.json",
        "merges.txt",
        "README.md",
        "modeling_codegen.py",
        "configuration_codegen.py",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.fp16.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "onnx/model.safetensors",
        "training_args.bin",
    ]
    chosen = {
        "config.json",
        "merges.txt",
        "modeling_codegen.py",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    }
    assert set(choose_files(names)) == chosen
    only_bin = [name for name in names if "safetensors" not in name]
    assert set(choose_files(only_bin)) == {
        "config.json",
        "merges.txt",
        "modeling_codegen.py",
        "pytorch_model.bin",
    }
