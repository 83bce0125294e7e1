"""Import torch and transformers before they are needed, so that the first request does not wait for them."""

from __future__ import annotations

import contextlib
import threading


def start() -> threading.Thread:
    """Import them on a thread of their own; the thread, which ends when they are there.

    The kernel answers meanwhile, a little slower: both share Python's lock.
    """
    thread = threading.Thread(target=_import, name="cg2magic preload", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    # What is missing or broken is told, in one line, by the request that needs it.
    with contextlib.suppress(Exception):
        import cg2magic.engines.local.engine
        import cg2magic.models.codegen.checkpoint
        import cg2magic.models.loading  # noqa: F401
