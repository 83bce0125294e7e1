"""The families of models, and how each of them wants holes written.

The tokens of its own tokenizer tell which family a checkpoint is of.
"""

from __future__ import annotations

from collections.abc import Collection

from cg2magic.errors import FormatError
from cg2magic.formats import FillInMiddle, Format, Masks

#: What each family wants, in the order in which a vocabulary is tried: CodeGen2.5's has StarCoder's tokens
#: too, and CodeGemma's has all that Qwen's needs. Sources, in this order: the model card of codegen2-1B;
#: ai.google.dev/gemma/docs/codegemma/prompt-structure; the README of QwenLM/Qwen2.5-Coder; the cards of
#: starcoder and of gpt_bigcode-santacoder; the README of deepseek-ai/DeepSeek-Coder, "code insertion"; the
#: Code Llama paper (arXiv 2308.12950), transformers' `CodeLlamaTokenizer`; mistralai/cookbook's templates.
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
    # Its middle token stands for the hole, and the end of the text is where it writes.
    "deepseek-coder": FillInMiddle("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", stops=("<|EOT|>",)),
    "codellama": FillInMiddle("▁<PRE>", "▁<SUF>", "▁<MID>", end="▁<EOT>"),
    "codestral": FillInMiddle("[PREFIX]", "[SUFFIX]", suffix_first=True, stops=("[MIDDLE]",)),
    "causal": Format(),
}

_BUILT_IN = tuple(FORMATS)


def family_of(vocabulary: Collection[str]) -> str:
    """Tell the family by the tokens a vocabulary has; formats that a person registered are tried first."""
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
    """Teach how a family of models wants its holes written, so that ``%%infill`` can fill them.

    Every model whose vocabulary has these tokens is of the family from now on, a loaded one too.

    Parameters
    ----------
    name : str
        What to call the family; registering it again replaces the format.
    prefix, suffix : str
        Tokens in front of the text before the hole, and of the text after it.
    middle : str, optional
        Token behind which the model writes. Needed unless the suffix comes first.
    suffix_first : bool
        Whether the order is suffix, prefix (and middle) instead of prefix, suffix, middle.
    end : str, optional
        Token that closes a fill, where that is not the end of text.

    Raises
    ------
    FormatError
        A token is missing, or the name is that of a family that is known.

    Examples
    --------
    >>> import cg2magic
    >>> cg2magic.register_format("ours", prefix="<PRE>", suffix="<SUF>", middle="<MID>")
    """
    if name in _BUILT_IN:
        raise FormatError(f"the format of {name} is built in and can't be changed; give yours another name")
    FORMATS[name] = FillInMiddle(prefix, suffix, middle, suffix_first, end)
