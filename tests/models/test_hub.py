"""Models come from the Hub once, and then from its cache; against a server that speaks the Hub's protocol."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants, file_download

from cg2magic.errors import LoadError
from cg2magic.models import hub
from cg2magic.models.hub import choose_files
from cg2magic.models.loading import load_model
from cg2magic.progress import LoadCancelled, Watch
from tests.checkpoints import make_config, make_weights, write_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OLD_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"


class Hub(ThreadingHTTPServer):
    """The Hub, with the models it is given.

    Attributes
    ----------
    models : dict
        The folder of each model, by its id or by ``id@revision``.
    cuts : dict
        After how many bytes the connection is cut, by the name of a file; each cut happens once.
    asked : list of str
        The paths that were asked for.
    ranges : list of str
        The parts of files that were.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.models: dict[str, Path] = {}
        self.cuts: dict[str, int] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+?)(?:/(revision|tree)/(\w+))?", path):
            repo, what, revision = found.groups()
            folder, commit = self.at(repo, revision)
            if folder is None:
                code = "RevisionNotFound" if repo in self.server.models else "RepoNotFound"
                return self.say(404, {"error": "no such model"}, {"X-Error-Code": code})
            files = sorted(path for path in folder.iterdir() if path.is_file())
            sizes = [(file.name, file.stat().st_size) for file in files]
            if what == "tree":
                tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes]
                return self.say(200, tree)
            siblings = [{"rfilename": name, "size": size} for name, size in sizes]
            return self.say(200, {"id": repo, "sha": commit, "siblings": siblings})
        if found := re.fullmatch(r"/([\w.-]+/[\w.-]+?)/resolve/(\w+)/([\w.-]+)", path):
            folder, commit = self.at(found[1], found[2])
            content = (folder / found[3]).read_bytes()
            headers = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": commit}
            return self.send_file(found[3], content, headers)
        return self.say(404, {"error": "no such page"})

    do_HEAD = do_GET  # noqa: N815 - the library names it

    def at(self, repo: str, revision: str | None) -> tuple[Path | None, str]:
        """The folder of a model at a revision, and its commit."""
        commits = {None: COMMIT, "main": COMMIT, COMMIT: COMMIT, "v1": OLD_COMMIT, OLD_COMMIT: OLD_COMMIT}
        commit = commits.get(revision, "")
        return self.server.models.get({COMMIT: repo, OLD_COMMIT: f"{repo}@v1"}.get(commit, "")), commit

    def send_file(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        if self.command == "HEAD":
            return self.say(200, content, headers)
        status = 200
        if wanted := self.headers.get("Range"):
            self.server.ranges.append(f"{name} {wanted}")
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            status, content = 206, content[first:]
        if cut := self.server.cuts.pop(name, None):
            self.say(status, content[:cut], {**headers, "Content-Length": str(len(content))})
            return self.connection.shutdown(socket.SHUT_RDWR)
        return self.say(status, content, headers)

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
        with pytest.raises(LoadError, match="not in this machine"):
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


def test_a_connection_that_is_cut_is_taken_up_where_it_was(server, tmp_path, monkeypatch):
    folder = write_checkpoint(tmp_path / "theirs")
    server.models["someone/tiny"] = folder
    size = (folder / "model.safetensors").stat().st_size
    server.cuts["model.safetensors"] = 200 * 1024
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)  # kept of what came: whole chunks
    told = []
    loaded = load_model("someone/tiny", progress=told.append)
    assert server.ranges == [f"model.safetensors bytes={200 * 1024}-"]
    assert size > 300 * 1024
    ids = torch.arange(50)[None]
    assert torch.equal(loaded.model(ids).logits, load_model(str(folder)).model(ids).logits)
    steps = [step for step in told if step.what == "downloading someone/tiny"]
    assert steps[-1].done == steps[-1].total


def test_a_model_stays_at_its_commit_until_another_revision_is_asked_for(server, tmp_path):
    config = make_config()
    new, old = make_weights(config, seed=1), make_weights(config, seed=2)
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "new", config, new)
    server.models["someone/tiny@v1"] = write_checkpoint(tmp_path / "old", config, old)
    main, pinned = load_model("someone/tiny"), load_model("someone/tiny@v1")
    assert (main.name, main.source) == ("someone/tiny", f"someone/tiny@{COMMIT[:12]}")
    assert (pinned.name, pinned.source) == ("someone/tiny@v1", f"someone/tiny@{OLD_COMMIT[:12]}")
    assert torch.equal(main.model.lm_head.weight, new["lm_head.weight"])
    assert torch.equal(pinned.model.lm_head.weight, old["lm_head.weight"])

    server.asked.clear()
    server.models["someone/tiny"] = tmp_path / "changed at the Hub"
    assert load_model("someone/tiny").source == main.source
    assert load_model(f"someone/tiny@{OLD_COMMIT}").source == pinned.source
    assert server.asked == []


def test_a_revision_that_is_not_there_is_said(server, tmp_path):
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "theirs")
    with pytest.raises(LoadError, match=r"has no revision 'v9' on the Hub; leave out @v9"):
        load_model("someone/tiny@v9")


@pytest.mark.usefixtures("server")
def test_a_model_that_the_hub_does_not_have():
    with pytest.raises(
        LoadError, match=r"the Hub has no model salesforce/codegen2-2B.*did you mean codegen2-"
    ):
        load_model("salesforce/codegen2-2B")


@pytest.mark.usefixtures("server")
def test_no_network_is_said_in_one_line_with_what_to_do(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(LoadError, match=r"could not be fetched.*without a network, load 'mini'") as caught:
        load_model("codegen2-1B")
    assert "\n" not in str(caught.value)


def test_a_model_of_the_catalog_that_the_hub_does_not_show_may_need_a_login(server):
    for name, repo in (("starcoder2-3b", "bigcode/starcoder2-3b"), ("Salesforce/codegen2-1B",) * 2):
        with pytest.raises(LoadError, match=rf"has no model {repo}, or shows .*; `hf auth login` logs in$"):
            load_model(name)
    assert server.ranges == []


def test_a_model_for_which_the_disk_has_no_room_is_not_begun(server, tmp_path, monkeypatch):
    folder = write_checkpoint(tmp_path / "theirs")
    server.models["someone/tiny"] = folder
    size = sum(path.stat().st_size for path in folder.iterdir())
    free = SimpleNamespace(free=size // 2)
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: free)
    with pytest.raises(LoadError, match=r"does not fit: the disk of .*cache has no room for .* HF_HOME"):
        load_model("someone/tiny")
    assert not any("/resolve/" in path for path in server.asked)
    free.free = size
    assert load_model("someone/tiny").groups == 8
    # What is there already needs no room again.
    free.free = 0
    hub.download("someone/tiny", Watch(), None, choose_files)


def test_a_disk_that_fills_up_while_downloading_is_said(server, tmp_path, monkeypatch):
    server.models["someone/tiny"] = write_checkpoint(tmp_path / "theirs")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(LoadError, match="has no room; free some, set HF_HOME"):
        load_model("someone/tiny")


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
