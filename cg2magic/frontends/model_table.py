"""`%cg2 models` and `%cg2 load` without a name: which models there are, and which run well here."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cg2magic.wording import gigabytes, parameters

if TYPE_CHECKING:
    from cg2magic.models.survey import Offer, Survey

_COLUMNS = ("parameters", "download", "in memory", "fits here", "holes", "licence", "on this disk")
_SHOWN = 5  # models that the advice names

_STYLE = """
.cg2-models { border-collapse: collapse; font-size: var(--jp-code-font-size, 13px); }
.cg2-models th, .cg2-models td { text-align: left; padding: 2px 10px 2px 0; white-space: nowrap; }
.cg2-models thead th { border-bottom: 1px solid var(--jp-border-color1, #bbb); }
.cg2-models tbody tr.cg2-no { color: var(--jp-ui-font-color2, #666); }
.cg2-models-box { overflow-x: auto; max-height: 32em; }
"""


class ModelTable:
    """The catalog as a table: HTML in a notebook, text elsewhere.

    Parameters
    ----------
    found : Survey
    loaded : str or None
        Name of the model that is in memory.
    """

    def __init__(self, found: Survey, loaded: str | None = None) -> None:
        self._found = found
        self._rows = [(_name(offer, loaded), *_cells(offer)) for offer in found.offers]
        self._useless = [offer.fits is None or bool(offer.entry.refusal) for offer in found.offers]

    def __str__(self) -> str:
        rows = [("name", *_COLUMNS), *self._rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join((*lines, *self._notes()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("name", *_COLUMNS))
        body = []
        for (name, *cells), no in zip(self._rows, self._useless, strict=True):
            columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            style = ' class="cg2-no"' if no else ""
            body.append(f'<tr{style}><th scope="row">{escape(name)}</th>{columns}</tr>')
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return (
            f"<style>{_STYLE}</style>"
            '<div class="cg2-models-box" role="region" aria-label="models" tabindex="0">'
            f'<table class="cg2-models"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
            f"</div>{notes}"
        )

    def _notes(self) -> tuple[str, ...]:
        refused = [offer.entry for offer in self._found.offers if offer.entry.refusal]
        others = (
            "Gated: you first accept an agreement on the Hub. Any other causal language model loads by its "
            "Hub id or folder; owner/name@commit loads that commit."
        )
        return (
            f"{_machine(self._found)} Download sizes are estimates; a load begins by showing the real one.",
            *(f"{entry.name}: {entry.refusal}." for entry in refused[:1]),
            others,
        )


def advice(found: Survey) -> str:
    """Say what this machine can run well, for `%cg2 load` without a name."""
    lines = [_machine(found)]
    if found.good:
        lines.append("Runs well here:")
        lines += _listed(found.good)
    if found.slow:
        lines.append("Fits, but writes slowly, as a CPU reads all the weights for each token:")
        lines += _listed(found.slow)
    lines.append(
        "Load one with `%cg2 load NAME`, for example `%cg2 load mini`; `%cg2 models` shows all of them."
    )
    return "\n".join(lines)


def _listed(offers: tuple[Offer, ...]) -> list[str]:
    names = [offer.entry.name for offer in offers[:_SHOWN]]
    here = [offer for offer in offers if offer.commit and offer.entry.name not in names]
    lines = []
    for offer in (*offers[:_SHOWN], *here):
        entry = offer.entry
        holes = {"none": "no holes", "one": "one hole", "many": "several holes"}[entry.holes]
        source = "is on this disk" if offer.commit else f"download {_download(offer)}"
        memory = f"{gigabytes(offer.memory[offer.precision])} in {offer.precision}"
        lines.append(f"  {entry.name:<26} {memory}, {holes}, {source}, {entry.licence}")
    return lines


def _machine(found: Survey) -> str:
    free = "unknown" if found.free is None else gigabytes(found.free)
    return f"This machine: {found.device}, {free} of memory free."


def _name(offer: Offer, loaded: str | None) -> str:
    return offer.entry.name + (" (loaded)" if offer.entry.name == loaded else "")


def _cells(offer: Offer) -> tuple[str, ...]:
    entry = offer.entry
    fits = f"yes, in {offer.fits}" if offer.fits else "no"
    return (
        parameters(entry.parameters),
        _download(offer),
        ", ".join(f"{gigabytes(size)} {name}" for name, size in offer.memory.items()),
        "can't be loaded" if entry.refusal else fits,
        entry.holes,
        entry.licence + (", gated" if entry.gated else ""),
        offer.commit or "no",
    )


def _download(offer: Offer) -> str:
    return f"~{gigabytes(offer.entry.download)}" if offer.entry.download else "none"
