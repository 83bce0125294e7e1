"""The pages' notebooks: each page sends its own once in full, and after that only what has changed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

#: How many pages' notebooks are remembered; a page that comes back later sends its own again.
_PAGES = 8


class Documents:
    """What each page sent last, with the version that the page gave it. Safe to use from any thread.

    A page sends ``{"page", "version", "since"}`` and, of ``"cells"``, ``"active"`` and ``"metadata"``, what
    has changed since version `since`; all of them if that is None. In ``"cells"``, ``[first, count]`` stands
    for cells of that version, by their places in it; all other cells are sent in full.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Any, tuple[Any, dict[str, Any]]] = {}  # what a page sends is not checked

    def take(self, sent: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the whole notebook, as `Document.of_json` reads it.

        Parameters
        ----------
        sent : mapping

        Returns
        -------
        dict or None
            None if we don't have the version that the page builds on: the page has to send all of it.
        """
        page, version, since = sent.get("page"), sent.get("version"), sent.get("since")
        change = {name: sent[name] for name in ("cells", "active", "metadata") if name in sent}
        with self._lock:
            known, before = self._known.pop(page, (None, {}))
            if since is not None:
                if since != known:
                    return None
                try:
                    change = applied(before, change)
                except (LookupError, TypeError, ValueError):
                    return None
            if page is not None:
                self._known[page] = version, change  # the last one in the dict is the newest
                while len(self._known) > _PAGES:
                    del self._known[next(iter(self._known))]
        return change


def applied(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook with a change applied to it.

    Raises
    ------
    LookupError, TypeError, ValueError
        If the change does not fit this notebook.
    """
    if "cells" not in change:
        return {**before, **change}
    cells: list[Any] = []
    for cell in change["cells"]:
        if isinstance(cell, Mapping):
            cells.append(cell)
            continue
        first, count = cell
        if not 0 <= first <= first + count <= len(before["cells"]):
            raise LookupError(f"there are no cells {first} to {first + count}")
        cells += before["cells"][first : first + count]
    return {**before, **change, "cells": cells}
