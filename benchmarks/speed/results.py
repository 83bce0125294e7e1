"""The figures of a run: the rows of the table, and the targets (bars) for them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.speed.rows import TIMES, Better, Meaning


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, minimum and maximum of several measurements."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarize one or more values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(slots=True)
class Row:
    """One figure, measured for each peer.

    Attributes
    ----------
    key, label, unit : str
    better : {"more", "less"}
    values : dict of str to list of float
        By key of the peer, one value per round.
    """

    key: str
    label: str
    unit: str
    better: Better
    values: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, peer: str) -> Spread | None:
        """Summarize the measurements of a peer."""
        values = self.values.get(peer)
        return Spread.of(values) if values else None

    def ratio(self, peer: str, other: str) -> Spread | None:
        """Summarize how many times better a peer is than another, compared round by round."""
        pairs = list(zip(self.values.get(peer, ()), self.values.get(other, ()), strict=False))
        if not pairs:
            return None
        return Spread.of([mine / its if self.better == "more" else its / mine for mine, its in pairs])


@dataclass(frozen=True, slots=True)
class Bar:
    """A target for the package: at least, or at most, this much."""

    what: str
    wanted: float
    unit: str
    better: Better
    reached: Spread | None

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the target; None if it was not measured."""
        if self.reached is None:
            return None
        return (
            self.reached.median >= self.wanted
            if self.better == "more"
            else self.reached.median <= self.wanted
        )


@dataclass(slots=True)
class Results:
    """All results of a run.

    Attributes
    ----------
    when : str
        Date and time, UTC.
    machine : dict
    model : dict
        Name, parameters and layout of the model.
    rounds : int
    peers : dict of str to str
        Labels by key, in the order of the table.
    rows : dict of str to Row
        By key.
    missing : dict of str to str
        Why a peer is missing in the table.
    remarks : list of str
    """

    when: str
    machine: dict[str, Any]
    model: dict[str, Any]
    rounds: int
    peers: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    @classmethod
    def empty(cls, meanings: dict[str, Meaning], **about: Any) -> Results:
        """Make results with a row for every figure that may be measured."""
        return cls(rows={key: Row(key, *meaning) for key, meaning in meanings.items()}, **about)

    def add(self, row: str, peer: str, value: float) -> None:
        """Add one measurement."""
        self.rows[row].values.setdefault(peer, []).append(value)

    def bars(self) -> list[Bar]:
        """Compare the figures with the targets."""

        def ratio(what: str, wanted: float, key: str, other: str) -> Bar:
            row = self.rows.get(key)
            return Bar(what, wanted, TIMES, "more", row.ratio("ours", other) if row else None)

        def plain(what: str, wanted: float, unit: str, key: str, peer: str = "ours") -> Bar:
            row = self.rows.get(key)
            better = row.better if row else "more"
            return Bar(what, wanted, unit, better, row.spread(peer) if row else None)

        card, other = "against the model card's way", "against CTranslate2 int8"
        return [
            ratio(f"generation, 1 sequence, {card}", 5.5, "generation_1", "card"),
            plain("generation, 1 sequence, of the streaming-read limit", 65, "%", "limit_share"),
            ratio(f"generation, 1 sequence, {other}", 1.8, "generation_1", "ctranslate2"),
            plain("generation, 4 sequences, against ours with 1", 2.5, TIMES, "generation_4_to_1"),
            ratio(f"prompt of 512 tokens, {card}", 3.5, "prompt_512", "card"),
            ratio(f"prompt of 512 tokens, {other}", 0.95, "prompt_512", "ctranslate2"),
            ratio(f"typical request, {card}", 4.5, "request", "card"),
            ratio(f"the next request, {card}", 8, "next_request", "card"),
            plain("time to first token, warm against cold", 10, "%", "first_warm_to_cold"),
            plain("drafts, a text with repetition, this model's size", 1.4, TIMES, "drafts_repeating"),
            plain("drafts, a text with none, this model's size", 0.97, TIMES, "drafts_none"),
            plain("drafts, a text with repetition, mini", 1.4, TIMES, "drafts_repeating", "mini"),
            plain("drafts, a text with none, mini", 0.97, TIMES, "drafts_none", "mini"),
            plain("memory in service, above the import", 1.5, "GB", "memory_service"),
            plain("peak memory while loading, above the import", 2.0, "GB", "memory_load"),
            plain("int8 on mini: mean change of loss", 0.01, "nats", "int8_loss", "mini"),
            plain("int8 on mini: top-1 agreement", 98, "%", "int8_agreement", "mini"),
            plain("int8 with outlier channels: top-1 agreement", 97, "%", "int8_outliers", "outliers"),
        ]
