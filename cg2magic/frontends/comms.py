"""What ipykernel does with the messages of a comm, put right where that is not what our pages need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comm import get_comm_manager

if TYPE_CHECKING:
    from anywidget import AnyWidget


def hear_on_the_senders_shell(comm: Any) -> None:
    """Hear each message of a comm on the shell, or the subshell, that its sender chose.

    ipykernel 7.4 hears it on the shell that the kernel last sent something over this comm from. If that was
    a subshell which is gone by now, the message is lost.

    Parameters
    ----------
    comm : comm.base_comm.BaseComm
    """
    comm._reply_subshell_for = lambda _data, chosen: chosen  # noqa: SLF001


def keep_open(widget: AnyWidget) -> None:
    """Let no page close a widget for the others; the kernel closes it.

    The kernel opens a widget in all pages. One that can't draw widgets (a JupyterLab without ipywidgets, a
    qtconsole) closes it at once, and from then on the kernel would hear no page any more, nor tell a page
    that is loaded anew of the widget.

    Parameters
    ----------
    widget : anywidget.AnyWidget
        Its layout is a widget of its own, without which it can't be drawn.
    """
    for comm in (widget.comm, widget.layout.comm):
        comm.on_close(lambda _message, comm=comm: _reopen(comm))


def _reopen(comm: Any) -> None:
    comm._closed = False  # noqa: SLF001
    get_comm_manager().register_comm(comm)
