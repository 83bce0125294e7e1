"""Import torch and transformers early, so that the first request does not wait for them."""

from __future__ import annotations

import contextlib
import threading

from cg2magic.models.threads import import_torch


def start() -> threading.Thread:
    """Import them on a new thread, and return the thread, which ends when they are imported.

    Meanwhile the kernel answers, a little more slowly: both threads share Python's lock.
    """
    thread = threading.Thread(target=_import, name="cg2magic preload", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    # The request that needs a missing or broken package reports it, in one line.
    with contextlib.suppress(Exception):
        import_torch()
        import cg2magic.engines.local.engine
        import cg2magic.models.codegen.checkpoint
        import cg2magic.models.loading  # noqa: F401
