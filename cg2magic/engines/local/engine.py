"""The engine in this process: prefills the prompt of a request and decodes its candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cg2magic.engines.again import notes_on_nothing, write_again
from cg2magic.engines.local import scoring
from cg2magic.engines.local.decoding import Chooser, Decoding
from cg2magic.engines.local.drafts import PromptLookup
from cg2magic.engines.local.prefixes import PrefixCache, fork
from cg2magic.engines.local.quiet import quiet
from cg2magic.engines.one_by_one import has_too_many_holes, one_by_one
from cg2magic.engines.written import Report, Written
from cg2magic.errors import GenerationError
from cg2magic.likelihood import Score
from cg2magic.models import memory
from cg2magic.models.threads import is_small, threads_for
from cg2magic.progress import Watch
from cg2magic.prompts.assemble import notes_on, prompt_for, seen
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from cg2magic.engines.local.compiled import CompiledSteps
    from cg2magic.engines.local.forward import Cache
    from cg2magic.models.loading import LoadedModel

#: Tokens per prefill pass; it can be cancelled between passes. The passes of a small model are so short that
#: it reacts to typing at once. (mini, 2 cores: 48 tokens take 35 ms and 256 take 130 ms; a whole prompt takes
#: a sixth longer because of it.) So are those of any model while somebody types: after a prompt that was
#: given up, in which a long pass might never come to its end. (Qwen2.5-Coder-0.5B in four bits reads 200
#: tokens/s in passes of 48, and 235 in passes of 256.) A large model on a CPU would keep somebody who stops
#: it waiting for many seconds. (Qwen2.5-Coder-1.5B in four bits: 3.1 s for 256 tokens, 0.9 s for 64, with
#: which it reads a whole prompt 13 % slower. A 7B takes five times as long.)
_CHUNK, _LARGE_CHUNK, _SMALL_CHUNK = 256, 64, 48
#: Parameters from which a model counts as large here.
_LARGE = 2_000_000_000


class LocalEngine:
    """Runs requests on a loaded model.

    Parameters
    ----------
    loaded : LoadedModel
    compile : bool
        Whether to write a single candidate with `torch.compile`, see `CompiledSteps`.

    Attributes
    ----------
    prefixes : PrefixCache
        KV caches of earlier requests.
    drafts : bool
        Whether a single candidate may be written with drafts; the text is the same with and without.
    """

    def __init__(self, loaded: LoadedModel, *, compile: bool = False) -> None:  # noqa: A002 - its name in torch
        self.loaded = loaded
        self.prefixes = PrefixCache()
        self.drafts = True
        self._was_given_up = False  # the last prompt
        self._steps: CompiledSteps | None = None
        if compile:
            from cg2magic.engines.local.compiled import CompiledSteps

            self._steps = CompiledSteps(loaded)
        self.vocabulary = Vocabulary(loaded.tokenizer, FORMATS[loaded.family].steering)

    def generate(
        self,
        request: Request,
        report: Report = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Written:
        """Generate the candidates of a request.

        Parameters
        ----------
        request : Request
        report : callable
            Receives the current state of all candidates after each token.
        cancelled : callable
            Called before each pass through the model; if it returns True, generation stops and what was
            written is kept.

        Raises
        ------
        FormatError
            If the model can't fill these holes, see `encoding.encode`.
        """
        import torch

        if has_too_many_holes(request, self.vocabulary):
            return one_by_one(request, self.generate, report, cancelled)
        prompt = self._prompt(request)
        candidates = [Candidate(request, prompt, self.vocabulary) for _ in range(request.sampling.n)]

        def changed() -> None:
            report(tuple(candidate.suggestion() for candidate in candidates))

        def write(new: list[Candidate], numbers: Sequence[int]) -> None:
            self._write(request, prompt, new, changed, cancelled, numbers)

        with self._computing(), threads_for(self.loaded.parameters), torch.inference_mode():
            self._write(request, prompt, candidates, changed, cancelled)
            write_again(candidates, write)
        suggestions = tuple(candidate.suggestion() for candidate in candidates)
        notes = (*notes_on(request, prompt, self.loaded.context), *notes_on_nothing(candidates))
        return Written(suggestions, seen(prompt, self.vocabulary), notes)

    def score(self, text: str, watch: Watch) -> Score:
        """Compute how likely the model finds a text, see `scoring.score`."""
        with self._computing():
            return scoring.score(text, self.loaded, self.vocabulary, self._forward, self._new_cache, watch)

    def embed(self, texts: Sequence[str], watch: Watch) -> NDArray[np.float32]:
        """Compute the features of texts, see `scoring.embed`."""
        with self._computing():
            return scoring.embed(texts, self.loaded, self.vocabulary, watch)

    def close(self) -> Callable[[], object | None]:
        """Release the model and everything computed with it, see `LoadedModel.release`."""
        self.prefixes.clear()
        if self._steps is not None:
            self._steps.close()
            self._steps = None
        return self.loaded.release()

    @contextmanager
    def _computing(self) -> Iterator[None]:
        """If memory runs out, free what we can, and raise an error that says what helps."""
        try:
            with quiet():
                yield
        except Exception as error:
            if not memory.ran_out(error):
                raise
            self.prefixes.clear()
            where = "" if self.loaded.device == "cpu" else f" of {self.loaded.device}"
            raise GenerationError(
                f"there was no memory{where} left for this: ask for fewer candidates, shorten the text, "
                "or load a smaller model"
            ) from None

    def _prompt(self, request: Request) -> Prompt:
        return prompt_for(request, self.vocabulary, self.loaded.context)

    def _write(
        self,
        request: Request,
        prompt: Prompt,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
        numbers: Sequence[int] = (),
    ) -> None:
        """Write candidates; their seeds are made from the numbers, by default from their indices."""
        for candidate in candidates:
            candidate.replay()
        if candidates[0].finish_reason is not None:
            return
        # All candidates begin with the same tokens: prefill these too.
        ids = prompt.ids + tuple(candidates[0].feed)
        for candidate in candidates:
            candidate.feed.clear()
        logits, cache = self._read(ids, cancelled)
        room = self.loaded.context - len(ids)
        if logits is not None:
            numbers = numbers or range(len(candidates))
            choosers = [Chooser(request.sampling, number, self.vocabulary) for number in numbers]
            decoding = Decoding(self._forward, choosers, room, changed, cancelled)
            if len(candidates) > 1:
                decoding.many(candidates, logits, cache)
            elif self._steps is not None:
                decoding.forward = self._steps
                decoding.one(candidates[0], logits, self._steps.cache_from(cache), drafts=None)
            else:
                drafts = PromptLookup(ids) if self.drafts else None
                fed = decoding.one(candidates[0], logits, cache, drafts)
                # If the suggestion is accepted, the next request continues from here.
                self.prefixes.keep(ids + fed, cache)
            room = decoding.room
        for candidate in candidates:
            candidate.cancel() if room >= 0 else candidate.run_out()

    def _read(self, ids: tuple[int, ...], cancelled: Callable[[], bool]) -> tuple[torch.Tensor | None, Cache]:
        """Prefill the prompt; return the logits after it, ``[1, V]``, and its KV cache; None if cancelled."""
        import torch

        done, cache = self.prefixes.longest(ids)
        if cache is None:
            cache = self._new_cache()
        prompt = torch.tensor([ids[done:]], device=self.loaded.model.device)
        logits = None
        try:
            for chunk in prompt.split(self._tokens_a_pass(), dim=1):
                if cancelled():
                    return None, cache
                logits = self._forward(chunk, cache)[:, -1]
                done += chunk.shape[1]
        finally:
            # Who types gives up one prompt after another, and the next one begins like this one.
            self._was_given_up = done < len(ids)
            if self._was_given_up and done:
                self.prefixes.keep(ids[:done], cache)
        self.prefixes.keep(ids, fork(cache))
        return logits, cache

    def _tokens_a_pass(self) -> int:
        """Return how many tokens of a prompt are read before we look whether it is still wanted."""
        if is_small(self.loaded.parameters) or self._was_given_up:
            return _SMALL_CHUNK
        is_slow = self.loaded.parameters >= _LARGE and self.loaded.device == "cpu"
        return _LARGE_CHUNK if is_slow else _CHUNK

    def _new_cache(self) -> Cache:
        from transformers import DynamicCache

        from cg2magic.models.quick.forward import QuickForward

        model = self.loaded.model
        if isinstance(model, QuickForward) and model.device.type == "cpu" and self._steps is None:
            return model.new_cache()
        return DynamicCache(config=model.config)

    def _forward(self, ids: torch.Tensor, cache: Cache, keep: int = 1) -> torch.Tensor:
        output = self.loaded.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=keep)
        return output.logits
