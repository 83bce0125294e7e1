"""transformers' warnings, kept off the page while a model of ours computes: they are for developers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_here = threading.local()


class _Elsewhere(logging.Filter):
    """Drops what a thread logs that is to be quiet; what the person does with transformers is on another."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not getattr(_here, "is_quiet", False)


_ELSEWHERE = _Elsewhere()


@contextmanager
def quiet() -> Iterator[None]:
    """Let this thread cause no warnings of transformers."""
    for handler in logging.getLogger("transformers").handlers:
        handler.addFilter(_ELSEWHERE)  # once, however often
    _here.is_quiet = True
    try:
        yield
    finally:
        _here.is_quiet = False
