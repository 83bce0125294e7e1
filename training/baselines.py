"""What mini's bits per byte are held against: a 5-gram model of the same data, and xz."""

from __future__ import annotations

import json
import lzma
import math
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from training import tokenizer
from training.batches import Documents, Mixture
from training.ngram import NGram
from training.sources import Source

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FIVE_GRAM, XZ = "5-gram", "xz -9"
#: What the 5-gram model reads, of the mixture that mini is trained on: about as much as mini has.
TOKENS = 15_000_000

#: Gives −ln of the probability of a text, and how many of its bytes that is for.
Score = Callable[[str], tuple[float, int]]


def bits_per_byte(score: Score, texts: Iterable[str]) -> float:
    """Return the mean over all bytes of −log2 of the probability that a model gives to the texts."""
    nats, sizes = zip(*map(score, texts), strict=True)
    return sum(nats) / math.log(2) / sum(sizes)


def of_network(
    model: PreTrainedModel, tokens: PreTrainedTokenizerBase, context: int, begin: str = tokenizer.END
) -> Score:
    """Return the score of a network; each text starts after ``begin`` and is cut where the context ends."""

    @torch.no_grad()
    def score(text: str) -> tuple[float, int]:
        ids = [tokens.convert_tokens_to_ids(begin), *tokens(text, add_special_tokens=False)["input_ids"]]
        ids = ids[:context]
        logits = model(torch.tensor([ids])).logits[0, :-1].float()
        nats = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="sum").item()
        return nats, len(tokens.decode(ids[1:], skip_special_tokens=False).encode())

    return score


def five_gram(documents: Documents, tokens: Tokenizer, count: int) -> Score:
    """Return the score of a 5-gram model that has read ``count`` tokens of documents."""
    rng = random.Random("five-gram")
    end = tokens.token_to_id(tokenizer.END)
    ids: list[int] = []
    while len(ids) < count:
        ids += [end, *tokens.encode(documents.draw(rng), add_special_tokens=False).ids]
    model = NGram(np.array(ids[:count]), tokens.get_vocab_size())

    def score(text: str) -> tuple[float, int]:
        probabilities = model.probabilities(
            np.array([end, *tokens.encode(text, add_special_tokens=False).ids])
        )
        return -np.log(probabilities).sum(), len(text.encode())

    return score


def xz(texts: Iterable[str]) -> float:
    """Return bits per byte of ``xz -9``."""
    data = "\n".join(texts).encode()
    return 8 * len(lzma.compress(data, preset=9)) / len(data)


def measure(groups: dict[str, list[str]], sources: list[Source], work: Path) -> dict[str, dict[str, float]]:
    """Return each baseline's bits per byte on groups of texts; measured once, then kept in ``work``."""
    kept = work / "baselines.json"
    if not kept.exists():
        score = five_gram(Documents(work, sources, Mixture()), tokenizer.load(work), TOKENS)
        found = {FIVE_GRAM: {name: bits_per_byte(score, texts) for name, texts in groups.items()}}
        found[XZ] = {name: xz(texts) for name, texts in groups.items()}
        kept.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(kept.read_text())
