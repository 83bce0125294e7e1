"""A model and its KV cache in llama.cpp, as objects that free what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from ctypes import c_bool, c_int32, c_void_p
from functools import cached_property
from typing import TYPE_CHECKING

from cg2magic.errors import GenerationError, LoadError
from cg2magic.models.gguf.binding import FLOATS, Binding, Pointer, binding
from cg2magic.wording import one_line

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

#: The most tokens of one pass.
BATCH = 512
#: How many sequences may share the KV cache: candidates, and the prompts of earlier requests.
SEQUENCES = 32


_UNKNOWN = re.compile(r"unknown model architecture: (.+)")


class Stopped(Exception):  # noqa: N818 - requested by the user, not a failure
    """A pass was not begun; the KV cache is as it was before."""


class NoRoom(Exception):  # noqa: N818 - the caller says it in its own words
    """The KV cache has no room for the tokens of a pass."""


class LlamaModel:
    """Weights that llama.cpp has loaded.

    Parameters
    ----------
    path : str
        A file that was checked, see `read_header`.
    gpu : bool
        Whether to put all layers on a GPU.
    progress : callable, optional
        See `Binding.load`.

    Raises
    ------
    LoadError
        With what llama.cpp said.
    """

    def __init__(
        self, path: str, *, gpu: bool = False, progress: Callable[[float], bool] | None = None
    ) -> None:
        self.library: Binding = binding()
        self._pointer = self.library.load(path, gpu=gpu, progress=progress)
        if not self._pointer:
            raise LoadError(self._explained(self.library.reason()))

    def __del__(self) -> None:
        self.close()

    @property
    def pointer(self) -> Pointer:
        """llama.cpp's pointer."""
        if not self._pointer:
            raise GenerationError("the model is no longer loaded: load it again")
        return self._pointer

    @cached_property
    def device(self) -> torch.device:
        """Where the logits are, whatever computes them."""
        import torch

        return torch.device("cpu")

    @cached_property
    def width(self) -> int:
        """The size of its hidden states."""
        return self.library.c.llama_model_n_embd(self.pointer)

    @cached_property
    def vocabulary(self) -> int:
        """How many logits a token has."""
        return self.library.c.llama_vocab_n_tokens(self.library.c.llama_model_get_vocab(self.pointer))

    @cached_property
    def is_recurrent(self) -> bool:
        """Whether it keeps a state from which no token can be removed again."""
        return any(
            self.library.declare(f"llama_model_is_{kind}", [c_void_p], c_bool)(self.pointer)
            for kind in ("recurrent", "hybrid")
        )

    def tokenize(self, text: str, *, opening: bool = False) -> list[int]:
        """Return the token ids of a text; with `opening`, also those that begin every text."""
        return self.library.tokenize(self.pointer, text.encode(), opening=opening)

    def _explained(self, said: str) -> str:
        """Say what helps against an error of llama.cpp."""
        unknown = _UNKNOWN.search(said)
        if unknown:
            return (
                f"llama.cpp ({self.library.package}) does not know the architecture {unknown[1]}; a newer "
                "release of it may, or load another model"
            )
        return f"llama.cpp can't load it ({one_line(said)}); download it again, or load another file"

    def close(self) -> None:
        """Free the weights."""
        pointer, self._pointer = getattr(self, "_pointer", None), None
        if pointer:
            self.library.free_model(pointer)


class LlamaContext:
    """The KV cache of a model, and the passes through it.

    Parameters
    ----------
    model : LlamaModel
    cells : int
        How many tokens the KV cache has room for, of all sequences together; a token that several share
        counts once.
    threads : int

    Raises
    ------
    LoadError
        If there is no memory for it.
    """

    def __init__(self, model: LlamaModel, *, cells: int, threads: int) -> None:
        self.model = model
        self._library = model.library
        pointer = self._library.new_context(
            model.pointer, cells=cells, batch=BATCH, sequences=SEQUENCES, threads=threads
        )
        if not pointer:
            raise LoadError(self._library.reason() or "there is no memory for its KV cache")
        self._pointer: Pointer = pointer
        self._batch = self._library.c.llama_batch_init(BATCH, 0, 1)
        self._is_stopped = False

    def __del__(self) -> None:
        self.close()

    def stop(self, *, now: bool = True) -> None:
        """Let no pass begin any more; or, with ``now=False``, let them begin again.

        A pass that is running goes on to its end. llama.cpp could give it up, but in the package that our
        extra installs, its threads may then wait for each other forever: one has left, one is at a barrier.
        """
        self._is_stopped = now

    def logits(
        self, rows: Sequence[Sequence[int]], sequences: Sequence[int], start: int, keep: int
    ) -> NDArray[np.float32]:
        """Feed tokens, and return the logits after the last of them, ``[B, keep, V]``.

        Parameters
        ----------
        rows : sequence of sequence of int
            The ids of each sequence: as many for each.
        sequences : sequence of int
            The numbers of the sequences.
        start : int
            How many tokens each of them already has.
        keep : int

        Raises
        ------
        Stopped, NoRoom
        """
        import numpy as np

        wanted = self._run(rows, sequences, start, keep)
        found = np.empty((len(rows), keep, self.model.vocabulary), dtype=np.float32)
        for k, place in enumerate(wanted):
            pointer = self._library.c.llama_get_logits_ith(self._pointer, place)
            found[k // keep, k % keep] = np.ctypeslib.as_array(pointer, found.shape[2:])
        return found

    def states(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Return the last hidden state of each token of a text, ``[S, W]``, and forget the text."""
        import numpy as np

        found = np.empty((len(ids), self.model.width), dtype=np.float32)
        library, start = self._library, 0
        library.c.llama_set_embeddings(self._pointer, 1)
        get = library.declare("llama_get_embeddings_ith", [c_void_p, c_int32], FLOATS)
        try:
            for start in range(0, len(ids), BATCH):
                piece = ids[start : start + BATCH]
                for i in self._run([piece], [0], start, len(piece)):
                    found[start + i] = np.ctypeslib.as_array(get(self._pointer, i), found.shape[1:])
        finally:
            library.c.llama_set_embeddings(self._pointer, 0)
            self.remove(0)
        return found

    def copy(self, source: int, target: int) -> None:
        """Let another sequence begin as this one; the tokens are not copied."""
        self._library.copy(self._pointer, source, target)

    def remove(self, sequence: int, start: int = 0) -> None:
        """Remove the tokens of a sequence from a position on."""
        self._library.remove(self._pointer, sequence, start)

    def close(self) -> None:
        """Free the KV cache."""
        pointer, self._pointer = getattr(self, "_pointer", 0), 0
        if pointer:
            self._library.c.llama_batch_free(self._batch)
            self._library.free_context(pointer)

    def _run(
        self, rows: Sequence[Sequence[int]], sequences: Sequence[int], start: int, keep: int
    ) -> list[int]:
        """Feed tokens; return the places in the batch whose logits are wanted."""
        if self._is_stopped:
            raise Stopped
        batch, at, wanted = self._batch, 0, []
        for ids, sequence in zip(rows, sequences, strict=True):
            for i, token in enumerate(ids):
                batch.token[at], batch.pos[at] = token, start + i
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, sequence
                batch.logits[at] = i >= len(ids) - keep
                if batch.logits[at]:
                    wanted.append(at)
                at += 1
        batch.n_tokens = at
        status = self._library.decode(self._pointer, batch)
        if status == 0:
            return wanted
        for sequence in sequences:
            self.remove(sequence, start)
        if status == 1:
            raise NoRoom
        raise GenerationError(f"llama.cpp failed ({self._library.reason() or status}): load the model again")
