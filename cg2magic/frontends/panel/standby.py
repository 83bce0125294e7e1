"""What a cell's output shows if no page draws the panel, or if a page can't store it by itself.

JupyterLab and Notebook draw the widget and put the static panel into the document. VS Code and Colab draw it,
but store what the kernel sent first: the static panel of a job that still waits. A Jupyter without the
packages for widgets shows only that. So a page reports that it draws the panel. If no page has done so once
the suggestion is finished and the kernel has had time to listen, the finished static panel replaces the live
one.

A console can't take back what it has printed, so there the static panel is printed below. Unlike a notebook,
a console does not name the cell that it runs. If such a client draws the panel after all, the printed one is
removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cg2magic.frontends.panel.render import acceptable, hinted

#: Seconds in which the kernel is free and a page may still report that it draws the panel. A page that does
#: so later gets its panel back.
_GRACE = 5.0
#: The same for a client that does not name the cell that it runs.
_SHORT_GRACE = 1.0

_VIEW = "application/vnd.jupyter.widget-view+json"

Bundle = dict[str, Any]


class Standby:
    """Watches over the output of one panel, on the kernel's main thread except for `finished`.

    Parameters
    ----------
    shell : InteractiveShell
        A shell with a kernel.
    parent : dict
        The execute request that the output belongs to.
    display_id : str
        The output's id.
    """

    def __init__(self, shell: Any, parent: dict[str, Any], display_id: str) -> None:
        self._shell = shell
        self._parent = parent
        self._display_id = display_id
        self._view: Bundle = {}
        self._in_document = bool(parent.get("metadata", {}).get("cellId"))
        self._drawn = False
        self._stored = False
        self._finished: Callable[[], Bundle] | None = None
        self._stands_in = False
        self._printed = False

    def shown(self, bundle: Bundle) -> None:
        """Remember how the widget is displayed."""
        self._view = {_VIEW: bundle[_VIEW]} if _VIEW in bundle else {}

    def drawn(self, *, stored: bool) -> None:
        """A page draws the panel; `stored` is whether it also puts the static panel into its document."""
        self._drawn, self._stored = True, self._stored or stored
        if self._printed:
            self._printed = False
            self._send("update_display_data", {"text/plain": ""}, f"{self._display_id}-text")
        if self._stands_in and self._finished is not None:
            self._stands_in = False
            self._send("update_display_data", {**self._view, **self._finished()})

    def finished(self, bundle: Callable[[], Bundle]) -> None:
        """The suggestion will not change any more; called on any thread.

        Parameters
        ----------
        bundle : callable
            Returns the static panel in its forms.
        """
        self._finished = bundle
        loop = getattr(self._shell.kernel, "io_loop", None)
        if loop is not None:
            grace = _GRACE if self._in_document else _SHORT_GRACE
            # After the messages that have arrived by now; the time counts once the kernel is free.
            loop.add_callback(lambda: loop.call_later(grace, self._settle))

    def settle(self, bundle: Bundle) -> None:
        """The cell has waited for the suggestion and ends now; meanwhile no page could report anything."""
        if not (self._in_document or self._drawn):
            self._print(bundle)

    def _print(self, bundle: Bundle) -> None:
        """Show the static panel below the live one."""
        self._printed = True
        self._send("display_data", acceptable(bundle), f"{self._display_id}-text")

    def _settle(self) -> None:
        if self._finished is None or self._stored:
            return
        if self._drawn:
            self._send("update_display_data", {**self._view, **self._finished()})
        elif self._in_document:
            self._stands_in = True
            self._send("update_display_data", hinted(self._finished()))
        elif not self._printed:
            self._print(self._finished())

    def _send(self, kind: str, data: Bundle, display_id: str = "") -> None:
        publisher = self._shell.display_pub
        content = {"data": data, "metadata": {}, "transient": {"display_id": display_id or self._display_id}}
        publisher.session.send(
            publisher.pub_socket, kind, content, parent=self._parent, ident=publisher.topic
        )
