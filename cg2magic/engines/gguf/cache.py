"""The KV cache in llama.cpp, as the decoding loops know it: it grows, forks, and gives tokens back.

All sequences share one pool of cells, so forking copies nothing. Each cache has the numbers of its sequences,
which are handed out and come back here.

Cells are only given back from the end, so that those in use have no gap: the llama.cpp that our extra
installs (see `models.gguf.binding`) looks at the cells up to the one that it has just filled, and would miss
those behind a gap. Attention also takes longer the more cells there are, whoever they belong to. So of
earlier prompts only the last one stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cg2magic.engines.local.prefixes import PrefixCache
from cg2magic.errors import GenerationError
from cg2magic.models.gguf.llama import SEQUENCES, LlamaContext

if TYPE_CHECKING:
    import torch

    from cg2magic.engines.local.forward import Cache


class Pool:
    """The numbers of the sequences in a context.

    Parameters
    ----------
    context : LlamaContext
    token_bytes : int
        Size of the keys and values of one token.
    """

    def __init__(self, context: LlamaContext, token_bytes: int) -> None:
        self.context = context
        self.token_bytes = token_bytes
        self._free = list(range(1, SEQUENCES))  # 0 is for `LlamaContext.states`
        # A cache may be collected on any thread, but only one thread may use the context.
        self._dropped: deque[int] = deque()

    def take(self) -> int:
        """Return the number of an empty sequence."""
        if not self._free:
            raise GenerationError("too many sequences at once for llama.cpp: ask for fewer candidates")
        return self._free.pop()

    def drop(self, sequences: Sequence[int]) -> None:
        """Let sequences be emptied before the next prompt; may be called on any thread."""
        self._dropped.extend(sequences)

    def sweep(self) -> None:
        """Empty the sequences that were dropped."""
        while self._dropped:
            sequence = self._dropped.popleft()
            self.context.remove(sequence)
            self._free.append(sequence)


class LastPrompt(PrefixCache):
    """The KV cache of the last prompt, and no other.

    Parameters
    ----------
    pool : Pool
    """

    def __init__(self, pool: Pool) -> None:
        super().__init__(limit=0)
        self._pool = pool

    def longest(self, ids: tuple[int, ...]) -> tuple[int, Cache | None]:
        """Return how many of `ids` the last prompt began with, and its cache, cropped to these."""
        best, length, cache = self._best(ids)
        self.clear()
        if best is not None and cache is not None:
            cache.crop(length - len(best))
        self._pool.sweep()
        return length, cache


class LlamaCache:
    """The KV cache of one prompt, or of several candidates with the same number of tokens.

    Parameters
    ----------
    pool : Pool
    sequences : list of int
        The sequence of each row of the batch.
    length : int
        How many tokens each of them has.
    """

    #: No tensors of ours: the keys and values are llama.cpp's.
    layers: Sequence[Any] = ()

    def __init__(self, pool: Pool, sequences: list[int], length: int = 0) -> None:
        self.pool = pool
        self.sequences = sequences
        self.length = length

    def __del__(self) -> None:
        self.pool.drop(self.sequences)

    @property
    def is_croppable(self) -> bool:
        """Whether tokens can be removed again; the state of a recurrent layer can't be reverted."""
        return not self.pool.context.model.is_recurrent

    @property
    def nbytes(self) -> int:
        """Size of its keys and values in bytes, as if none were shared."""
        return len(self.sequences) * self.length * self.pool.token_bytes

    def get_seq_length(self) -> int:
        """How many tokens each sequence has."""
        return self.length

    def crop(self, tokens: int) -> None:
        """Remove the last ``-tokens`` tokens of each sequence."""
        self.length += tokens
        for sequence in self.sequences:
            self.pool.context.remove(sequence, self.length)

    def fork(self) -> LlamaCache:
        """Copy it: both grow from here, each for itself."""
        return LlamaCache(self.pool, [self._copy(sequence) for sequence in self.sequences], self.length)

    def reorder_cache(self, rows: torch.Tensor) -> None:
        """Let row ``k`` of the batch be what row ``rows[k]`` was; rows that are not named are dropped."""
        before = self.sequences
        unused = set(before)
        self.sequences = []
        for row in rows.tolist():
            sequence = before[row]
            self.sequences.append(sequence if sequence in unused else self._copy(sequence))
            unused.discard(sequence)
        self.pool.drop(sorted(unused))

    def _copy(self, sequence: int) -> int:
        copied = self.pool.take()
        self.pool.context.copy(sequence, copied)
        return copied
