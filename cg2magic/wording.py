"""Format sizes, counts and probabilities, and put messages from other code on one line."""

from __future__ import annotations

import math

#: The least number for which a unit is used, the unit's size and name, and how many decimals to show.
_Scale = tuple[tuple[float, float, str, int], ...]
_BYTES: _Scale = (
    (1e9, 1e9, "GB", 1),
    (1e7, 1e6, "MB", 0),
    (1e5, 1e6, "MB", 1),
    (1e3, 1e3, "kB", 0),
    (0, 1, "bytes", 0),
)
_COUNTS: _Scale = ((1e9, 1e9, "B", 1), (1e7, 1e6, "M", 0), (0, 1e6, "M", 1))


def one_line(said: object, limit: int = 200, *, tail: bool = False) -> str:
    """Return a text, or an error's message, on one line and not too long.

    Parameters
    ----------
    said : object
        An error without a message is named by its type.
    limit : int
        The most characters.
    tail : bool
        If the text is too long, keep its end instead of its beginning.
    """
    text = " ".join(str(said).split())
    if not text and isinstance(said, BaseException):
        text = type(said).__name__
    if len(text) <= limit:
        return text
    return "…" + text[1 - limit :].lstrip() if tail else text[: limit - 1].rstrip() + "…"


def gigabytes(size: float, done: float | None = None) -> str:
    """Format a number of bytes for people: ``"2.0 GB"``, ``"38 MB"``, ``"700 bytes"``.

    With `done`, say how many of them are done: ``"3 of 38 MB"``.
    """
    return _scaled(size, _BYTES, done)


def parameters(number: int) -> str:
    """Format a number of parameters for people: ``"3.6 B"``, ``"350 M"``, ``"8.9 M"``."""
    return _scaled(number, _COUNTS)


def percent(logprob: float) -> str:
    """Format the probability of a log-probability in nats: ``43 %``, ``0.2 %``, ``< 0.01 %``."""
    share = 100 * math.exp(logprob)
    if share < 0.01:
        return "< 0.01 %"
    digits = 0 if share >= 9.5 else 1 if share >= 0.95 else 2
    # Only a certain token gets 100 %.
    return f"{min(share, 99.9):.1f} %" if 99.5 <= share < 100 else f"{share:.{digits}f} %"


def _scaled(number: float, scale: _Scale, done: float | None = None) -> str:
    unit, name, digits = next((unit, name, digits) for least, unit, name, digits in scale if number >= least)
    of = "" if done is None else f"{done / unit:.{digits}f} of "
    return f"{of}{number / unit:.{digits}f} {name}"


def table(rows: list[tuple[str, ...]]) -> str:
    """Align the columns of a table at the left, two spaces apart; the first row may be the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
