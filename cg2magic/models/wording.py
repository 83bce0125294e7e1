"""How sizes and other people's errors are put into one line."""

from __future__ import annotations


def one_line(error: BaseException, limit: int = 200) -> str:
    """Return what an error says, on one line and not too long; its type where it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def gigabytes(size: float) -> str:
    """Return a number of bytes as people read it: ``"2.0 GB"``, ``"38 MB"``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(size, 1e5) / 1e6:.1f} MB"
