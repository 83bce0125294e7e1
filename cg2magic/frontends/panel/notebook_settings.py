"""What a notebook lets a model see: the page writes it into the notebook's metadata and shows it."""

from __future__ import annotations

import weakref

import anywidget
import traitlets

from cg2magic.frontends.comms import keep_open
from cg2magic.frontends.panel.modules import joined
from cg2magic.frontends.panel.render import STATIC


class NotebookSettings(anywidget.AnyWidget):
    """One line in the output of `%cg2 config --notebook`.

    Parameters
    ----------
    settings : dict of str to str
        What the page should write into the notebook's metadata, under ``cg2magic``.
    """

    _esm = joined(STATIC / "settings.js")

    # The page empties this once it is written, so that reopening the notebook does not write it again.
    wanted = traitlets.Dict().tag(sync=True)

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__(wanted=settings)
        keep_open(self)

    def show(self) -> None:
        """Display it in the running cell's output."""
        from IPython.display import display

        _shown.add(self)
        display(self)


_shown: weakref.WeakSet[NotebookSettings] = weakref.WeakSet()
