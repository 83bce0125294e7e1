"""The pages that tell their document while a cell runs, which a cell that waits for its suggestion needs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from cg2magic.context import Document
from cg2magic.notebook import Page


class Pages:
    """Those that can be asked, by the sessions of which their cells are run.

    A page that is reloaded comes as another session, and a kernel that is restarted knows none: nobody is
    waited for who can't answer.

    Parameters
    ----------
    tell : callable
        Sends to all pages.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._sessions: set[str] = set()
        self._asked: tuple[str, Page] | None = None

    def greet(self, session: str) -> None:
        """Remember a page that answers while a cell runs."""
        self._sessions.add(session)

    def ask(self, session: str, cell_id: str) -> Page | None:
        """Ask the page in which a cell is run for the document around it; None where it can't answer."""
        if session not in self._sessions:
            return None
        name, page = uuid.uuid4().hex, Page()
        self._asked = name, page
        self._tell({"document": name, "session": session, "cell": cell_id})
        return page

    def told(self, name: str, document: dict[str, Any] | None) -> None:
        """Take a page's answer, None where the cell is gone; too late it is for nobody."""
        asked, page = self._asked or ("", None)
        if page is not None and name == asked:
            self._asked = None
            page.tell(None if document is None else Document.of_json(document))
