"""Which models of the catalog fit into the free memory of this machine."""

from __future__ import annotations

from dataclasses import dataclass

from cg2magic.errors import LoadError
from cg2magic.models.catalog import CATALOG, Entry
from cg2magic.models.placement import (
    BYTES,
    check_memory,
    free_memory,
    resolve_device,
    resolve_precision,
)

#: A CPU reads all the weights for each token: up to this size it writes about as fast as people read.
_QUICK_ON_CPU = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of the catalog, and whether it fits on this machine.

    Attributes
    ----------
    entry : Entry
    memory : dict of str to int
        Size of its weights in each precision possible here, most exact first.
    precision : str
        What ``precision="auto"`` chooses here.
    fits : str or None
        Most exact precision in which it fits into free memory; None if it fits in none.
    commit : str or None
        If it is on this disk: its commit in the Hub's cache, or ``"package"``.
    """

    entry: Entry
    memory: dict[str, int]
    precision: str
    fits: str | None
    commit: str | None

    @property
    def fits_as_chosen(self) -> bool:
        """Whether it loads with default settings."""
        return self.fits is not None and self.memory[self.fits] >= self.memory[self.precision]


@dataclass(frozen=True, slots=True)
class Survey:
    """The machine, and the models it can load.

    Attributes
    ----------
    device : str
        What ``device="auto"`` means here.
    free : int or None
        Free memory there in bytes; None if the system doesn't report it.
    offers : tuple of Offer
        One for each entry of the catalog, in the same order.
    """

    device: str
    free: int | None
    offers: tuple[Offer, ...]

    @property
    def good(self) -> tuple[Offer, ...]:
        """Models that fit and are fast here; those that fill most holes first, then the largest."""
        return self._chosen(slow=False)

    @property
    def slow(self) -> tuple[Offer, ...]:
        """Models that fit but are slow on a CPU."""
        return self._chosen(slow=True)

    def _chosen(self, *, slow: bool) -> tuple[Offer, ...]:
        on_cpu = self.device.startswith("cpu")
        found = [
            offer
            for offer in self.offers
            if offer.fits_as_chosen
            and not offer.entry.refusal
            and slow == (on_cpu and offer.memory[offer.precision] > _QUICK_ON_CPU)
        ]
        order = ("many", "one", "none")
        return tuple(sorted(found, key=lambda o: (order.index(o.entry.holes), -o.entry.parameters)))


def survey() -> Survey:
    """Look at the machine and the cache, without using the network."""
    device = resolve_device("auto")
    return Survey(device, free_memory(device), tuple(_offer(entry, device) for entry in CATALOG))


def _offer(entry: Entry, device: str) -> Offer:
    on_cpu = device.startswith("cpu")
    # fp16 takes as much memory as bf16, and int8 is for the CPU only.
    precisions = [name for name in BYTES if name != "fp16" and (on_cpu or name != "int8")]
    memory = {name: entry.parameters * BYTES[name] for name in precisions}
    chosen = resolve_precision("auto", device, entry.parameters)
    fits = next((name for name in precisions if _has_room(entry, name, device)), None)
    return Offer(entry, memory, chosen if chosen in memory else "bf16", fits, _commit(entry))


def _has_room(entry: Entry, precision: str, device: str) -> bool:
    if precision == "int8" and entry.groups is None:
        precision = "bf16"  # other layouts than CodeGen's are read in bf16 first
    try:
        check_memory(entry.parameters, precision, device)
    except LoadError:
        return False
    return True


def _commit(entry: Entry) -> str | None:
    if entry.repo is None:
        return "package"
    from cg2magic.models.hub import cached

    folder = cached(entry.repo)
    return folder.name[:7] if folder is not None else None
