"""Which models of the catalog run on this machine, how, and which of them to recommend."""

from __future__ import annotations

from dataclasses import dataclass

from cg2magic.errors import LoadError
from cg2magic.models.catalog import CATALOG, Entry
from cg2magic.models.gguf.binding import is_installed
from cg2magic.models.machine import Machine, this_machine
from cg2magic.models.placement import BYTES, check_memory, resolve_precision

#: Tokens a second: about as fast as people read code.
FLUENT = 8.0
#: The quantization of a file that we recommend: with fewer bits, a smaller model would be better.
_QUANT = "Q4_K_M"
#: A model is not worth its size if a better one is at most so much larger.
_LARGER = 1.25


@dataclass(frozen=True, slots=True)
class Way:
    """How a model would be loaded here.

    Attributes
    ----------
    name : str
        What to type after ``%cg2 load``.
    precision : str
        The precision of its weights.
    memory : int
        Size of its weights in that precision in bytes.
    download : int
        Bytes to download, about; 0 if it is on this disk.
    speed : float
        Tokens a second that it will write, about.
    """

    name: str
    precision: str
    memory: int
    download: int
    speed: float


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of the catalog, and whether it fits on this machine.

    Attributes
    ----------
    entry : Entry
    way : Way
        The best way to load it here: as a file of four bits if llama.cpp is installed, else in torch.
    fits : bool
        Whether it fits into the free memory in this way.
    commit : str or None
        If it is on this disk: its commit in the Hub's cache, or ``"package"``.
    """

    entry: Entry
    way: Way
    fits: bool
    commit: str | None

    @property
    def runs(self) -> bool:
        """Whether it can be loaded here."""
        return self.fits and not self.entry.refusal

    @property
    def is_fluent(self) -> bool:
        """Whether it runs, and writes as fast as people read."""
        return self.runs and self.way.speed >= FLUENT


@dataclass(frozen=True, slots=True)
class Survey:
    """The machine, and the models it can load.

    Attributes
    ----------
    machine : Machine
    has_gguf : bool
        Whether llama.cpp is installed, which runs files of four bits.
    offers : tuple of Offer
        One for each entry of the catalog, in the same order.
    """

    machine: Machine
    has_gguf: bool
    offers: tuple[Offer, ...]

    @property
    def recommended(self) -> tuple[Offer, ...]:
        """Up to three models to choose from: the smallest good one, a better one, the best that is fluent.

        They fill holes, and anybody may download them. None is both larger and worse than another.
        """
        good = [o for o in self.offers if o.is_fluent and o.entry.humaneval and o.entry.holes != "none"]
        free = [offer for offer in good if not offer.entry.gated]
        worth = sorted((offer for offer in free if not _is_beaten(offer, free)), key=lambda o: o.way.memory)
        return tuple(worth) if len(worth) <= 3 else (worth[0], worth[len(worth) // 2], worth[-1])


def survey() -> Survey:
    """Look at the machine and the cache, without using the network."""
    machine = this_machine()
    has_gguf = is_installed()
    return Survey(machine, has_gguf, tuple(_offer(entry, machine, has_gguf=has_gguf) for entry in CATALOG))


def _is_beaten(offer: Offer, others: list[Offer]) -> bool:
    def quality(one: Offer) -> float:
        return one.entry.humaneval or 0

    return any(
        other.way.memory <= _LARGER * offer.way.memory and quality(other) > quality(offer) for other in others
    )


def _offer(entry: Entry, machine: Machine, *, has_gguf: bool) -> Offer:
    commit = _commit(entry)
    file_is_here = entry.gguf is not None and _has_file(entry.gguf)
    if has_gguf and entry.gguf and machine.is_cpu and (file_is_here or commit is None):
        way = Way(
            f"{entry.gguf}:{_QUANT}",
            _QUANT,
            entry.in_four_bits,
            0 if file_is_here else entry.in_four_bits,
            machine.tokens_per_second(entry.in_four_bits, "llama.cpp"),
        )
        return Offer(entry, way, machine.free is None or way.memory <= machine.free, commit)
    precision = resolve_precision("auto", machine.device, entry.parameters)
    memory = entry.parameters * BYTES[precision]
    way = Way(
        entry.name,
        precision,
        memory,
        0 if commit else entry.download,
        machine.tokens_per_second(memory, "torch"),
    )
    return Offer(entry, way, _has_room(entry, precision, machine.device), commit)


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


def _has_file(repo: str) -> bool:
    from cg2magic.models.hub import snapshot

    folder = snapshot(repo)
    return folder is not None and any(
        _QUANT.casefold() in path.name.casefold() for path in folder.glob("*.gguf")
    )
