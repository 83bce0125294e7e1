"""The notebook around the shell: where its cells come from, and what of them a request may see.

A page is asked for its document when the panel appears in it, or by `inline.pages` while the cell waits, and
tells it while the request waits for its turn. Where there is no page, or it doesn't tell in time, what was
executed serves. `frontend.page_of` decides who is asked.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cg2magic.context import Document, Settings, gather
from cg2magic.request import Request

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


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


class Notebook:
    """Puts a request into the context of its notebook.

    Parameters
    ----------
    shell : InteractiveShell
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        # What the page told last: an off switch holds also where it is too slow to tell it again.
        self._metadata: dict[str, Any] = {}

    def seen_by_kernel(self, request: Request, settings: Settings) -> Request:
        """Give the request what was executed."""
        executed = replace(Document.of_history(self._shell), metadata=self._metadata)
        return self._within(executed, request, settings)

    def seen_by_page(self, page: Page, request: Request, settings: Settings) -> Request:
        """Give the request the document, once the page tells it; else say that it has less."""
        document = page.document()
        if document is None:
            has = request.context
            if has is None or has.note or settings.level != "notebook":
                return request
            return replace(request, context=replace(has, note="executed cells only"))
        self._metadata = document.metadata
        return self._within(document, request, settings)

    def _within(self, document: Document, request: Request, settings: Settings) -> Request:
        context = gather(document, request.parts, self._shell.user_ns, settings, request.language)
        return replace(request, context=context)
