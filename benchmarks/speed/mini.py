"""What is measured on the embedded model, which writes real text: drafts, and how far int8 is from float."""

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

#: Tokens of each piece of held-out code; the model sees so much before the last of them.
_PIECE = 512


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a precision is from float on the same text.

    Attributes
    ----------
    loss : float
        Mean change of the loss, in nats a token.
    agreement : float
        Share of places where the likeliest token is the same.
    tokens : int
        Places.
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
    """Write the same text four times; tokens a second after the first one, with drafts and without.

    `first` says whether drafts have the first turn and the last: what gets slower or faster meanwhile counts
    for both alike.
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
        """Return a text's tokens."""
        return tuple(self.engine.vocabulary.encode(text))

    def on_repetition(self, new: int, turn: int) -> tuple[float, float]:
        """Go on with a cell that repeats itself; greedy."""
        sampling = Sampling(max_new_tokens=new)
        ids = self.encode(texts.REPEATING)
        return with_and_without_drafts(self.engine, ids, sampling, first=turn % 2 == 0)

    def on_none(self, new: int, turn: int) -> tuple[float, float]:
        """Write what repeats nothing: ordinary code goes on by chance, at temperature 1."""
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
        """Compare int8 with float32 where some channels are far larger than others, and where none is."""
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
    """Return the loss at each place, and the likeliest token there."""
    from torch.nn.functional import cross_entropy

    logits = model(input_ids=ids).logits[0, :-1].float()
    return cross_entropy(logits, ids[0, 1:], reduction="none"), logits.argmax(-1)
