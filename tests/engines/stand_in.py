"""A stand-in for a server, for what a real one can't be made to do: be busy, silent or broken on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cg2magic.engines.remote.tokenizers import SAMPLE
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer


@dataclass
class StandIn:
    """Answers with a list of models, and as `answer` says.

    Attributes
    ----------
    answer : callable
        Gets the handler and the request; writes the answer to a streamed request.
    models : list of dict
    prompt_tokens : int
        What it counts in any prompt.
    probed : callable
        Its answer to a request that is not streamed, of which there are some while it is loaded.
    many : bool
        Whether it writes several texts for one request.
    requests : list of dict
        What it was asked.
    base : str
        Where its API begins.
    status : int
        With which it lists the models.
    """

    answer: Callable[[BaseHTTPRequestHandler, dict], None] = lambda *_: None
    models: Any = field(default_factory=lambda: [{"id": "mini"}])
    prompt_tokens: int = len(FileTokenizer(MINI).encode(SAMPLE, add_special_tokens=False))
    probed: Callable[[dict], Any] | None = None
    many: bool = False
    requests: list[dict] = field(default_factory=list)
    base: str = "/v1"
    status: int = 200
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def usual(self, body: dict) -> dict:
        """Answer as servers do: with a token, the one with the highest bias if there is one, and a count."""
        bias = body.get("logit_bias") or {"5": 0}
        token = int(max(bias, key=bias.__getitem__))
        answer = tokens(token, finish="length") | {"usage": {"prompt_tokens": self.prompt_tokens}}
        texts = body.get("n", 1) if self.many else 1
        choices = [{**answer["choices"][0], "index": index} for index in range(texts)]
        return answer | {"choices": choices}


@contextmanager
def stand_in(**how: Any) -> Iterator[StandIn]:
    """Serve on a free port of this machine."""
    state = StandIn(**how)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path != f"{state.base}/models":
                reply(self, 404, "")
            elif state.status != 200:
                reply(self, state.status, {"error": {"message": "no"}})
            else:
                reply(self, 200, {"data": state.models})

        def do_POST(self) -> None:
            if self.path != f"{state.base}/completions":
                reply(self, 404, "")
                return
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not body.get("stream"):
                reply(self, 200, (state.probed or state.usual)(body))
                return
            state.requests.append(body)
            state.answer(self, body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        state.url = f"http://127.0.0.1:{server.server_port}{state.base}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            state.over.set()
            server.shutdown()


def reply(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """Write a whole answer."""
    text = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)


def begin(handler: BaseHTTPRequestHandler) -> None:
    """Begin a stream of events."""
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()


def tokens(*ids: int, finish: str | None = None, index: int = 0) -> dict:
    """An event with these tokens of a text, as vLLM writes it."""
    names = [f"token_id:{i}" for i in ids]
    told = {"tokens": names, "token_logprobs": [-0.5] * len(ids), "top_logprobs": [{n: -0.5} for n in names]}
    return {"choices": [{"index": index, "text": "x", "logprobs": told, "finish_reason": finish}]}


def send(handler: BaseHTTPRequestHandler, *events: Any) -> None:
    """Write events of a stream; a text as it is."""
    for event in events:
        data = event if isinstance(event, str) else json.dumps(event)
        handler.wfile.write(f"data: {data}\n\n".encode())
        handler.wfile.flush()
