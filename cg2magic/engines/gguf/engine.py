"""The engine for GGUF files: llama.cpp is one more forward pass for the local engine's loops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cg2magic.engines.gguf.cache import LastPrompt, LlamaCache, Pool
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import GenerationError, UsageError
from cg2magic.likelihood import Score
from cg2magic.models.gguf.llama import LlamaContext, LlamaModel, NoRoom, Stopped
from cg2magic.models.threads import cores_to_use
from cg2magic.progress import Progress, Watch
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.request import Request

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from cg2magic.engines.local.forward import Cache
    from cg2magic.models.gguf.loading import GgufModel

#: Cells of the KV cache beyond one context, for several candidates.
_SPARE = 4096
#: Seconds between two looks at whether to stop a pass.
_GLANCE = 0.02


class GgufEngine(LocalEngine):
    """Runs requests on a model in llama.cpp.

    Parameters
    ----------
    loaded : GgufModel
    """

    loaded: GgufModel

    def __init__(self, loaded: GgufModel) -> None:
        super().__init__(loaded)
        model: LlamaModel = loaded.model
        self._context = LlamaContext(model, cells=loaded.context + _SPARE, threads=cores_to_use())
        self._pool = Pool(self._context, loaded.token_bytes)
        self.prefixes = LastPrompt(self._pool)

    def score(self, text: str, watch: Watch) -> Score:
        """Compute how likely the model finds a text, see `scoring.score`."""
        self.prefixes.clear()
        try:
            with self._stoppable(watch.cancelled):
                return super().score(text, watch)
        except Stopped:
            raise GenerationError("the scoring was stopped") from None

    def embed(self, texts: Sequence[str], watch: Watch) -> NDArray[np.float32]:
        """Compute the mean of the last hidden states of each text, ``(len(texts), width)``.

        A text longer than the model's context is read window by window, as in `scoring.embed`.
        """
        import numpy as np

        opening = self.vocabulary.opening
        window = self.loaded.context - len(opening)
        means = np.zeros((len(texts), self.loaded.model.width), dtype=np.float32)
        self.prefixes.clear()
        self._pool.sweep()
        with self._computing(), self._stoppable(watch.cancelled):
            for number, text in enumerate(texts):
                ids = self.vocabulary.encode(text.encode(errors="replace").decode())
                if not ids:
                    raise UsageError(f"text {number} is empty: a text needs at least one token")
                for at in range(0, len(ids), window):
                    try:
                        states = self._context.states([*opening, *ids[at : at + window]])
                    except Stopped:
                        raise GenerationError("the embedding was stopped") from None
                    means[number] += states[len(opening) :].sum(0, dtype=np.float64) / len(ids)
                watch.send(Progress(number + 1, len(texts), "texts", "embedding"))
        return means

    def close(self) -> Callable[[], object | None]:
        """Free the model and its KV cache; nothing else can hold them."""
        self.prefixes.clear()
        self._context.close()
        self.loaded.model.close()
        self.loaded.release()
        return lambda: None

    def _write(
        self,
        request: Request,
        prompt: Prompt,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
        numbers: Sequence[int] = (),
    ) -> None:
        try:
            with self._stoppable(cancelled):
                super()._write(request, prompt, candidates, changed, cancelled, numbers)
        except Stopped:
            for candidate in candidates:
                candidate.cancel()

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """Leave the cores to llama.cpp: torch only samples here, and its threads would wait for work."""
        import torch

        with super()._computing():
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(threads)

    @contextmanager
    def _stoppable(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Let no pass begin once somebody has stopped the request, in loops that don't ask before each."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(_GLANCE):
                if cancelled():
                    self._context.stop()
                    return

        watcher = threading.Thread(target=watch, name="cg2magic stop", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            self._context.stop(now=False)

    def _new_cache(self) -> LlamaCache:
        self._pool.sweep()
        return LlamaCache(self._pool, [self._pool.take()])

    def _forward(self, ids: torch.Tensor, cache: Cache, keep: int = 1) -> torch.Tensor:
        import torch

        assert isinstance(cache, LlamaCache)
        try:
            logits = self._context.logits(ids.tolist(), cache.sequences, cache.length, keep)
        except NoRoom:
            raise GenerationError(
                "the KV cache has no room left for this: ask for fewer candidates, or shorten the text"
            ) from None
        cache.length += ids.shape[1]
        return torch.from_numpy(logits)
