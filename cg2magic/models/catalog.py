"""The models known by name: where they are, what they can do, how their weights are grouped."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

Holes = Literal["none", "one", "many"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the catalog.

    Attributes
    ----------
    name : str
        What a person types.
    repo : str or None
        Its id on the Hugging Face Hub; None for the model that comes with the package.
    family : str
        How its prompts are written.
    parameters : int
    groups : int or None
        Groups of ``[q | v | k]`` in its ``qkv_proj``, where the checkpoint has CodeGen's layout.
    licence : str
        SPDX identifier of the licence of the weights.
    holes : {"none", "one", "many"}
        How many holes it fills in one go.
    """

    name: str
    repo: str | None
    family: str
    parameters: int
    groups: int | None
    licence: str
    holes: Holes


def _codegen2(size: str, parameters: int, groups: int) -> Entry:
    name = f"codegen2-{size}"
    return Entry(name, f"Salesforce/{name}", "codegen2", parameters, groups, "Apache-2.0", "many")


CATALOG: tuple[Entry, ...] = (
    Entry("mini", None, "codegen2", 8_938_000, 8, "Apache-2.0", "many"),
    _codegen2("1B", 1_015_000_000, 8),
    _codegen2("3_7B", 3_641_000_000, 8),
    _codegen2("7B", 6_862_000_000, 4),
    _codegen2("16B", 16_032_000_000, 4),
    _codegen2("1B_P", 1_015_000_000, 8),
    _codegen2("3_7B_P", 3_641_000_000, 8),
    _codegen2("7B_P", 6_862_000_000, 4),
    _codegen2("16B_P", 16_032_000_000, 4),
)


def find(name: str) -> Entry | None:
    """Return the entry with this name or Hub id, in any case of letters."""
    wanted = name.casefold()
    for entry in CATALOG:
        if wanted in (entry.name.casefold(), (entry.repo or entry.name).casefold()):
            return entry
    return None


def closest(name: str, n: int = 3) -> tuple[str, ...]:
    """Return the known names a person may have meant, likeliest first."""
    wanted = name.casefold().rpartition("/")[2]
    known = {entry.name.casefold(): entry.name for entry in CATALOG}
    return tuple(known[match] for match in difflib.get_close_matches(wanted, known, n=n, cutoff=0.5))


def did_you_mean(name: str) -> str:
    """Return a question with the closest known names; where none is close, the shortest list there is."""
    return f"did you mean {' or '.join(closest(name) or ('mini', 'codegen2-1B'))}?"
