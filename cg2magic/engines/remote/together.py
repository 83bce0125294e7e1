"""Several candidates in one request, with ``n``: the server reads the prompt once, and is paid for it once.

Each candidate reads its own choices, as if it had a request of its own. What the server did not send for it,
it asks for alone: some servers know no ``n`` in a stream, or not one as large.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from typing import Any

from cg2magic.engines.remote.abilities import UNKNOWN
from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.events import choices, says_why
from cg2magic.engines.remote.route import ServerError

#: What is put behind the last event of a candidate: that there are no more, or why.
_End = ServerError | None


class Together:
    """One request, whose answer is for several candidates.

    Parameters
    ----------
    client : Client
    number : int
        Of candidates.
    """

    def __init__(self, client: Client, number: int) -> None:
        self._client = client
        self._queues: list[asyncio.Queue[Mapping[str, Any] | _End]] = [asyncio.Queue() for _ in range(number)]
        self._reading: asyncio.Task[None] | None = None
        self._left = number

    async def stream(
        self, index: int, path: str, body: Mapping[str, Any]
    ) -> AsyncGenerator[Mapping[str, Any], None]:
        """Yield the events of one candidate, which asks for the same as the others."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read(path, body))
        try:
            got = False
            async for event in self._events(index):
                got = True
                yield event
        finally:
            self._left -= 1
            if not self._left:
                await self.close()
        if not got:
            async with aclosing(self._client.stream(path, body)) as alone:
                async for event in alone:
                    yield event

    async def close(self) -> None:
        """End the request, which ends the work on the server."""
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading

    async def _events(self, index: int) -> AsyncIterator[Mapping[str, Any]]:
        while isinstance(event := await self._queues[index].get(), Mapping):
            yield event
            if says_why(event):
                return
        if event is not None:
            raise event

    async def _read(self, path: str, body: Mapping[str, Any]) -> None:
        """Deal the choices out to the candidates."""
        number = len(self._queues)
        begun: set[int] = set()
        end: ServerError | None = None
        try:
            async with aclosing(self._client.stream(path, {**body, "n": number}, texts=number)) as events:
                async for event in events:
                    for choice in choices(event):
                        index = choice.get("index")
                        if isinstance(index, int) and 0 <= index < number:
                            begun.add(index)
                            self._queues[index].put_nowait({**event, "choices": [choice]})
        except ServerError as error:
            end = error
        finally:
            # A refusal may be one of the number: whoever asks alone will hear why.
            alone = end is None or bool(begun) or end.status in UNKNOWN
            for index, queue in enumerate(self._queues):
                queue.put_nowait(None if alone and index not in begun else end)
