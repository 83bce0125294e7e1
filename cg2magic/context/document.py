"""The notebook as its page shows it, or the part of it that was executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

Kind = Literal["code", "markdown", "raw"]
_KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, without its output."""

    id: str | None
    kind: Kind
    source: str


@dataclass(frozen=True, slots=True)
class Document:
    """The cells of a notebook, in order.

    Attributes
    ----------
    cells : tuple of Cell
    active : int or None
        Index of the cell that asks; None if it is not among them: then all of them count as above it.
    metadata : dict
        The notebook's metadata, of which ``cg2magic`` is read.
    """

    cells: tuple[Cell, ...] = ()
    active: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_json(cls, sent: Mapping[str, Any]) -> Document:
        """Read what a page sends.

        Parameters
        ----------
        sent : mapping
            ``{"cells": [{"id", "cell_type", "source"}], "active": index, "metadata": {"cg2magic": {…}}}``.
            Missing or malformed entries count as empty: notebooks can be old, and come from many programs.
        """
        listed = sent.get("cells")
        cells = tuple(map(_cell, listed if isinstance(listed, list) else ()))
        active, metadata = sent.get("active"), sent.get("metadata")
        return cls(
            cells,
            active if type(active) is int and 0 <= active < len(cells) else None,
            dict(metadata) if isinstance(metadata, Mapping) else {},
        )

    @classmethod
    def of_history(cls, shell: InteractiveShell) -> Document:
        """Use the executed cells, for front ends that can't send the document.

        A cell that was run several times keeps its first place, so that the text above the prompt does
        not change. A cell that asks a model is in the history too while it runs; such cells are left out
        when they are read.
        """
        history = shell.history_manager
        executed = history.input_hist_raw[1:] if history else []
        return cls(tuple(Cell(None, "code", source) for source in dict.fromkeys(executed)))

    @property
    def above(self) -> tuple[Cell, ...]:
        """The cells above the one that asks."""
        return self.cells[: self.active]

    @property
    def below(self) -> tuple[Cell, ...]:
        """The cells below it."""
        return () if self.active is None else self.cells[self.active + 1 :]


def _cell(sent: Any) -> Cell:
    sent = sent if isinstance(sent, Mapping) else {}
    source, kind, name = sent.get("source"), sent.get("cell_type"), sent.get("id")
    if isinstance(source, list):  # the lines of a file
        source = "".join(line for line in source if isinstance(line, str))
    return Cell(
        name if isinstance(name, str) else None,
        kind if kind in _KINDS else "raw",
        source if isinstance(source, str) else "",
    )
