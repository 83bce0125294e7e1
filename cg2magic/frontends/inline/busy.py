"""The kernel's status while a cell runs and a message is handled beside it.

The kernel says *busy* before and *idle* after each message, also one on a subshell. A page takes the last
word for the truth, and shows an idle kernel although the cell goes on; so *busy* is said again.
"""

from __future__ import annotations

import asyncio
from typing import Any


class RunningCell:
    """Knows whether one runs, and reminds the pages of it.

    Parameters
    ----------
    shell : InteractiveShell
        One with a kernel.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._request: dict[str, Any] | None = None
        shell.events.register("pre_run_cell", self._began)
        shell.events.register("post_run_cell", self._ended)

    def close(self) -> None:
        """Know nothing any more."""
        self._shell.events.unregister("pre_run_cell", self._began)
        self._shell.events.unregister("post_run_cell", self._ended)

    def remind(self) -> None:
        """Say *busy* again once the message that is being handled has been; to be called on its thread."""
        if self._request is not None:
            asyncio.get_running_loop().call_soon(self._say)

    def _began(self, _: Any) -> None:
        self._request = self._shell.get_parent()

    def _ended(self, _: Any) -> None:
        self._request = None

    def _say(self) -> None:
        request = self._request
        if request is None:
            return
        kernel = self._shell.kernel
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "busy"}, parent=request)
        if self._request is None:
            # It ended meanwhile, and its own word may have come before ours.
            kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=request)
