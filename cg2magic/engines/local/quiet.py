"""Silence transformers' warnings while our models compute: they are for developers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_here = threading.local()


class _Elsewhere(logging.Filter):
    """Drops what our thread logs; what users do with transformers happens on another thread."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not getattr(_here, "is_quiet", False)


_ELSEWHERE = _Elsewhere()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings that this thread causes in transformers."""
    for handler in logging.getLogger("transformers").handlers:
        handler.addFilter(_ELSEWHERE)  # adds it only once
    _here.is_quiet = True
    try:
        yield
    finally:
        _here.is_quiet = False
