"""The size of the model that is measured, and how much is asked of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A model of CodeGen2's kind.

    Attributes
    ----------
    name : str
    layers, width, heads, rotary_dim : int
    vocabulary : int
        Rows of the embedding.
    tokens : int
        Tokens the tokenizer has; as in CodeGen2, a few less than rows.
    positions : int
        The context.
    groups : int
        Of ``[q | v | k]`` in ``qkv_proj``.
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
        """Channels of a head; at 128 and 256 CTranslate2's converter knows that there are 8 groups."""
        return self.width // self.heads

    @property
    def parameters(self) -> int:
        """Weights of the matrices; the few others don't matter."""
        return self.layers * 12 * self.width**2 + 2 * self.vocabulary * self.width

    @property
    def read_per_token(self) -> int:
        """Weights that have to be read to write a token: all the matrices, and one row of the embedding."""
        return self.layers * 12 * self.width**2 + self.vocabulary * self.width + self.width


@dataclass(frozen=True, slots=True)
class Workload:
    """What is asked of each model.

    Attributes
    ----------
    prompts : tuple of int
        Tokens of the prompts whose speed is measured; the one in the middle is a typical request's.
    first : int
        Tokens of the prompt whose first token is waited for.
    first_new : int
        Tokens after those it shares with that one, in the prompt that is read warm.
    context, new : int
        Tokens of a typical request's prompt and answer.
    more : int
        Tokens by which the prompt of the next request is longer.
    short : int
        Tokens of the prompt before which, and tokens that, a row of sequences writes.
    sequences : tuple of (int, int)
        How many at once, and the tokens that each writes.
    draft_tokens : int
        Tokens written with drafts and without.
    accuracy_tokens : int
        Tokens of held-out code on which the distance of int8 from float is measured.
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
        Shape("1B", layers=16, width=2048, heads=16, rotary_dim=64, vocabulary=51200, tokens=50_400),
        Shape("tiny", layers=2, width=1024, heads=8, rotary_dim=64, vocabulary=2048, tokens=1900),
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
