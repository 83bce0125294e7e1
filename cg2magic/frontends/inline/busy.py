"""The kernel's status while a cell runs and a subshell handles a message.

The kernel sends *busy* before and *idle* after each message, even on a subshell. A page believes the last
status, and would show an idle kernel while the cell still runs; so we send *busy* again.
"""

from __future__ import annotations

import asyncio
from typing import Any


class RunningCell:
    """Knows whether a cell runs, and reminds the pages of it.

    Parameters
    ----------
    shell : InteractiveShell
        A shell with a kernel.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._request: dict[str, Any] | None = None
        shell.events.register("pre_run_cell", self._began)
        shell.events.register("post_run_cell", self._ended)

    def close(self) -> None:
        """Stop watching the cells."""
        self._shell.events.unregister("pre_run_cell", self._began)
        self._shell.events.unregister("post_run_cell", self._ended)

    def remind(self) -> None:
        """Send *busy* again once the current message has been handled; call this on that message's thread."""
        if self._request is not None:
            asyncio.get_running_loop().call_soon(self._send_busy)

    def _began(self, _: Any) -> None:
        self._request = self._shell.get_parent()

    def _ended(self, _: Any) -> None:
        self._request = None

    def _send_busy(self) -> None:
        request = self._request
        if request is None:
            return
        kernel = self._shell.kernel
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "busy"}, parent=request)
        if self._request is None:
            # The cell ended meanwhile, and its own *idle* may have come before our *busy*.
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=request)
