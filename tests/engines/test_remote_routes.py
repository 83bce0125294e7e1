"""The way to a server: proxies, certificates, and which hosts are this machine."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from cg2magic.engines.remote.model import reach
from cg2magic.engines.remote.route import Route, is_loopback
from cg2magic.engines.servers import KEY
from tests.engines.stand_in import reply, stand_in
from tests.engines.ways import FAR, SECRET, refused

pytestmark = pytest.mark.usefixtures("own_environment")


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
