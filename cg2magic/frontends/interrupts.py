"""The kernel's interrupt stops the model's writing, even while no cell runs.

There are three cases. A cell that waits for a suggestion handles the interrupt itself. If a cell of the
person's own is interrupted, it ends with KeyboardInterrupt, which we see through IPython's events. Between
cells, ipykernel ignores SIGINT; there we install a handler of our own. ipykernel saves and restores whatever
handler it finds around each cell, so ours is installed from its event loop, when no cell runs.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cg2magic.service.manager import manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell


def enter(shell: InteractiveShell) -> None:
    """Watch for interrupts in this shell."""
    shell.events.register("post_run_cell", _after_cell)
    if hasattr(shell, "kernel"):
        _between_cells(_install)


def leave(shell: InteractiveShell) -> None:
    """Stop watching."""
    if _after_cell in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", _after_cell)
    if hasattr(shell, "kernel"):
        _between_cells(_uninstall)


def _after_cell(result: ExecutionResult) -> None:
    if isinstance(result.error_in_exec, KeyboardInterrupt):
        manager().cancel()


def _between_cells(change: Callable[[], None]) -> None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        # Not on the kernel's main thread or loop: the other two cases still work.
        return
    loop.call_soon(change)


#: How often, and at what interval in seconds, we try to install the handler while a cell still runs.
_TRIES, _PAUSE = 50, 0.2


def _interrupted(*_: Any) -> None:
    manager().cancel()


def _install(tries: int = _TRIES) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)
    elif tries and signal.getsignal(signal.SIGINT) is not _interrupted:
        asyncio.get_running_loop().call_later(_PAUSE, _install, tries - 1)


def _uninstall() -> None:
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
