"""Small tokenizers of the kinds that code models come with, each with the special tokens it is given."""

from __future__ import annotations

from transformers import PreTrainedTokenizerFast

from tests.checkpoints import LETTERS


def byte_level(*special: str, bos: str | None = None, eos: str = "<|endoftext|>") -> PreTrainedTokenizerFast:
    """Make a byte-level BPE, as most have; with `bos` it begins every text."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([LETTERS], trainer)
    names = dict.fromkeys([eos, *([bos] if bos else []), *special])
    # Like Qwen's: added tokens, but not all declared special.
    tokenizer.add_tokens([AddedToken(name, normalized=False) for name in names])
    return wrapped(tokenizer, bos, eos)


def sentencepiece(*special: str, prefix_space: bool = True) -> PreTrainedTokenizerFast:
    """Make a BPE in SentencePiece's manner: ▁ for a space, one put before each text, bytes as a fallback."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    scheme = "first" if prefix_space else "never"
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=True)
    trainer = trainers.BpeTrainer(vocab_size=150, show_progress=False)
    trained.train_from_iterator([line.strip() for line in LETTERS.splitlines()], trainer)
    learned = sorted(trained.get_vocab(), key=trained.get_vocab().get)
    merges = []
    for token in learned:
        halves = ((token[:i], token[i:]) for i in range(1, len(token)))
        merges += [pair for pair in halves if set(pair) <= set(learned)][:1]
    names = ["<unk>", "<s>", "</s>", *byte_tokens, *learned]
    vocabulary = {name: i for i, name in enumerate(dict.fromkeys(names))}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(name, normalized=False) for name in special])
    return wrapped(tokenizer, "<s>", "</s>")


def wrapped(tokenizer, bos: str | None, eos: str) -> PreTrainedTokenizerFast:
    from tokenizers import processors

    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token=eos)
