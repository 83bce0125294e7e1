"""The notebook around the shell: where its cells come from, and which of them a request may see.

A page is asked for its document when the panel appears in it, or by `Pages` while the cell waits. It sends
the document while the request waits for its turn. If there is no page, or it doesn't answer in time, we use
the executed cells. `present.page_of` decides which page is asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cg2magic.context import Document, Settings, gather
from cg2magic.frontends.pages import Page
from cg2magic.grounding.grounding import ground
from cg2magic.request import Request

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Notebook:
    """Gives a request its notebook's context.

    Parameters
    ----------
    shell : InteractiveShell
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        # What the page sent last: a switch that is off stays off if the page is too slow to send it again.
        self._metadata: dict[str, Any] = {}

    def seen_by_kernel(self, request: Request, settings: Settings) -> Request:
        """Give the request the executed cells as its context."""
        executed = replace(Document.of_history(self._shell), metadata=self._metadata)
        return self._within(executed, request, settings)

    def seen_by_page(self, page: Page, request: Request, settings: Settings) -> Request:
        """Give the request the document as its context once the page sends it, or note that it is missing."""
        document = page.document()
        if document is None:
            has = request.context
            if has is None or has.note or settings.level != "notebook":
                return request
            return replace(request, context=replace(has, note="executed cells only"))
        self._metadata = document.metadata
        return self._within(document, request, settings)

    def _within(self, document: Document, request: Request, settings: Settings) -> Request:
        return seen(document, request, settings, self._shell)


def seen(document: Document, request: Request, settings: Settings, shell: InteractiveShell) -> Request:
    """Give a request what it may see of a notebook and its kernel."""
    history = shell.history_manager
    executed = history.input_hist_raw if history else ()
    return replace(
        request,
        context=gather(document, request.parts, shell.user_ns, settings, request.language),
        grounding=ground(document, shell.user_ns, executed, settings, request.language),
    )
