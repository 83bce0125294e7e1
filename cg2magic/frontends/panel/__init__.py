"""The panel under the cell: a widget that draws a job, and a static panel for places without widgets.

`widget` holds the live panel, `render` the static one, as HTML and as plain text. The widget is imported when
it is first used: a terminal and a client without a person don't need it.
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
