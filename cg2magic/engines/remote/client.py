"""A client for OpenAI-compatible servers: requests, retries, and one-line errors."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from cg2magic.engines.remote.events import events, says_why
from cg2magic.engines.remote.patience import BUSY, patience
from cg2magic.engines.remote.route import Route, ServerError, has_key, without_key
from cg2magic.engines.servers import KEY, SERVERS, Server
from cg2magic.errors import Cg2Error
from cg2magic.wording import one_line

_T = TypeVar("_T")

#: Seconds to wait for a connection.
_CONNECT = 10.0

#: What may follow the base URL in an address that was copied.
_CALL = re.compile(r"(?:/(?:chat/|fim/)?(?:completions|models))?/*(?:#.*)?$")

_LOOK = 0.05  # seconds between two checks for cancellation

#: How servers state their context length: llama.cpp in a field or in words, vLLM in words.
_STATED_CONTEXT = re.compile(
    r'"n_ctx"\s*:\s*(\d+)|(?:context (?:length|size|window)|model length)[^.\d]{0,20}(\d[\d,]*)'
)


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The user cancelled the request."""


class ContextExceededError(ServerError):
    """The prompt is longer than the server's context.

    Attributes
    ----------
    context : int
        The server's context length in tokens.
    """

    def __init__(self, text: str, context: int, status: int | None = None) -> None:
        super().__init__(text, status)
        self.context = context


class Client:
    """Talks to one server.

    Parameters
    ----------
    url : str
        The base URL, such as ``http://host:8000/v1``.
    server : Server, optional
        How to ask it.
    """

    def __init__(self, url: str, server: Server | None = None) -> None:
        self.url = _checked(url)
        self.server = server or Server(url)
        self._route = Route.to(self.url, server)

    @property
    def _seconds(self) -> float:
        return self.server.timeout or SERVERS.timeout

    @property
    def timeout(self) -> httpx.Timeout:
        """How long to wait for a connection, and for the next part of a response."""
        return httpx.Timeout(self._seconds, connect=_CONNECT)

    @property
    def host(self) -> str:
        """The server's name and port, for messages."""
        return self.url.netloc.decode()

    async def get(self, path: str) -> Any:
        """Fetch JSON."""
        async with self._answer("GET", path, None) as answer:
            return self._parsed((await answer.aread()).decode(errors="replace"))

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON and return the response."""
        async with self._answer("POST", path, body) as answer:
            return self._parsed((await answer.aread()).decode(errors="replace"))

    async def stream(self, path: str, body: Mapping[str, Any], texts: int = 1) -> AsyncGenerator[Any, None]:
        """Send JSON and yield the events of the response as they arrive; closing it closes the connection.

        Parameters
        ----------
        path : str
        body : mapping
        texts : int
            How many texts are in it.
        """
        ended = False
        async with self._answer("POST", path, {**body, "stream": True}) as answer:
            if "html" in answer.headers.get("content-type", ""):
                raise ServerError(
                    f"{self._whoever} sent a web page instead of text: a login or a gateway may stand in "
                    "front of it; open its address in a browser to see",
                    200,
                )
            async for data in events(answer):
                if data == "[DONE]":
                    ended = True
                    break
                event = self._parsed(data)
                yield event
                # After finish_reason, some servers send no [DONE], and some even keep the connection open.
                texts -= says_why(event)
                if texts <= 0:
                    ended = True
                    break
        if not ended:
            raise ServerError(f"{self.host} broke off in the middle of its answer")

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._route.client(self.timeout, patience()) as http:
                request = http.build_request(method, self._at(path), json=body)
                answer = await http.send(request, stream=True)
                try:
                    if answer.status_code != httpx.codes.OK:
                        raise self._refused(answer, (await answer.aread()).decode(errors="replace"))
                    yield answer
                finally:
                    await answer.aclose()
        except Cg2Error:
            raise
        except Exception as error:  # noqa: BLE001 - any error below may contain the key
            raise self._unreached(error) from None

    def _at(self, path: str) -> str:
        """Return the address of a call: below the base URL, or with a slash in front, outside of ``/v1``."""
        if not path.startswith("/"):
            return f"{self.url}/{path}"
        return f"{str(self.url).rstrip('/').removesuffix('/v1')}{path}"

    def _parsed(self, text: str) -> Any:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise ServerError(
                f"{self._whoever} sent an answer that is not of the completions API: {self._said(text)}", 200
            )
        if parsed.get("error"):
            raise ServerError(f"{self.host} gave up: {self._said(_message(parsed))}", 200)
        return parsed

    def _said(self, message: object) -> str:
        """Shorten a message from below to one line; secrets are removed first."""
        text = str(message) or type(message).__name__
        return _short(text.replace(self._route.password, "…") if self._route.password else text)

    @property
    def _whoever(self) -> str:
        """The possible senders of a response, for messages."""
        return f"{self.host}, or {self._route.name}," if self._route.proxy else self.host

    def _refused(self, answer: httpx.Response, text: str) -> ServerError:
        status = answer.status_code
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        message = self._said(text if fields is None else _message(fields))
        # The API's errors are JSON; a proxy responds with an HTML page.
        if self._route.proxy and (status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED or fields is None):
            return ServerError(
                f"{self._route.name} answered {status} for {self.host} ({message}): if the server can be "
                "reached directly, add it to NO_PROXY",
                status,
            )
        if status in (401, 403):
            key = self._route.key
            do = f"it refuses the key in {key}" if has_key(key) else f"it needs a key: put it into {key}"
            return ServerError(f"{self._whoever} denied access ({status}): {do}", status)
        if status in BUSY:
            wait = answer.headers.get("retry-after")
            when = f"it says to come back after {_short(wait)}" if wait else "try again in a while"
            return ServerError(f"{self.host} is too busy ({status}): {when}", status)
        if status == httpx.codes.NOT_FOUND:
            return ServerError(
                f"{self.host} has no such model or address ({message}); the address of vLLM and llama.cpp "
                "ends in /v1",
                status,
            )
        if answer.is_redirect:
            return ServerError(
                f"{self.host} redirects elsewhere ({status}): give the address it redirects to", status
            )
        said = f"{self.host} refused the request ({status}): {message}"
        if context := _STATED_CONTEXT.search(text):
            return ContextExceededError(said, int((context[1] or context[2]).replace(",", "")), status)
        return ServerError(said, status)

    def _unreached(self, error: Exception) -> ServerError:
        if "CERTIFICATE" in str(error).upper():
            return ServerError(
                f"{self.host} has a certificate that can't be verified ({self._said(error)}); if your "
                "organisation has a certificate of its own, name it in SSL_CERT_FILE"
            )
        unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if self._route.proxy and (unconnected or isinstance(error, httpx.ProxyError)):
            return ServerError(
                f"{self._route.name} can't reach {self.host} ({self._said(error)}): if the server can be "
                "reached directly, add it to NO_PROXY"
            )
        if unconnected:
            return ServerError(
                f"nothing answers at {self.host} ({self._said(error)}): is the server running, and is "
                "this its address?"
            )
        if isinstance(error, httpx.TimeoutException):
            return ServerError(
                f"{self.host} was silent for {self._seconds:g} s: it may be overloaded; "
                "%config CG2.server_timeout = 600 waits longer"
            )
        return ServerError(f"{self.host} broke off ({self._said(error)})")


def run(work: Awaitable[_T], cancelled: Callable[[], bool]) -> _T:
    """Run a coroutine to its end; raise `Cancelled` as soon as `cancelled` returns True."""

    async def watched() -> _T:
        task = asyncio.ensure_future(work)
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if cancelled():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise Cancelled
        return task.result()

    # Use a new thread: the caller's may already run an event loop, like a notebook's main thread.
    with ThreadPoolExecutor(1, "cg2magic server") as thread:
        return thread.submit(asyncio.run, watched()).result()


def _checked(url: str) -> httpx.URL:
    """Parse the address of an API, or of one of its calls, and return the base URL."""
    try:
        parsed = httpx.URL(_CALL.sub("", url.strip()))
    except httpx.InvalidURL as error:
        # It may contain a password.
        raise ServerError(
            f"that is not an address ({one_line(error)}); an address looks like http://host:8000/v1"
        ) from None
    if parsed.userinfo or parsed.query:
        # It would be shown, and saved in the history.
        raise ServerError(f"an address must not contain a key or password: put the key into {KEY}")
    if not parsed.host:
        raise ServerError(f"{url} names no server; an address looks like http://host:8000/v1")
    return parsed


def _message(fields: Any) -> str:
    """Find the message in the JSON of an error, which has several forms."""
    error = fields.get("error", fields) if isinstance(fields, dict) else fields
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return str(error)


def _short(text: str) -> str:
    """Shorten a text from the server to one line."""
    return one_line(without_key(text)) or "nothing"
