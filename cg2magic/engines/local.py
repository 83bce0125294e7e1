"""Writing with a model in this process: one pass over the prompt, then a token at a time.

The loop is our own, and not ``generate`` of transformers, because candidates of one request share the
pass over the prompt, end at different times, have tokens forced on them between holes, and are shown
while they are written. It uses transformers' KV cache and its logits processors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cg2magic.candidate import Candidate
from cg2magic.formats import FORMATS, Prompt, encode
from cg2magic.request import Request, Sampling, Suggestion, TokenLogprob
from cg2magic.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

    from cg2magic.models.loading import LoadedModel

#: Tokens of a prompt that go through the model in one pass; between passes it can be cancelled.
_CHUNK = 256
_ALTERNATIVES = 5

Report = Callable[[tuple[Suggestion, ...]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a request: its candidates, and what the person should know about it."""

    suggestions: tuple[Suggestion, ...]
    notes: tuple[str, ...] = ()


class LocalEngine:
    """Answers requests with a loaded model.

    Parameters
    ----------
    loaded : LoadedModel
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self.vocabulary = Vocabulary(loaded.tokenizer, FORMATS[loaded.family].steering)

    def generate(
        self,
        request: Request,
        report: Report = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Written:
        """Write the candidates of a request.

        Parameters
        ----------
        request : Request
        report : callable
            Gets all the candidates as they stand, after each token.
        cancelled : callable
            Asked before each pass through the model; once true, what was written is kept.

        Raises
        ------
        FormatError
            If the model can't do what is asked, see `formats.encode`.
        """
        import torch

        prompt = self._prompt(request)
        candidates = [Candidate(request, prompt, self.vocabulary) for _ in range(request.sampling.n)]
        choosers = [Chooser(request.sampling, i, self) for i in range(request.sampling.n)]
        with torch.inference_mode():
            self._write(prompt, candidates, choosers, report, cancelled)
        notes = ()
        if prompt.cut:
            notes = (
                f"prompt cut to {len(prompt.ids):,} tokens, the model's context is {self.loaded.context:,}",
            )
        return Written(tuple(candidate.suggestion() for candidate in candidates), notes)

    def _prompt(self, request: Request) -> Prompt:
        # A short context is not given away to an answer that hardly ever becomes so long.
        answer = min(request.sampling.max_new_tokens * request.holes, self.loaded.context // 2)
        return encode(request.parts, self.loaded.family, self.vocabulary, self.loaded.context - answer)

    def _write(
        self,
        prompt: Prompt,
        candidates: list[Candidate],
        choosers: list[Chooser],
        report: Report,
        cancelled: Callable[[], bool],
    ) -> None:
        import torch

        logits, cache = self._read(prompt.ids, cancelled)
        if logits is not None and len(candidates) > 1:
            cache.batch_repeat_interleave(len(candidates))
            logits = logits.expand(len(candidates), -1)
        rows = list(range(len(candidates)))  # the candidates in the batch, by row
        room = self.loaded.context - len(prompt.ids)
        while logits is not None:
            for row, i in enumerate(rows):
                if not candidates[i].feed:
                    candidates[i].take(choosers[i](logits[row], candidates[i].start))
            report(tuple(candidate.suggestion() for candidate in candidates))

            going = [row for row, i in enumerate(rows) if candidates[i].finish_reason is None]
            room -= 1
            if not going or cancelled() or room < 0:
                break
            if len(going) < len(rows):
                cache.batch_select_indices(torch.tensor(going, device=logits.device))
                rows = [rows[row] for row in going]
            step = torch.tensor([[candidates[i].feed.popleft()] for i in rows], device=logits.device)
            logits = self._pass(step, cache)
        for candidate in candidates:
            candidate.cancel() if room >= 0 else candidate.run_out()

    def _read(
        self, ids: tuple[int, ...], cancelled: Callable[[], bool]
    ) -> tuple[torch.Tensor | None, DynamicCache]:
        """Logits after the prompt, ``(1, vocabulary)``, and its KV cache; None if cancelled."""
        import torch
        from transformers import DynamicCache

        cache = DynamicCache(config=self.loaded.model.config)
        prompt = torch.tensor([ids], device=self.loaded.model.device)
        logits = None
        for chunk in prompt.split(_CHUNK, dim=1):
            if cancelled():
                return None, cache
            logits = self._pass(chunk, cache)
        return logits, cache

    def _pass(self, ids: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        """Logits after the last of `ids`, ``(batch, vocabulary)`` in float32."""
        output = self.loaded.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return output.logits[:, -1].float()

    @cached_property
    def unwritable(self) -> torch.Tensor:
        """Rows of the output that no token stands for, ``(vocabulary,)`` of bool.

        Checkpoints round the vocabulary up (CodeGen2: 51200 rows); the rest was never trained.
        """
        import torch

        rows = self.loaded.model.get_output_embeddings().weight.shape[0]
        return torch.arange(rows, device=self.loaded.model.device) >= len(self.vocabulary)


class Chooser:
    """Chooses the tokens of one candidate, greedily or by chance.

    Each candidate has its own generator, so that the third of five is the third of ten.
    """

    def __init__(self, sampling: Sampling, index: int, engine: LocalEngine) -> None:
        import torch
        from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

        self.engine = engine
        self.greedy = sampling.temperature == 0
        self.generator = torch.Generator(device="cpu")
        if sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(sampling.seed * 1_000_003 + index)
        self.processors: list[Callable[..., torch.Tensor]] = []
        if not self.greedy:
            self.processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_k:
                self.processors.append(TopKLogitsWarper(sampling.top_k))
            if sampling.top_p < 1:
                self.processors.append(TopPLogitsWarper(sampling.top_p))

    def __call__(self, logits: torch.Tensor, start: bytes) -> TokenLogprob:
        """Choose from logits ``(vocabulary,)`` a token that begins with the bytes `start`."""
        import torch

        logits = logits.masked_fill(self.engine.unwritable, -torch.inf)
        if start:
            allowed = torch.full_like(logits, -torch.inf)
            allowed[self.engine.vocabulary.starting_with(start)] = 0.0
            logits = logits + allowed
        logprobs = logits.log_softmax(-1)
        if self.greedy:
            chosen = int(logprobs.argmax())
        else:
            scores = logits[None]
            for process in self.processors:
                scores = process(None, scores)
            probabilities = scores[0].softmax(-1).cpu()
            chosen = int(torch.multinomial(probabilities, 1, generator=self.generator))
        best, ids = logprobs.topk(_ALTERNATIVES)
        alternatives = tuple(
            TokenLogprob(i, self.engine.vocabulary.text(i), logprob)
            for i, logprob in zip(ids.tolist(), best.tolist(), strict=True)
            if logprob > -torch.inf
        )
        text = self.engine.vocabulary.text(chosen)
        return TokenLogprob(chosen, text, float(logprobs[chosen]), alternatives)
