"""The way between a kernel and its pages: one comm, which any number of pages listen to.

Nothing is announced: a page that knows us asks the kernel which comms are there, with the protocol's own
``comm_info_request``, and all others never hear of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from comm import create_comm, get_comm_manager

TARGET = "cg2magic.inline"


class Channel:
    """A comm that may be used while a cell runs.

    Parameters
    ----------
    heard : callable
        Gets what a page sends, on the thread of its subshell where there are such.
    """

    def __init__(self, heard: Callable[[dict[str, Any]], None]) -> None:
        self._closed = False
        # Any, as two of its methods are put in another's place.
        self._comm = cast("Any", create_comm(target_name=TARGET, primary=False))
        # The usual way calls IPython's `post_execute`, which shows and closes the figures of the cell that is
        # running; and it listens on the shell that the kernel last sent from, not on the page's own.
        self._comm.handle_msg = lambda message: heard(message["content"]["data"])
        self._comm._reply_subshell_for = lambda _, asked: asked  # noqa: SLF001
        get_comm_manager().register_comm(self._comm)

    def tell(self, data: dict[str, Any]) -> None:
        """Send to all pages; from any thread. Once it is closed, nobody is told anything."""
        if not self._closed:
            self._comm.send(data)

    def close(self) -> None:
        """End it, which the pages are told."""
        self._closed = True
        self._comm.close()
