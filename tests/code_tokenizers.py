"""The nine families' ways to cut code into tokens, with vocabularies that were learned from code.

How a text is cut before its tokens are learned decides what becomes of white space: whether a run of spaces
is a token, whether its last space goes to the word, and whether newlines go to the spaces behind or the signs
before them. These are the rules of each family's ``tokenizer.json``.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from benchmarks.corpus import read
from tests.family_tokenizers import wrapped

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CODE = read("package.txt")
_SIZE = 2000
_GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
_BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def _cut(*patterns: str) -> list[pre_tokenizers.PreTokenizer]:
    return [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]


_QWEN = _cut(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_DEEPSEEK = _cut(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[\u4e00-\u9fff]+")
_DIGITS = pre_tokenizers.Digits(individual_digits=True)
#: What becomes tokens of SentencePiece's kind: runs of spaces apart from words, but for the last space.
_LLAMA = _cut(r"▁+(?=▁)|▁?[^▁]+|▁")
#: The same, and the last space of a run is not the word's.
_GEMMA = _cut(r"▁▁+|\n+|▁?[^▁\n]+|▁")


def _byte_level(*cuts: pre_tokenizers.PreTokenizer, runs: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cuts])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=_SIZE, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([CODE], trainer)
    if runs:
        tokenizer.add_tokens([AddedToken(" " * n, normalized=False) for n in range(2, 32)])
        tokenizer.add_tokens([AddedToken("\t" * n, normalized=False) for n in range(2, 10)])
    return tokenizer


def _sentencepiece(cuts: list[pre_tokenizers.PreTokenizer], *, space: bool, newlines: bool) -> Tokenizer:
    learning = Tokenizer(models.BPE())
    learning.normalizer = normalizers.Replace(" ", "▁")
    learning.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    trainer = trainers.BpeTrainer(vocab_size=_SIZE, show_progress=False)
    learning.train_from_iterator([CODE] if newlines else CODE.split("\n"), trainer)
    learned = json.loads(learning.to_str())["model"]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *learned["vocab"]]
    merges = [tuple(pair) for pair in learned["merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            {name: i for i, name in enumerate(names)},
            merges,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    spaces = [normalizers.Prepend("▁")] if space else []
    tokenizer.normalizer = normalizers.Sequence([*spaces, normalizers.Replace(" ", "▁")])
    if newlines:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


def _qwen() -> Tokenizer:
    tokenizer = _byte_level(*_QWEN, _BYTES)
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


#: By family: how its tokenizer is made, and what begins and ends its texts.
_MAKERS = {
    "codegen2": (lambda: _byte_level(_GPT2, runs=True), None, "<|endoftext|>"),
    "codegemma": (lambda: _sentencepiece(_GEMMA, space=False, newlines=True), "<bos>", "<eos>"),
    "qwen2.5-coder": (_qwen, None, "<|endoftext|>"),
    "starcoder": (lambda: _byte_level(_DIGITS, _GPT2), None, "<|endoftext|>"),
    "santacoder": (lambda: _byte_level(_GPT2), None, "<|endoftext|>"),
    "deepseek-coder": (
        lambda: _byte_level(*_DEEPSEEK, _DIGITS, _BYTES),
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
    ),
    "codellama": (lambda: _sentencepiece(_LLAMA, space=True, newlines=False), "<s>", "</s>"),
    "codestral": (lambda: _sentencepiece(_LLAMA, space=True, newlines=False), "<s>", "</s>"),
    "causal": (lambda: _byte_level(_DIGITS, _GPT2), None, "<|endoftext|>"),
}
FAMILIES = tuple(_MAKERS)


@cache
def code_tokenizer(family: str, *special: str) -> PreTrainedTokenizerFast:
    """Make the tokenizer of a family, with the tokens that steer its models."""
    make, begin, end = _MAKERS[family]
    tokenizer = make()
    names = dict.fromkeys(name for name in (begin, end, *special) if name)
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in names])
    return wrapped(tokenizer, begin, end)
