"""Endless packed batches: pieces of documents for causal modelling and samples of span corruption, mixed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from training import corpus, spans
from training.copies import Copies
from training.sources import Source
from training.tokenizer import END

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Mixture:
    """The shares of a batch.

    Attributes
    ----------
    infill : float
        Share of the tokens that are samples of span corruption.
    copies : float
        Share of the rows that teach to look things up (``copies.py``) at the full learning rate. It falls
        with it: many copies late make greedy text go round in circles.
    examples, functions, tests : float
        Share of the samples that are drawn from examples, from functions with what they do in words
        (``functions.py``), and from tests; the rest is library code.
    rest, causal : float
        Weight of the loss on the parts around the holes, and on causal text; on the fills it is 1, and also
        on the first token of a hole where it is asked for at the mask in the prompt.
    """

    infill: float = 0.6
    copies: float = 0.1
    examples: float = 0.35
    functions: float = 0.15
    tests: float = 0.03
    rest: float = 0.25
    causal: float = 0.35

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name in ("infill", "copies", "examples", "functions", "tests"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share, from 0 to 1, not {getattr(self, name):g}.")
        if self.examples + self.functions + self.tests > 1:
            raise ValueError("examples, functions and tests are together more than 1: lower one of them.")


class Documents:
    """Documents to draw from: first the kind, then a document by length times weight."""

    def __init__(
        self,
        folder: Path,
        sources: list[Source],
        mixture: Mixture,
        *,
        part: str = "train",
        largest_share: float = 0.05,
    ) -> None:
        weight = {source.name: source.weight for source in sources}
        pools: dict[str, list[tuple[str, float, str]]] = {
            "example": [],
            "function": [],
            "library": [],
            "test": [],
        }
        for document in corpus.read(folder / f"{part}.jsonl"):
            mass = len(document.text) * weight.get(document.source, 1.0)
            pools[document.kind].append((document.text, mass, document.source))
        shares = {"example": mixture.examples, "function": mixture.functions, "test": mixture.tests}
        shares["library"] = 1 - sum(shares.values())
        self._kinds = [kind for kind in pools if pools[kind]]
        self._shares = [shares[kind] for kind in self._kinds]
        self._texts = {kind: [text for text, _, _ in pools[kind]] for kind in self._kinds}
        self._cumulative = {
            kind: list(accumulate(_capped(pools[kind], weight, largest_share))) for kind in self._kinds
        }

    def draw(self, rng: random.Random) -> str:
        """Return the text of one document."""
        kind = rng.choices(self._kinds, self._shares)[0]
        return rng.choices(self._texts[kind], cum_weights=self._cumulative[kind])[0]


def _capped(pool: list[tuple[str, float, str]], weight: dict[str, float], largest: float) -> Iterator[float]:
    """Yield each document's mass, scaled down where its package has more than its share of the pool."""
    total = sum(mass for _, mass, _ in pool)
    by_source: dict[str, float] = {}
    for _, mass, source in pool:
        by_source[source] = by_source.get(source, 0.0) + mass
    for _, mass, source in pool:
        cap = largest * weight.get(source, 1.0) * total
        yield mass * min(1.0, cap / by_source[source])


class Piece(NamedTuple):
    """Ids of a text or a sample; what is to be predicted in the place of each, and how much that counts.

    ``targets`` are the ids themselves, but for what stands behind a mask in the prompt of an infill: there
    the first token of the hole is asked for. Left alone, the model learns at the mask how the text after the
    hole begins, and answers with that when it meets the mask again.
    """

    ids: list[int]
    targets: list[int]
    weights: list[float]


class Batches:
    """Packed rows of ``context`` ids with a target and a loss weight for each.

    Each batch is drawn from a generator seeded by (seed, number of the batch), so a resumed run goes on
    with the pieces that an unbroken run would have seen.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        documents: Documents,
        mixture: Mixture,
        *,
        rows: int,
        context: int,
        seed: int,
    ) -> None:
        self.rows, self.context, self.seed = rows, context, seed
        self._mixture, self._documents, self._tokenizer = mixture, documents, tokenizer
        self._infill = spans.Infill(tokenizer)
        self._end = tokenizer.token_to_id(END)
        # Bytes and merges come first in the vocabulary, then what is not text.
        self._copies = Copies(range(self._end), self._text)

    def batch(self, number: int, rate: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Return ids, their targets (the ids that follow) and loss weights, each (rows, context).

        ``rate`` is the factor of the learning rate, which the share of copies follows.
        """
        rng = random.Random(f"{self.seed}/{number}")
        rows = [self._row(rng, rate * self._mixture.copies) for _ in range(self.rows)]
        return (
            torch.tensor([row.ids[:-1] for row in rows]),
            torch.tensor([row.targets[1:] for row in rows]),
            torch.tensor([row.weights[1:] for row in rows]),
        )

    def _row(self, rng: random.Random, share_of_copies: float) -> Piece:
        row = Piece([], [], [])
        size = self.context + 1
        copies = rng.random() < share_of_copies
        if copies and rng.random() < 0.5:
            ids, weights = self._copies.row(rng, size, self._mixture.causal)
            return Piece(ids, list(ids), weights)
        while len(row.ids) < size:
            room = size - len(row.ids)
            piece = self._copied(rng, room) if copies else self._piece(rng, room)
            row.ids.extend(piece.ids)
            row.targets.extend(piece.targets)
            row.weights.extend(piece.weights)
        return Piece(row.ids[:size], row.targets[:size], row.weights[:size])

    def _piece(self, rng: random.Random, room: int) -> Piece:
        text = self._documents.draw(rng)
        # A causal piece fills what room there is, so it is drawn less often for the same share of tokens.
        if rng.random() < self._chance_of_infill(room):
            made = self._infilled(text, rng, room)
            if made:
                return made
        ids = self._ids(text, rng, room)
        # Only a text that ends here has an end to learn.
        ids = [*ids, self._end] if len(ids) < room else ids
        return Piece(ids[:room], ids[:room], [self._mixture.causal] * min(len(ids), room))

    def _ids(self, text: str, rng: random.Random, room: int) -> list[int]:
        return self._tokenizer.encode(_from_a_line(text, rng, 6 * room), add_special_tokens=False).ids

    def _text(self, rng: random.Random, room: int) -> list[int]:
        return self._ids(self._documents.draw(rng), rng, room)[:room]

    def _chance_of_infill(self, room: int) -> float:
        typical_infill, typical_causal = 150, max(1, min(room, 400))
        share = self._mixture.infill
        return share * typical_causal / (share * typical_causal + (1 - share) * typical_infill)

    def _infilled(self, text: str, rng: random.Random, room: int) -> Piece | None:
        """Return a sample that fits into the room whole: a cut-off fill would teach not to close it."""
        for _ in range(3):
            piece = spans.window(text, rng, 3 * room)
            chosen = spans.holes(piece, rng)
            if not chosen:
                continue
            ids, before = self._infill.sample(*spans.parts_and_fills(piece, chosen))
            if len(ids) < room:
                return self._sample(ids, before, self._mixture.rest)
        return None

    def _copied(self, rng: random.Random, room: int) -> Piece:
        piece = self._sample(*self._infill.join(*self._copies.holes(rng)), 0.0)
        # As in `_infilled`: a cut-off fill would teach not to close it.
        return piece if len(piece.ids) <= room else self._piece(rng, room)

    def _sample(self, ids: list[int], before: int, rest: float) -> Piece:
        ids = [*ids, self._end]
        targets, weights = list(ids), [rest] * before + [1.0] * (len(ids) - before)
        for mask, first in self._infill.first_of_fills(ids):
            targets[mask + 1], weights[mask + 1] = first, 1.0
        return Piece(ids, targets, weights)


def _from_a_line(text: str, rng: random.Random, longest: int) -> str:
    """Return a text from its beginning or from a line, natural ones preferred."""
    if rng.random() < 0.4:
        return text[:longest]
    start = rng.randrange(len(text))
    natural = text.find("\n\n", start)
    if natural < 0 or natural > start + 1500:
        natural = text.rfind("\n", 0, start)
    begin = natural + 1 if natural >= 0 else 0
    return text[begin : begin + longest].lstrip("\n").removeprefix(f"{spans.SEPARATOR}\n") or text[:longest]
