"""The embedded model, exported, and served by servers that no one here wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.remote import patience
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.engines.servers import KEY, SERVERS
from cg2magic.models.export import export
from tests import servers
from tests.servers import Served


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mini for other programs, in float32, with a GGUF."""
    folder = tmp_path_factory.mktemp("exported") / "mini"
    export("mini", folder, precision="fp32", gguf=True)
    return folder


@pytest.fixture(scope="session")
def server(exported, tmp_path_factory) -> Iterator[Served]:
    """A real server with mini: llama.cpp's, or vLLM where there is an environment with it."""
    if servers.VLLM in os.environ:
        with servers.vllm(exported, tmp_path_factory.mktemp("vllm") / "log.txt") as served:
            yield served
    else:
        with servers.llama_cpp(exported / "model.gguf") as served:
            yield served


@pytest.fixture
def remote(server) -> RemoteEngine:
    """The engine on a real server."""
    return RemoteEngine(reach(server.url))


@pytest.fixture(scope="session")
def local(mini) -> LocalEngine:
    """The same model in this process."""
    return LocalEngine(mini)


@pytest.fixture
def own_environment(monkeypatch):
    """No proxies, certificates and keys but those of the test, and no patience."""
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    for name in (KEY, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(patience, "_PAUSE", 0.001)
    monkeypatch.setattr(SERVERS, "timeout", 20.0)
