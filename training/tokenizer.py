"""The tokenizer: GPT-2's byte-level BPE, tokens for runs of whitespace, and CodeGen2's special tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

ROWS = 8192
END, SEP, EOM = "<|endoftext|>", "<sep>", "<eom>"
MASKS = tuple(f"<mask_{number}>" for number in range(1, 17))
RUNS = (*(" " * count for count in range(2, 32)), *("\t" * count for count in range(2, 10)))
SPECIAL = (END, SEP, EOM, *MASKS)


def train(texts: Iterable[str]) -> Tokenizer:
    """Train the BPE on texts; the result has ``ROWS`` tokens in all.

    Runs of two and more spaces or tabs are tokens of their own, matched before the BPE, so the BPE is
    trained on what is left between them.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=ROWS - len(RUNS) - len(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )

    def between_runs() -> Iterator[str]:
        for text in texts:
            yield from filter(None, re.split(r" {2,31}|\t{2,9}", text))

    tokenizer.train_from_iterator(between_runs(), trainer)
    tokenizer.add_tokens([AddedToken(run, normalized=False, special=False) for run in RUNS])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, n_positions: int) -> None:
    """Write ``tokenizer.json`` and the ``tokenizer_config.json`` that transformers reads."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": n_positions,
        "bos_token": END,
        "eos_token": END,
        "unk_token": END,
        "pad_token": END,
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def load(folder: Path) -> Tokenizer:
    """Read the tokenizer back."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))
