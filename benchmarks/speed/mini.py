"""Measurements on the embedded model, which writes real text: drafts, and the accuracy of int8."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.speed import outliers, texts
from benchmarks.speed.ours import FullLengthEngine
from benchmarks.speed.peers import Clock
from cg2magic.request import Sampling

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

#: Tokens in each piece of held-out code.
_PIECE = 512


@dataclass(frozen=True, slots=True)
class Distance:
    """How much a precision differs from float on the same text.

    Attributes
    ----------
    loss : float
        Mean change of the loss, in nats per token.
    agreement : float
        Fraction of positions where the likeliest token is the same.
    tokens : int
        Number of positions.
    """

    loss: float
    agreement: float
    tokens: int


def with_and_without_drafts(
    engine: FullLengthEngine,
    ids: tuple[int, ...],
    sampling: Sampling,
    script: tuple[int, ...] = (),
    *,
    first: bool = True,
) -> tuple[float, float]:
    """Write the same text four times; return tokens per second after the first, with and without drafts.

    If `first`, the first and the last time use drafts, otherwise the two in between: so a machine that gets
    slower or faster meanwhile affects both alike.
    """
    took = {True: 0.0, False: 0.0}
    for drafts in (first, not first, not first, first):
        engine.drafts = drafts
        clock = Clock(1)
        started = time.perf_counter()
        engine.write(ids, sampling, clock, script)
        took[drafts] += time.perf_counter() - started - clock.first
    engine.drafts = False
    written = 2 * (sampling.max_new_tokens - 1)
    return written / took[True], written / took[False]


class Mini:
    """The embedded model."""

    def __init__(self) -> None:
        from cg2magic.models.loading import load_model

        self.engine = FullLengthEngine(load_model("mini"))

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text."""
        return tuple(self.engine.vocabulary.encode(text))

    def on_repetition(self, new: int, turn: int) -> tuple[float, float]:
        """Continue a cell that repeats itself, greedily."""
        sampling = Sampling(max_new_tokens=new)
        ids = self.encode(texts.REPEATING)
        return with_and_without_drafts(self.engine, ids, sampling, first=turn % 2 == 0)

    def on_none(self, new: int, turn: int) -> tuple[float, float]:
        """Write text without repetition: ordinary code, sampled at temperature 1."""
        sampling = Sampling(max_new_tokens=new, temperature=1.0, top_p=1.0, seed=turn)
        ids = self.encode(texts.own_source()[:1500])
        return with_and_without_drafts(self.engine, ids, sampling, first=turn % 2 == 0)

    def distance(self, precision: str, tokens: int) -> Distance:
        """Compare a precision with float32 on code the model was not trained on."""
        from cg2magic.models.loading import load_model

        ids = self.encode(texts.own_source())[:tokens]
        exact, lower = (load_model("mini", precision=name).model for name in ("fp32", precision))
        pieces = [ids[at : at + _PIECE] for at in range(0, len(ids), _PIECE)]
        return distance(exact, lower, [piece for piece in pieces if len(piece) > 1])

    def outlier_agreement(self, folder: str) -> tuple[float, float]:
        """Compare int8 with float32 on a model with outlier channels, and on one without."""
        with_them, without = Path(folder), Path(f"{folder}-none")
        return (
            outliers.agreement(outliers.write(with_them)),
            outliers.agreement(outliers.write_plain(without)),
        )


def distance(exact: PreTrainedModel, lower: PreTrainedModel, pieces: list[tuple[int, ...]]) -> Distance:
    """Compare two models on pieces of text, given in tokens."""
    import torch

    loss = agreed = places = 0.0
    for piece in pieces:
        ids = torch.tensor([piece])
        with torch.inference_mode():
            (exact_loss, exact_best), (loss_now, best) = (_read(model, ids) for model in (exact, lower))
        loss += float((loss_now - exact_loss).sum())
        agreed += int((best == exact_best).sum())
        places += best.numel()
    return Distance(loss / places, agreed / places, int(places))


def _read(model: PreTrainedModel, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss at each position, and the likeliest token there."""
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=ids).logits[0, :-1].float()
    return cross_entropy(logits, ids[0, 1:], reduction="none"), logits.argmax(-1)
