"""The wire to an OpenAI-compatible server: requests, retries, and errors in one line."""

from __future__ import annotations

import asyncio
import email.utils
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from cg2magic.errors import Cg2Error
from cg2magic.models.wording import one_line

_T = TypeVar("_T")

#: The only place where a key is looked for. It is read for each request and kept nowhere.
KEY = "CG2MAGIC_API_KEY"

#: Seconds to connect, and between two pieces of an answer: a full server lets requests wait for their turn.
_CONNECT, _READ = 10.0, 120.0

#: The server is busy: come again, so many times in all, after these seconds, doubled each time.
_BUSY = (429, 503)
_TRIES, _PAUSE, _LONGEST_PAUSE = 5, 0.5, 30.0

_LOOK = 0.05  # seconds between two looks at whether it was cancelled


class ServerError(Cg2Error):
    """The server can't be reached, refuses, or answers what can't be understood."""


class Cancelled(Exception):  # noqa: N818 - an answer to a wish, not a fault
    """The person stopped it."""


class Client:
    """Speaks with one server.

    Parameters
    ----------
    url : str
        Its base, such as ``http://host:8000/v1``.
    connect, read : float
        Seconds to wait for a connection, and for the next piece of an answer.
    """

    def __init__(self, url: str, *, connect: float = _CONNECT, read: float = _READ) -> None:
        self.url = _checked(url)
        self.timeout = httpx.Timeout(read, connect=connect)
        self._tls = httpx.create_ssl_context()  # certificates are verified; made once, for it takes a while

    @property
    def host(self) -> str:
        """The server's name and port, as a person reads it."""
        return self.url.netloc.decode()

    async def get(self, path: str) -> Any:
        """Fetch JSON."""
        async with self._answer("GET", path, None) as answer:
            return self._parsed((await answer.aread()).decode(errors="replace"))

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON and fetch the answer."""
        async with self._answer("POST", path, body) as answer:
            return self._parsed((await answer.aread()).decode(errors="replace"))

    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Send JSON and yield the events of the answer as they come; closing this closes the connection."""
        ended = False
        async with self._answer("POST", path, {**body, "stream": True}) as answer:
            async for line in answer.aiter_lines():
                if not line.startswith("data:"):
                    continue  # comments and empty lines keep a connection alive
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    ended = True
                    break
                yield self._parsed(data)
        if not ended:
            raise ServerError(f"{self.host} broke off in the middle of its answer")

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[httpx.Response]:
        key = os.environ.get(KEY, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            async with httpx.AsyncClient(verify=self._tls, timeout=self.timeout, headers=headers) as http:
                request = http.build_request(method, f"{self.url}/{path}", json=body)
                answer = await self._patiently(http, request)
                try:
                    if answer.status_code != httpx.codes.OK:
                        raise self._refused(answer, (await answer.aread()).decode(errors="replace"))
                    yield answer
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as error:
            raise self._unreached(error) from None

    async def _patiently(self, http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        pause = _PAUSE
        for left in reversed(range(_TRIES)):
            answer = await http.send(request, stream=True)
            if answer.status_code not in _BUSY or not left:
                return answer
            wait = _retry_after(answer.headers.get("retry-after", ""))
            if wait is None:
                # All the notebooks of a class were told the same: they must not come back in one moment.
                wait = pause * random.uniform(0.5, 1)  # noqa: S311 - no secret
            if wait > _LONGEST_PAUSE:
                return answer
            await answer.aclose()
            await asyncio.sleep(wait)
            pause *= 2
        raise AssertionError  # the last try returns

    def _parsed(self, text: str) -> Any:
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ServerError(f"{self.host} answers what is not of the completions API: {_short(text)}")
        if parsed.get("error"):
            raise ServerError(f"{self.host} gave up: {_message(parsed)}")
        return parsed

    def _refused(self, answer: httpx.Response, text: str) -> ServerError:
        status = answer.status_code
        try:
            told = _message(json.loads(text))
        except ValueError:
            told = _short(text)
        if status in (401, 403):
            do = (
                f"it refuses the key in {KEY}"
                if os.environ.get(KEY)
                else f"it wants a key: put it into {KEY}"
            )
            return ServerError(f"{self.host} let nobody in ({status}): {do}")
        if status in _BUSY:
            wait = answer.headers.get("retry-after")
            when = f"it says to come back after {_short(wait)}" if wait else "try again in a while"
            return ServerError(f"{self.host} is too busy ({status}): {when}")
        if status == httpx.codes.NOT_FOUND:
            return ServerError(
                f"{self.host} has no such model or address ({told}); the address of vLLM and llama.cpp "
                "ends in /v1"
            )
        if answer.is_redirect:
            return ServerError(f"{self.host} points elsewhere ({status}): give the address it points to")
        return ServerError(f"{self.host} refused the request ({status}): {told}")

    def _unreached(self, error: Exception) -> ServerError:
        if "CERTIFICATE" in str(error).upper():
            return ServerError(
                f"{self.host} has a certificate that can't be verified ({one_line(error)}); name the one of "
                "your organisation in SSL_CERT_FILE"
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ServerError(
                f"nothing answers at {self.host} ({one_line(error)}): is the server up? is this its address?"
            )
        if isinstance(error, httpx.TimeoutException):
            return ServerError(f"{self.host} was silent for {self.timeout.read:g} s: it may be overloaded")
        if isinstance(error, UnicodeEncodeError):
            return ServerError(f"the key in {KEY} holds a character that no key has")
        return ServerError(f"{self.host} broke off ({one_line(error)})")


def run(work: Awaitable[_T], cancelled: Callable[[], bool]) -> _T:
    """Do something with a client to its end, unless `cancelled` says so; then raise `Cancelled`."""

    async def watched() -> _T:
        task = asyncio.ensure_future(work)
        while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
            if cancelled():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                raise Cancelled
        return task.result()

    # On a thread of its own: a loop may be running on the caller's, as on a notebook's main thread.
    with ThreadPoolExecutor(1, "cg2magic server") as thread:
        return thread.submit(asyncio.run, watched()).result()


def _checked(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ServerError(f"{url} is no address: {one_line(error)}") from None
    if parsed.userinfo or parsed.query:
        # It would be kept in the history, and shown.
        raise ServerError(f"an address holds no key or password: put the key into {KEY}")
    if not parsed.host:
        raise ServerError(f"{url} names no server; an address is like http://host:8000/v1")
    return parsed


def _retry_after(value: str) -> float | None:
    """Seconds of a ``Retry-After``, which is a number of them or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _message(fields: Any) -> str:
    """The sentence in an error's JSON, of which there are several shapes."""
    error = fields.get("error", fields) if isinstance(fields, dict) else fields
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail") or error
    return _short(str(error))


def _short(text: str, limit: int = 200) -> str:
    """Text of the server as one short line; should it repeat the key, that is left out."""
    key = os.environ.get(KEY)
    text = " ".join((text.replace(key, "…") if key else text).split()) or "nothing"
    return text if len(text) <= limit else text[:limit] + "…"
