"""The families of models, and the format in which each fills holes.

We recognize the family of a checkpoint by the tokens of its tokenizer.
"""

from __future__ import annotations

from collections.abc import Collection

from cg2magic.errors import FormatError
from cg2magic.formats import FillInMiddle, Format, Masks

#: The format of each family, in the order in which they are tried: CodeGen2.5's vocabulary also has
#: StarCoder's tokens, and CodeGemma's has all of Qwen's. Sources, in this order: the model card of
#: codegen2-1B; ai.google.dev/gemma/docs/codegemma/prompt-structure; the README of QwenLM/Qwen2.5-Coder; the
#: model cards of starcoder and of gpt_bigcode-santacoder; the README of deepseek-ai/DeepSeek-Coder, "code
#: insertion"; the Code Llama paper (arXiv 2308.12950), transformers' `CodeLlamaTokenizer`;
#: mistralai/cookbook's templates.
FORMATS: dict[str, Format] = {
    "codegen2": Masks("<mask_{}>", ("<|endoftext|>", "<sep>"), "<eom>"),
    "codegemma": FillInMiddle("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", end="<|file_separator|>"),
    "qwen2.5-coder": FillInMiddle(
        "<|fim_prefix|>",
        "<|fim_suffix|>",
        "<|fim_middle|>",
        stops=("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|im_start|>", "<|im_end|>"),
    ),
    # Granite's code models have StarCoder's tokens.
    "starcoder": FillInMiddle(
        "<fim_prefix>",
        "<fim_suffix>",
        "<fim_middle>",
        stops=("<|endoftext|>", "<fim_pad>", "<file_sep>", "<repo_name>", "<filename>", "<reponame>"),
    ),
    "santacoder": FillInMiddle(
        "<fim-prefix>", "<fim-suffix>", "<fim-middle>", stops=("<|endoftext|>", "<fim-pad>")
    ),
    # Its second token marks the hole; the model writes at the end of the text.
    "deepseek-coder": FillInMiddle("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", stops=("<|EOT|>",)),
    "codellama": FillInMiddle("▁<PRE>", "▁<SUF>", "▁<MID>", end="▁<EOT>"),
    "codestral": FillInMiddle("[PREFIX]", "[SUFFIX]", suffix_first=True, stops=("[MIDDLE]",)),
    "causal": Format(),
}

_BUILT_IN = tuple(FORMATS)


def family_of(vocabulary: Collection[str]) -> str:
    """Find the family by the tokens of a vocabulary; formats that users registered are tried first."""
    own = [name for name in FORMATS if name not in _BUILT_IN]
    for name in (*reversed(own), *_BUILT_IN):
        needed = FORMATS[name].needed
        if needed and all(token in vocabulary for token in needed):
            return name
    return "causal"


def register_format(
    name: str,
    *,
    prefix: str,
    suffix: str,
    middle: str | None = None,
    suffix_first: bool = False,
    end: str | None = None,
) -> None:
    """Register the format in which a family of models fills holes, so that ``%%infill`` can use it.

    From now on, every model whose vocabulary has these tokens belongs to the family, even a loaded one.

    Parameters
    ----------
    name : str
        Name of the family; registering it again replaces the format.
    prefix, suffix : str
        Tokens that precede the text before the hole, and the text after it.
    middle : str, optional
        Token after which the model writes. Required unless the suffix comes first.
    suffix_first : bool
        Whether the order is suffix, prefix (and middle) instead of prefix, suffix, middle.
    end : str, optional
        Token that ends a fill, if that is not the end-of-text token.

    Raises
    ------
    FormatError
        If a token is missing, or the name belongs to a built-in family.

    Examples
    --------
    >>> import cg2magic
    >>> cg2magic.register_format("ours", prefix="<PRE>", suffix="<SUF>", middle="<MID>")
    """
    if name in _BUILT_IN:
        raise FormatError(f"the format of {name} is built in and can't be changed; give yours another name")
    FORMATS[name] = FillInMiddle(prefix, suffix, middle, suffix_first, end)
