"""A real server that takes only text: what it could do besides is kept from those who ask it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.engines.stand_in import reply


@dataclass
class TextOnly:
    """The way to it.

    Attributes
    ----------
    paths, counts, weighs
        As in `text_only`.
    root : str
        Where the real one is.
    url : str
    requests : list of tuple
        Paths and bodies of what was streamed.
    """

    paths: tuple[str, ...]
    counts: bool
    weighs: bool
    root: str
    url: str = ""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def text_only(
    server: str,
    *,
    paths: tuple[str, ...] = ("/v1/completions",),
    counts: bool = True,
    weighs: bool = False,
) -> Iterator[TextOnly]:
    """Pass requests on to a server, as a rule without log-probabilities, and refuse token ids.

    Parameters
    ----------
    server : str
        Its base URL.
    paths : tuple of str
        The calls that are passed on.
    counts : bool
        Whether to say how many tokens a prompt has.
    weighs : bool
        Whether to pass log-probabilities on all the same.
    """
    state = TextOnly(paths=paths, counts=counts, weighs=weighs, root=server.removesuffix("/v1"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, state)) as through:
        through.daemon_threads = True
        through.block_on_close = False
        state.url = f"http://127.0.0.1:{through.server_port}/v1"
        threading.Thread(target=through.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            through.shutdown()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, state: TextOnly, *args: Any) -> None:
        self._state = state
        super().__init__(*args)

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            reply(self, 200, httpx.get(f"{self._state.root}{self.path}").text)
        else:
            reply(self, 404, "")

    def do_POST(self) -> None:
        state = self._state
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path not in state.paths:
            reply(self, 404, "")
            return
        if isinstance(body.get("prompt"), list):
            reply(self, 400, {"error": {"message": "prompt must be a string"}})
            return
        for name in () if state.weighs else ("logprobs", "n_probs"):
            body.pop(name, None)
        if body.get("stream"):
            state.requests.append((self.path, body))
        with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has read enough
            self._pass_on(body)

    def _pass_on(self, body: dict[str, Any]) -> None:
        with httpx.stream("POST", f"{self._state.root}{self.path}", json=body, timeout=60) as answer:
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            for part in answer.iter_bytes() if self._state.counts else (answer.read(),):
                self.wfile.write(part if self._state.counts else part.replace(b'"usage"', b'"unused"'))
                self.wfile.flush()
