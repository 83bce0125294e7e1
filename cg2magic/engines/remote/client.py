"""The wire to an OpenAI-compatible server: requests, retries, and errors in one line."""

from __future__ import annotations

import asyncio
import email.utils
import json
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from cg2magic.engines.remote.route import KEY, Route, ServerError, has_key, without_key
from cg2magic.engines.spec import SERVERS
from cg2magic.errors import Cg2Error
from cg2magic.models.wording import one_line

_T = TypeVar("_T")

#: Seconds to connect.
_CONNECT = 10.0

#: The server is busy: come again, so many times in all, after these seconds, doubled each time.
_BUSY = (429, 503)
_TRIES, _PAUSE, _LONGEST_PAUSE = 5, 0.5, 30.0

#: What follows the base in the addresses that people copy.
_CALL = re.compile(r"(?:/(?:chat/)?(?:completions|models))?/*(?:#.*)?$")

_LOOK = 0.05  # seconds between two looks at whether it was cancelled

#: How servers say what a prompt and its answer may take: llama.cpp in a field or in words, vLLM in words.
_TOLD_CONTEXT = re.compile(
    r'"n_ctx"\s*:\s*(\d+)|(?:context (?:length|size|window)|model length)[^.\d]{0,20}(\d[\d,]*)'
)


class Cancelled(Exception):  # noqa: N818 - an answer to a wish, not a fault
    """The person stopped it."""


class ContextExceededError(ServerError):
    """The prompt is longer than the server has room for.

    Attributes
    ----------
    context : int
        The most tokens that it takes.
    """

    def __init__(self, text: str, context: int, status: int | None = None) -> None:
        super().__init__(text, status)
        self.context = context


class Client:
    """Speaks with one server.

    Parameters
    ----------
    url : str
        Its base, such as ``http://host:8000/v1``.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self._route = Route.to(self.url)

    @property
    def timeout(self) -> httpx.Timeout:
        """How long is waited for a connection, and for the next piece of an answer."""
        return httpx.Timeout(SERVERS.timeout, connect=_CONNECT)

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
            async for data in _events(answer):
                if data == "[DONE]":
                    ended = True
                    break
                event = self._parsed(data)
                yield event
                # Not every server says that it is done once it has said why; some even leave the line open.
                if _says_why(event):
                    ended = True
                    break
        if not ended:
            raise ServerError(f"{self.host} broke off in the middle of its answer")

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._route.client(self.timeout) as http:
                request = http.build_request(method, f"{self.url}/{path}", json=body)
                answer = await self._patiently(http, request)
                try:
                    if answer.status_code != httpx.codes.OK:
                        raise self._refused(answer, (await answer.aread()).decode(errors="replace"))
                    yield answer
                finally:
                    await answer.aclose()
        except Cg2Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails below may hold the key
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
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise ServerError(
                f"{self._whoever} answers what is not of the completions API: {self._said(text)}", 200
            )
        if parsed.get("error"):
            raise ServerError(f"{self.host} gave up: {self._said(_message(parsed))}", 200)
        return parsed

    def _said(self, told: object) -> str:
        """Put what somebody below said into one short line; secrets are left out before it is cut."""
        text = str(told) or type(told).__name__
        return _short(text.replace(self._route.password, "…") if self._route.password else text)

    @property
    def _whoever(self) -> str:
        """Who may have answered."""
        return f"{self.host}, or {self._route.name}," if self._route.proxy else self.host

    def _refused(self, answer: httpx.Response, text: str) -> ServerError:
        status = answer.status_code
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError):
            fields = None
        told = self._said(text if fields is None else _message(fields))
        # An error of the API is JSON; what a proxy says is a page.
        if self._route.proxy and (status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED or fields is None):
            return ServerError(
                f"{self._route.name} gave {status} for {self.host} ({told}): if that can be reached "
                "without it, name it in NO_PROXY",
                status,
            )
        if status in (401, 403):
            do = f"it refuses the key in {KEY}" if has_key() else f"it wants a key: put it into {KEY}"
            return ServerError(f"{self._whoever} let nobody in ({status}): {do}", status)
        if status in _BUSY:
            wait = answer.headers.get("retry-after")
            when = f"it says to come back after {_short(wait)}" if wait else "try again in a while"
            return ServerError(f"{self.host} is too busy ({status}): {when}", status)
        if status == httpx.codes.NOT_FOUND:
            return ServerError(
                f"{self.host} has no such model or address ({told}); the address of vLLM and llama.cpp "
                "ends in /v1",
                status,
            )
        if answer.is_redirect:
            return ServerError(
                f"{self.host} points elsewhere ({status}): give the address it points to", status
            )
        said = f"{self.host} refused the request ({status}): {told}"
        if context := _TOLD_CONTEXT.search(text):
            return ContextExceededError(said, int((context[1] or context[2]).replace(",", "")), status)
        return ServerError(said, status)

    def _unreached(self, error: Exception) -> ServerError:
        if "CERTIFICATE" in str(error).upper():
            return ServerError(
                f"{self.host} has a certificate that can't be verified ({self._said(error)}); name the one "
                "of your organisation in SSL_CERT_FILE"
            )
        unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if self._route.proxy and (unconnected or isinstance(error, httpx.ProxyError)):
            return ServerError(
                f"{self._route.name} does not lead to {self.host} ({self._said(error)}): if that can be "
                "reached without it, name it in NO_PROXY"
            )
        if unconnected:
            return ServerError(
                f"nothing answers at {self.host} ({self._said(error)}): is the server up? is this its "
                "address?"
            )
        if isinstance(error, httpx.TimeoutException):
            return ServerError(
                f"{self.host} was silent for {SERVERS.timeout:g} s: it may be overloaded; "
                "%config CG2.server_timeout = 600 waits longer"
            )
        return ServerError(f"{self.host} broke off ({self._said(error)})")


async def _events(answer: httpx.Response) -> AsyncIterator[str]:
    """Yield the data of server-sent events; several lines of one are joined.

    Lines end as that standard has it, not as Python's `str.splitlines`: JSON may hold U+2028. Some servers
    leave out the blank line between two events, so data that is whole is not waited with.
    """
    lines: list[str] = []
    left = b""
    async for more in answer.aiter_bytes():
        *whole, left = (left + more).replace(b"\r\n", b"\n").split(b"\n")
        for raw in whole:
            line = raw.decode(errors="replace").removeprefix("\ufeff").removesuffix("\r")
            if line.startswith("data:"):
                lines.append(line.removeprefix("data:").strip())
            if lines and (not line or _is_whole("\n".join(lines))):
                yield "\n".join(lines)
                lines.clear()
    last = left.decode(errors="replace")
    if last.startswith("data:"):
        lines.append(last.removeprefix("data:").strip())
    if lines:
        yield "\n".join(lines)


def _is_whole(data: str) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return data == "[DONE]"
    return True


def _says_why(event: Mapping[str, Any]) -> bool:
    """Whether an event tells why the answer ends."""
    choices = event.get("choices")
    return isinstance(choices, list) and any(
        isinstance(c, dict) and isinstance(c.get("finish_reason"), str) for c in choices
    )


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
    """Read the address of an API; one of a single call of it is taken for its base."""
    try:
        parsed = httpx.URL(_CALL.sub("", url.strip()))
    except httpx.InvalidURL as error:
        # It may hold a password.
        raise ServerError(
            f"that is no address ({one_line(error)}); one is like http://host:8000/v1"
        ) from None
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
    return str(error)


def _short(text: str, limit: int = 200) -> str:
    """Text of the server as one short line."""
    text = " ".join(without_key(text).split()) or "nothing"
    return text if len(text) <= limit else text[:limit] + "…"
