"""What a notebook lets a model see: written into its metadata by its page, and shown there."""

from __future__ import annotations

import weakref

import anywidget
import traitlets

from cg2magic.frontends.panel.modules import joined
from cg2magic.frontends.panel.render import STATIC


class NotebookSettings(anywidget.AnyWidget):
    """One line in the output of `%cg2 config --notebook`.

    Parameters
    ----------
    settings : dict of str to str
        What the page is to write into the notebook's metadata, under ``cg2magic``.
    """

    _esm = joined(STATIC / "settings.js")

    # The page empties it once it is written, so that opening the notebook again does not write it again.
    wanted = traitlets.Dict().tag(sync=True)

    def __init__(self, settings: dict[str, str]) -> None:
        super().__init__(wanted=settings)

    def show(self) -> None:
        """Display it in the running cell's output."""
        from IPython.display import display

        _shown.add(self)
        display(self)


_shown: weakref.WeakSet[NotebookSettings] = weakref.WeakSet()
