"""The pages that can be asked while a cell runs: for their document, and where the cursor is in the cell."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from cg2magic.context import Document


class Page:
    """A page that is asked for its document. It answers on another thread, or not at all.

    Parameters
    ----------
    seconds : float
        How long to wait for the answer, from now on.
    """

    def __init__(self, seconds: float = 1.0) -> None:
        self._until = time.monotonic() + seconds
        self._answered = threading.Event()
        self._document: Document | None = None
        self._before: str | None = None

    def answer(self, document: Document | None, before: str | None = None) -> None:
        """Take the answer; None from a front end that can't reach its document."""
        self._document, self._before = document, before
        self._answered.set()

    def document(self) -> Document | None:
        """Wait for the answer; None if it does not come in time."""
        self._wait()
        return self._document

    def before_cursor(self) -> str | None:
        """Wait for the answer; the cell's text before the cursor, None if the page does not say."""
        self._wait()
        return self._before

    def _wait(self) -> None:
        self._answered.wait(max(0.0, self._until - time.monotonic()))


class Pages:
    """The pages that can be asked, by the sessions that run their cells.

    A reloaded page has a new session, and a restarted kernel knows no sessions: so we never wait for a page
    that can't answer.

    Parameters
    ----------
    send : callable
        Sends a message to all pages.
    """

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._sessions: set[str] = set()
        self._asked: tuple[str, Page] | None = None

    def greet(self, session: str) -> None:
        """Remember a page that answers while a cell runs."""
        self._sessions.add(session)

    def ask(self, session: str, cell_id: str) -> Page | None:
        """Ask the page that runs a cell for the document around it; None if it can't answer."""
        if session not in self._sessions:
            return None
        name, page = uuid.uuid4().hex, Page()
        self._asked = name, page
        self._send({"document": name, "session": session, "cell": cell_id})
        return page

    def answered(self, name: str, document: dict[str, Any] | None, before: str | None = None) -> None:
        """Take a page's answer, None if the cell is gone; an answer that comes too late is ignored.

        Parameters
        ----------
        name : str
            Of the question.
        document : dict or None
        before : str, optional
            The cell's text before the cursor.
        """
        asked, page = self._asked or ("", None)
        if page is not None and name == asked:
            self._asked = None
            page.answer(None if document is None else Document.of_json(document), before)
