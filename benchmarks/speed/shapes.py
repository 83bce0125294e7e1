"""The sizes of the models we measure, and of the tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The size of a model like CodeGen2.

    Attributes
    ----------
    name : str
    layers, width, heads, rotary_dim : int
    vocabulary : int
        Vocabulary size: rows of the embedding.
    tokens : int
        Tokens of the tokenizer; as in CodeGen2, slightly fewer than the vocabulary size.
    positions : int
        Length of the context.
    groups : int
        Number of groups of ``[q | v | k]`` in ``qkv_proj``.
    """

    name: str
    layers: int
    width: int
    heads: int
    rotary_dim: int
    vocabulary: int
    tokens: int
    positions: int = 2048
    groups: int = 8

    @property
    def head_dim(self) -> int:
        """Channels per head; with 128 or 256, CTranslate2's converter knows that there are 8 groups."""
        return self.width // self.heads

    @property
    def parameters(self) -> int:
        """Number of weights in the matrices; the few others don't matter."""
        return self.layers * 12 * self.width**2 + 2 * self.vocabulary * self.width

    @property
    def read_per_token(self) -> int:
        """Number of weights read per token: all the matrices, and one row of the embedding."""
        return self.layers * 12 * self.width**2 + self.vocabulary * self.width + self.width


@dataclass(frozen=True, slots=True)
class Workload:
    """The size of the tasks for a model.

    Attributes
    ----------
    prompts : tuple of int
        Lengths of the prompts whose prefill is measured; the middle one is that of a typical request.
    first : int
        Length of the common prefix of the prompts that measure the time to first token.
    first_new : int
        Number of tokens after that prefix, different in each prompt.
    context, new : int
        Lengths of the prompt and the answer of a typical request.
    more : int
        How many tokens longer the prompt of the next request is.
    short : int
        Length of the short prompt used by the generation rows.
    sequences : tuple of (int, int)
        Batch sizes, and how many tokens each sequence writes.
    draft_tokens : int
        Number of tokens written with and without drafts.
    accuracy_tokens : int
        Number of tokens of held-out code for comparing int8 with float.
    """

    prompts: tuple[int, ...]
    first: int
    first_new: int
    context: int
    new: int
    more: int
    short: int
    sequences: tuple[tuple[int, int], ...]
    draft_tokens: int
    accuracy_tokens: int


SHAPES = {
    shape.name: shape
    for shape in (
        ModelShape("1B", layers=16, width=2048, heads=16, rotary_dim=64, vocabulary=51200, tokens=50_400),
        ModelShape("tiny", layers=2, width=1024, heads=8, rotary_dim=64, vocabulary=2048, tokens=1900),
    )
}

WORKLOADS = {
    "1B": Workload(
        prompts=(64, 512, 1536),
        first=1024,
        first_new=16,
        context=512,
        new=48,
        more=40,
        short=64,
        sequences=((1, 32), (4, 24), (8, 16)),
        draft_tokens=64,
        accuracy_tokens=16_384,
    ),
    "tiny": Workload(
        prompts=(16, 64, 128),
        first=128,
        first_new=8,
        context=64,
        new=8,
        more=8,
        short=16,
        sequences=((1, 8), (2, 8)),
        draft_tokens=24,
        accuracy_tokens=512,
    ),
}
