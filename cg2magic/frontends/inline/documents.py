"""The notebooks of the pages: each page tells its own once, and then what has changed in it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

#: Pages whose notebook is remembered; one that comes back tells it again.
_PAGES = 8


class Documents:
    """What each page told last, with the version that the page gave it. Safe to use from any thread.

    A page tells ``{"page", "version", "since"}`` and, of ``"cells"``, ``"active"`` and ``"metadata"``, what
    is not as it was in version `since`; all of them where that is None. In ``"cells"`` stands, for cells
    that were there, ``[first, count]``: their places in the version before. The others stand in full.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[Any, tuple[Any, dict[str, Any]]] = {}  # what a page says is not checked

    def take(self, told: Mapping[str, Any]) -> dict[str, Any] | None:
        """Give the whole notebook, as `Document.of_json` reads it.

        Parameters
        ----------
        told : mapping

        Returns
        -------
        dict or None
            None where what the page builds on is not here: it has to tell all of it.
        """
        page, version, since = told.get("page"), told.get("version"), told.get("since")
        change = {name: told[name] for name in ("cells", "active", "metadata") if name in told}
        with self._lock:
            known, before = self._told.pop(page, (None, {}))
            if since is not None:
                if since != known:
                    return None
                try:
                    change = applied(before, change)
                except (LookupError, TypeError, ValueError):
                    return None
            if page is not None:
                self._told[page] = version, change  # the last one in the dict is the newest
                while len(self._told) > _PAGES:
                    del self._told[next(iter(self._told))]
        return change


def applied(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Give a notebook with a change made to it.

    Raises
    ------
    LookupError, TypeError, ValueError
        If the change is none of this notebook's.
    """
    if "cells" not in change:
        return {**before, **change}
    cells: list[Any] = []
    for told in change["cells"]:
        if isinstance(told, Mapping):
            cells.append(told)
            continue
        first, count = told
        if not 0 <= first <= first + count <= len(before["cells"]):
            raise LookupError(f"there are no cells {first} to {first + count}")
        cells += before["cells"][first : first + count]
    return {**before, **change, "cells": cells}
