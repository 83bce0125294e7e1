"""On which of the kernel's shells the messages of a comm are heard."""

from __future__ import annotations

from typing import Any


def hear_on_the_senders_shell(comm: Any) -> None:
    """Hear each message of a comm on the shell, or the subshell, that its sender chose.

    ipykernel 7.4 hears it on the shell that the kernel last sent something over this comm from. If that was
    a subshell which is gone by now, the message is lost.

    Parameters
    ----------
    comm : comm.base_comm.BaseComm
    """
    comm._reply_subshell_for = lambda _data, chosen: chosen  # noqa: SLF001
