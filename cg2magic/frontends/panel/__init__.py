"""The card under the cell: one widget that draws a job, and the same card for where no widget lives.

`widget` holds the live panel, `render` the stored card and the plain text, `stream` how a job is
followed. The widget is imported when it is first asked for: a terminal and a client without a person do
without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cg2magic.frontends.panel.render import display_static

if TYPE_CHECKING:
    from cg2magic.frontends.panel.widget import Panel

__all__ = ["Panel", "display_static"]


def __getattr__(name: str) -> Any:
    if name == "Panel":
        from cg2magic.frontends.panel.widget import Panel

        return Panel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
