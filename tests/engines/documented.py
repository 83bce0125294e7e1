"""Stand-ins for servers that can't run here: they answer as documentation says, and write what they are told.

Ollama (docs.ollama.com/api, and its openai.go), LM Studio (lmstudio.ai/docs/developer), Mistral
(docs.mistral.ai/api, FIM) and DeepSeek (api-docs.deepseek.com, FIM completion), as read in November 2026.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.engines.stand_in import begin, reply, send

QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
#: What Mistral's API takes; it refuses anything else with 422.
_MISTRAL = {
    "model",
    "prompt",
    "suffix",
    "max_tokens",
    "temperature",
    "top_p",
    "stream",
    "random_seed",
    "stop",
}


#: The only call that each of them answers here.
_CALLS = {
    "ollama": "/api/generate",
    "lmstudio": "/v1/completions",
    "mistral": "/v1/fim/completions",
    "deepseek": "/beta/completions",
}


@dataclass
class Documented:
    """A server.

    Attributes
    ----------
    kind : {"ollama", "lmstudio", "mistral", "deepseek"}
    write : callable
        Gets the prompt and the suffix, or None; returns the pieces of text that the model writes.
    model : str
    specials : tuple of str
        The special tokens of its model.
    key : str
        If it requires one.
    requests : list of tuple
        The paths and bodies of the requests that it streamed an answer to.
    headers : list
        Those of all requests.
    """

    kind: str
    write: Callable[[str, str | None], list[str]] = lambda prompt, suffix: ["x"]  # noqa: ARG005
    model: str = "qwen2.5-coder:1.5b-base"
    specials: tuple[str, ...] = QWEN
    key: str = ""
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    url: str = ""

    @property
    def root(self) -> str:
        """The address without the path of the API."""
        return re.sub(r"/(v1|beta)$", "", self.url)

    def count(self, text: str) -> int:
        """Count tokens: words, signs, and the special tokens it knows."""
        names = "|".join(map(re.escape, self.specials))
        return len(re.findall(rf"{names}|\w+|[^\w\s]" if names else r"\w+|[^\w\s]", text))

    def lists(self, path: str) -> Any:
        """Answer a GET; None for 404."""
        model = {"id": self.model, "object": "model", "created": 1, "owned_by": "library"}
        known: dict[str, dict[str, Any]] = {
            "ollama": {
                "/api/version": {"version": "0.13.0"},
                "/api/ps": {"models": [{"name": self.model, "model": self.model, "context_length": 4096}]},
                "/v1/models": {"object": "list", "data": [model]},
            },
            "lmstudio": {
                "/v1/models": {"object": "list", "data": [model]},
                f"/api/v0/models/{self.model}": model | {"state": "loaded", "max_context_length": 32768},
            },
            "mistral": {"/v1/models": {"object": "list", "data": [model | {"max_context_length": 32768}]}},
            "deepseek": {},
        }
        return known[self.kind].get(path)


@contextmanager
def documented(kind: str, **how: Any) -> Iterator[Documented]:
    """Serve on a free port of this machine."""
    state = Documented(kind, **how)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            state.headers.append(self.headers)
            found = state.lists(self.path)
            reply(self, 404 if found is None else 200, {"detail": "Not Found"} if found is None else found)

        def do_POST(self) -> None:
            state.headers.append(self.headers)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if state.key and self.headers["Authorization"] != f"Bearer {state.key}":
                reply(self, 401, {"message": "Unauthorized"})
                return
            if body.get("stream"):
                state.requests.append((self.path, body))
            if self.path != _CALLS[kind]:
                reply(self, 404, {"detail": "Not Found"})
            elif not isinstance(body["prompt"], str):
                reply(
                    self,
                    400,
                    {"error": {"message": "cannot unmarshal array into field prompt of type string"}},
                )
            else:
                {"ollama": _ollama, "mistral": _mistral}.get(kind, _completions)(self, state, body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        base = "/beta" if kind == "deepseek" else "/v1"
        state.url = f"http://127.0.0.1:{server.server_port}{base}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()


def _ollama(handler: BaseHTTPRequestHandler, state: Documented, body: dict[str, Any]) -> None:
    """Lines of JSON; without `raw`, the template of the model puts the prompt around the hole."""
    prompt = body["prompt"]
    if not body.get("raw"):
        prompt = "{}{}{}{}{}".format(QWEN[0], prompt, QWEN[1], body.get("suffix", ""), QWEN[2])
    pieces = state.write(prompt, body.get("suffix"))[: body["options"]["num_predict"]]
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": state.count(prompt)}
    handler.send_response(200)
    handler.send_header("Content-Type", "application/x-ndjson")
    handler.end_headers()

    def told(pieces: list[str]) -> dict[str, Any]:
        weighed = [{"token": piece, "logprob": -0.25, "bytes": list(piece.encode())} for piece in pieces]
        logprobs = [each | {"top_logprobs": [each]} for each in weighed]
        return {"response": "".join(pieces)} | ({"logprobs": logprobs} if body.get("logprobs") else {})

    if not body["stream"]:
        handler.wfile.write(json.dumps(told(pieces) | counts).encode())
        return
    for piece in pieces:
        line = {"model": state.model, "done": False} | told([piece])
        handler.wfile.write(json.dumps(line).encode() + b"\n")
    handler.wfile.write(json.dumps({"response": ""} | counts).encode() + b"\n")


def _completions(handler: BaseHTTPRequestHandler, state: Documented, body: dict[str, Any]) -> None:
    """OpenAI's API: LM Studio ignores a suffix and has no log-probabilities, DeepSeek has both."""
    deepseek = state.kind == "deepseek"
    suffix = body.get("suffix") if deepseek else None
    pieces = state.write(body["prompt"], suffix)[: body["max_tokens"]]
    usage = {"prompt_tokens": state.count(body["prompt"] + (suffix or "")), "completion_tokens": len(pieces)}

    def choice(texts: list[str], reason: str | None) -> dict[str, Any]:
        told = {"tokens": texts, "token_logprobs": [-0.5] * len(texts), "text_offset": [0] * len(texts)}
        told["top_logprobs"] = [{text: -0.5} for text in texts]
        logprobs = told if deepseek and body.get("logprobs") and texts else None
        return {"index": 0, "text": "".join(texts), "logprobs": logprobs, "finish_reason": reason}

    if not body.get("stream"):
        reply(handler, 200, {"choices": [choice(pieces, "length")], "usage": usage})
        return
    begin(handler)
    send(handler, *({"choices": [choice([piece], None)]} for piece in pieces))
    send(handler, {"choices": [choice([], "stop")], "usage": usage}, "[DONE]")


def _mistral(handler: BaseHTTPRequestHandler, state: Documented, body: dict[str, Any]) -> None:
    """As in a chat: a message, or while it is streamed a delta."""
    if set(body) - _MISTRAL:
        reply(handler, 422, {"detail": [{"type": "extra_forbidden", "loc": sorted(set(body) - _MISTRAL)}]})
        return
    pieces = state.write(body["prompt"], body.get("suffix"))[: body["max_tokens"]]
    usage = {"prompt_tokens": state.count(body["prompt"] + (body.get("suffix") or ""))}
    if not body.get("stream"):
        message = {"role": "assistant", "content": "".join(pieces)}
        choice = {"index": 0, "message": message, "finish_reason": "length"}
        reply(handler, 200, {"choices": [choice], "usage": usage})
        return
    begin(handler)
    for i, piece in enumerate(pieces):
        reason = "stop" if i == len(pieces) - 1 else None
        send(handler, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": reason}]})
    send(handler, "[DONE]")
