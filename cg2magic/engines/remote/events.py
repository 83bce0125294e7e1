"""Read the events of an answer that is streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


async def events(answer: httpx.Response) -> AsyncIterator[str]:
    """Yield the data of server-sent events; the lines of an event are joined.

    A line that is an object of JSON is an event, too: Ollama sends nothing else.
    Lines end as the standard says, not as in `str.splitlines`: JSON may contain U+2028. Some servers omit the
    blank line between two events, so complete data is yielded at once.
    """
    lines: list[str] = []
    left = b""
    async for more in answer.aiter_bytes():
        *whole, left = (left + more).replace(b"\r\n", b"\n").split(b"\n")
        for raw in whole:
            line = raw.decode(errors="replace").removeprefix("\ufeff").removesuffix("\r")
            lines += _data(line)
            if lines and (not line or _is_whole("\n".join(lines))):
                yield "\n".join(lines)
                lines.clear()
    lines += _data(left.decode(errors="replace"))
    if lines:
        yield "\n".join(lines)


def _data(line: str) -> list[str]:
    if line.startswith("{"):
        return [line]
    return [line.removeprefix("data:").strip()] if line.startswith("data:") else []


def _is_whole(data: str) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return data == "[DONE]"
    return True


def says_why(event: Mapping[str, Any]) -> int:
    """Return of how many texts an event says why they end, so that it is their last one."""
    if event.get("done") is True or event.get("stop") is True:  # Ollama's, and that of llama.cpp's /infill
        return 1
    return sum(isinstance(choice.get("finish_reason"), str) for choice in choices(event))


def choices(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices of an event that are some."""
    listed = event.get("choices")
    return [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
