"""The channel between a kernel and its pages: one comm, which any number of pages listen to.

The kernel does not announce it: a page that knows us asks which comms there are, with the protocol's own
``comm_info_request``, and no other page learns of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from comm import create_comm, get_comm_manager

from cg2magic.frontends.comms import hear_on_the_senders_shell

TARGET = "cg2magic.inline"


class Channel:
    """A comm that may be used while a cell runs.

    Parameters
    ----------
    heard : callable
        Gets what a page sends, on the thread of the page's subshell if it has one.
    """

    def __init__(self, heard: Callable[[dict[str, Any]], None]) -> None:
        self._closed = False
        # Any, because its methods are replaced.
        self._comm = cast("Any", create_comm(target_name=TARGET, primary=False))
        # The usual method calls IPython's `post_execute`, which shows and closes the figures of the running
        # cell.
        self._comm.handle_msg = lambda message: heard(message["content"]["data"])
        hear_on_the_senders_shell(self._comm)
        get_comm_manager().register_comm(self._comm)

    def send(self, data: dict[str, Any]) -> None:
        """Send a message to all pages, from any thread. A closed channel sends nothing."""
        if not self._closed:
            self._comm.send(data)

    def close(self) -> None:
        """Close it; the comm notifies the pages."""
        self._closed = True
        self._comm.close()
