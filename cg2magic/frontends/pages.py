"""The pages that tell their document while a cell runs, which a cell that waits for its suggestion needs."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from cg2magic.context import Document


class Page:
    """A page that is asked for its document. It answers on a thread of its own, or not at all.

    Parameters
    ----------
    seconds : float
        How long the answer is waited for, from now on.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._until = time.monotonic() + seconds
        self._told = threading.Event()
        self._document: Document | None = None

    def tell(self, document: Document | None) -> None:
        """Take the answer; None of a front end that can't reach its document."""
        self._document = document
        self._told.set()

    def document(self) -> Document | None:
        """Wait for the answer; None where there is none in time."""
        self._told.wait(max(0.0, self._until - time.monotonic()))
        return self._document


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
