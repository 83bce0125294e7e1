"""What this machine can hold: its free memory against each model of the catalog."""

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

#: A CPU reads all the weights for each token: with up to so many bytes it writes about as fast as one reads.
_QUICK_ON_CPU = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of the catalog, as seen from this machine.

    Attributes
    ----------
    entry : Entry
    memory : dict of str to int
        Bytes of its weights in each precision it can have here, the most exact first.
    precision : str
        What ``precision="auto"`` would choose here.
    fits : str or None
        The most exact precision in which it fits into what is free; None where none does.
    commit : str or None
        Where it is on this disk: its commit in the Hub's cache, or ``"package"``.
    """

    entry: Entry
    memory: dict[str, int]
    precision: str
    fits: str | None
    commit: str | None

    @property
    def fits_as_chosen(self) -> bool:
        """Whether it loads with no more said than its name."""
        return self.fits is not None and self.memory[self.fits] >= self.memory[self.precision]


@dataclass(frozen=True, slots=True)
class Survey:
    """The machine and what it may be offered.

    Attributes
    ----------
    device : str
        What ``device="auto"`` means here.
    free : int or None
        Bytes of memory that are free there, where the system tells.
    offers : tuple of Offer
        One an entry of the catalog, in its order.
    """

    device: str
    free: int | None
    offers: tuple[Offer, ...]

    @property
    def good(self) -> tuple[Offer, ...]:
        """What fits and is quick here; those that fill many holes first, and of them the largest."""
        return self._chosen(slow=False)

    @property
    def slow(self) -> tuple[Offer, ...]:
        """What fits, but makes a CPU slow."""
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
    """Look at the machine and at the cache; nothing is asked of the network."""
    device = resolve_device("auto")
    return Survey(device, free_memory(device), tuple(_offer(entry, device) for entry in CATALOG))


def _offer(entry: Entry, device: str) -> Offer:
    on_cpu = device.startswith("cpu")
    # fp16 weighs what bf16 does, and int8 is for the CPU.
    precisions = [name for name in BYTES if name != "fp16" and (on_cpu or name != "int8")]
    memory = {name: entry.parameters * BYTES[name] for name in precisions}
    chosen = resolve_precision("auto", device, entry.parameters)
    fits = next((name for name in precisions if _has_room(entry, name, device)), None)
    return Offer(entry, memory, chosen if chosen in memory else "bf16", fits, _commit(entry))


def _has_room(entry: Entry, precision: str, device: str) -> bool:
    if precision == "int8" and entry.groups is None:
        precision = "bf16"  # in which a layout that is not ours is read first
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
