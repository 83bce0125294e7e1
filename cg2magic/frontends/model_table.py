"""`%cg2 models` and `%cg2 load` without a name: which models there are, and which run well here."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from cg2magic.wording import gigabytes, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cg2magic.models.machine import Machine
    from cg2magic.models.survey import Offer, Survey

_COLUMNS = ("name", "in memory", "download", "holes", "tokens/s", "HumanEval", "licence")
_HOLES = {"none": "no", "one": "yes", "many": "several"}
#: What the recommended models are, by how many there are.
_RANKS = {
    1: ("the one that is fluent",),
    2: ("quick start", "the best that is fluent"),
    3: ("quick start", "better", "the best that is fluent"),
}
_LOADED = "Loaded"
_SHOWN = 5  # models of a group, unless all are wanted

_STYLE = """
.cg2-models-box { overflow-x: auto; }
.cg2-models-box table.cg2-models { border-collapse: collapse; table-layout: auto; margin: 0;
  font-size: var(--jp-code-font-size, 13px); }
.cg2-models-box .cg2-models :is(th, td) { text-align: left; padding: 2px 14px 2px 0; max-width: none; }
.cg2-models-box .cg2-models :is(th, td):not(:last-child) { white-space: nowrap; }
.cg2-models-box .cg2-models th[scope="row"] { font-weight: normal; }
.cg2-models-box .cg2-models th[scope="rowgroup"] { padding-top: 10px; }
.cg2-models-box .cg2-models thead th { border-bottom: 1px solid var(--jp-border-color1, #bbb); }
.cg2-models-box .cg2-models .cg2-no { color: var(--jp-ui-font-color2, #666); }
"""


@dataclass(frozen=True, slots=True)
class _Group:
    title: str
    offers: tuple[Offer, ...]

    @property
    def runs(self) -> bool:
        return self.offers[0].runs


class ModelTable:
    """The catalog as a table in groups: HTML in a notebook, text elsewhere.

    Parameters
    ----------
    found : Survey
    loaded : str or None
        Name of the model that is in memory; it is on top.
    every : bool
        Show all models and all their variants, not only the best ones of each group.
    """

    def __init__(self, found: Survey, loaded: str | None = None, *, every: bool = False) -> None:
        self._found = found
        self._every = every
        self._all = _groups(found, loaded)
        self._best = [
            _Group(group.title, _one_a_size(group.offers)[:_SHOWN])
            for group in self._all
            if not group.offers[0].entry.refusal
        ]
        # What is not in the catalog has no row.
        self._loaded = f"Loaded: {loaded}" if loaded and self._all[0].title != _LOADED else ""

    def __str__(self) -> str:
        groups = self._all if self._every else self._best
        head, *rows = table([_COLUMNS, *(_cells(o) for group in groups for o in group.offers)]).splitlines()
        lines = [self._loaded, "", head] if self._loaded else [head]
        for group in groups:
            count = len(group.offers)
            lines += ["", f"{group.title}:", *rows[:count]]
            rows = rows[count:]
        more = [] if self._every else ["`%cg2 models --all` shows all of them."]
        return "\n".join((*lines, "", *self._notes(), *more))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        shown = _html(self._all if self._every else self._best)
        if not self._every:
            count = len(self._found.offers)
            shown += f"<details><summary>show all {count}</summary>{_html(self._all)}</details>"
        top = f"<p>{escape(self._loaded)}</p>" if self._loaded else ""
        return f"<style>{_STYLE}</style>{top}{shown}{notes}"

    def _notes(self) -> tuple[str, ...]:
        return (_machine(self._found.machine), _MEANINGS, _OTHERS)


#: What the columns mean that need a word.
_MEANINGS = (
    "HumanEval: how many of its problems the base model solves at the first attempt, as published.\n"
    "tokens/s: estimated from the speed of the memory. Downloads: about; a load shows the real size."
)
_OTHERS = (
    "Any other causal language model loads by its Hub id, folder or GGUF file.\n"
    "Gated: you first accept an agreement on the Hub."
)


def advice(found: Survey) -> str:
    """Name up to three models for this machine, each in a line to copy, for `%cg2 load` without a name."""
    machine, chosen = found.machine, found.recommended
    if not chosen:
        return (
            f"{_machine(machine)}\nNo model that is better than mini would be fluent on it.\n"
            "`%cg2 load http://HOST:8000/v1` uses a model on a server."
        )
    lines = [
        f"# {rank}: {_about(offer)}\n%cg2 load {offer.way.name}"
        for rank, offer in zip(_RANKS[len(chosen)], chosen, strict=True)
    ]
    gain = (
        "\nWith llama.cpp (pip install 'cg2magic[gguf]') these would be files of 4 bits a weight: less to\n"
        "download, and faster."
    )
    notes = f"{_MEANINGS}{gain if machine.is_cpu and not found.has_gguf else ''}"
    more = "`%cg2 models` shows more of them."
    return "\n\n".join((f"{_machine(machine)} Copy a line:", *lines, f"{notes}\n{more}"))


def _about(offer: Offer) -> str:
    entry, way = offer.entry, offer.way
    source = f"download {gigabytes(way.download)}" if way.download else "on this disk"
    expected = f"~{way.speed:.0f} tokens/s, HumanEval {entry.humaneval:.0f} %"
    return f"{source}, fills holes, {expected}, {entry.licence}"


def _machine(machine: Machine) -> str:
    free = "an unknown amount" if machine.free is None else gigabytes(machine.free)
    cores = f", {machine.cores} {'core' if machine.cores == 1 else 'cores'}" if machine.is_cpu else ""
    return (
        f"This machine: {machine.device}{cores}, {free} of memory free, read at "
        f"{gigabytes(machine.read_speed)}/s."
    )


def _groups(found: Survey, loaded: str | None) -> list[_Group]:
    """Sort the offers into groups, without the empty ones; the last has what can't be loaded."""
    ours = [offer for offer in found.offers if loaded in (offer.entry.name, offer.way.name)]
    chosen = [offer for offer in found.recommended if offer not in ours]
    rest = sorted((o for o in found.offers if o not in (*ours, *chosen)), key=_by_quality)
    groups = (
        (_LOADED, ours),
        ("Recommended for this machine", chosen),
        ("Fits", [offer for offer in rest if offer.runs]),
        ("Too large for this machine", [o for o in rest if not o.fits and not o.entry.refusal]),
        ("Can't be loaded: the tokenizer exists only as code", [o for o in rest if o.entry.refusal]),
    )
    return [_Group(title, tuple(offers)) for title, offers in groups if offers]


def _by_quality(offer: Offer) -> float:
    return -(offer.entry.humaneval or 0)


def _one_a_size(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Keep the first of the variants of one size."""
    first: dict[str, Offer] = {}
    for offer in offers:
        first.setdefault(offer.entry.size, offer)
    return tuple(first.values())


def _cells(offer: Offer) -> tuple[str, ...]:
    entry, way = offer.entry, offer.way
    return (
        way.name,
        f"{gigabytes(way.memory)} {way.precision}",
        gigabytes(way.download) if way.download else "on this disk",
        _HOLES[entry.holes],
        f"~{way.speed:.0f}" if offer.runs else "-",
        "-" if entry.humaneval is None else f"{entry.humaneval:.0f} %",
        entry.licence + (", gated" if entry.gated else ""),
    )


def _html(groups: list[_Group]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in _COLUMNS)
    bodies = []
    for group in groups:
        style = "" if group.runs else ' class="cg2-no"'
        title = f'<tr><th scope="rowgroup" colspan="{len(_COLUMNS)}">{escape(group.title)}</th></tr>'
        bodies.append(f"<tbody{style}>{title}{''.join(map(_row, group.offers))}</tbody>")
    return (
        '<div class="cg2-models-box" role="region" aria-label="models" tabindex="0">'
        f'<table class="cg2-models"><thead><tr>{head}</tr></thead>{"".join(bodies)}</table></div>'
    )


def _row(offer: Offer) -> str:
    name, *cells = map(escape, _cells(offer))
    return f'<tr><th scope="row">{name}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
