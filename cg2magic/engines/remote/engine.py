"""The engine on a server: a server with a completions API writes the candidates.

How it is asked depends on what it can do: with token ids (`by_ids`) or with text (`by_text`). Endings are
handled here in both cases, as with a model in this process.

Candidates begin in one request with ``n`` where the server has it, and go on alone where they need another
request (see `together`). With a seed, each candidate is a request of its own: the third of five should be the
third of ten (nearly: in a batch, a server's sums may round differently). So it is without a temperature: vLLM
doesn't accept ``n`` with greedy decoding. The server still processes them as a batch. We don't send stop
texts: servers hold back the tokens that contain them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NoReturn, TypeGuard

from cg2magic.engines.again import notes_on_nothing, write_again
from cg2magic.engines.one_by_one import has_too_many_holes, one_by_one
from cg2magic.engines.remote.by_ids import IdWriter
from cg2magic.engines.remote.by_text import TextWriter
from cg2magic.engines.remote.client import Cancelled, ContextExceededError, run
from cg2magic.engines.remote.model import RemoteModel
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.together import Together
from cg2magic.engines.remote.writer import Task, Writer
from cg2magic.engines.written import Report, Written
from cg2magic.errors import GenerationError, UsageError
from cg2magic.prompts.assemble import notes_on, prompt_for, seen
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling

#: How often a prompt is cut to the context length in a refusal, and the shortest context that we believe.
_TRIES, _SHORTEST = 3, 16


class RemoteEngine:
    """Runs requests on a model on a server.

    Parameters
    ----------
    loaded : RemoteModel
    """

    def __init__(self, loaded: RemoteModel) -> None:
        self.loaded = loaded
        self._writer = _writer(loaded)
        self.vocabulary = self._writer.vocabulary

    def generate(
        self,
        request: Request,
        report: Report = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Written:
        """Generate the candidates of a request, see `LocalEngine.generate`.

        Raises
        ------
        FormatError
            If the model can't fill these holes.
        GenerationError
            If the server fails before it writes anything. If it fails later, what it wrote is kept.
        """
        request = self._writer.suited(request)
        if has_too_many_holes(request, self.vocabulary) or (request.holes > 1 and self._writer.fills_one):
            return one_by_one(request, self.generate, report, cancelled)
        for tries_left in reversed(range(_TRIES)):
            prompt = prompt_for(request, self.vocabulary, self.loaded.context)
            notes = [*notes_on(request, prompt, self.loaded.context)]
            candidates = [Candidate(request, prompt, self.vocabulary) for _ in range(request.sampling.n)]

            def changed(candidates: list[Candidate] = candidates) -> None:
                report(tuple(candidate.suggestion() for candidate in candidates))

            try:
                everyone = dict(enumerate(candidates))
                run(self._write(request.sampling, everyone, changed), cancelled)
            except Cancelled:
                pass
            except ServerError as error:
                written = any(candidate.suggestion().tokens for candidate in candidates)
                if tries_left and not written and self._may_learn(error):
                    # A server's slots may have a shorter context than the model; only the refusal says so.
                    self.loaded = replace(self.loaded, context=error.context)
                    continue
                if not written:
                    raise GenerationError(str(error)) from None
                notes.append(f"{error}; what it wrote before is kept")
            break
        self._write_again(request.sampling, candidates, changed, cancelled)
        for candidate in candidates:
            candidate.cancel()  # if it is not finished
        suggestions = tuple(candidate.suggestion() for candidate in candidates)
        notes += notes_on_nothing(candidates)
        return Written(suggestions, seen(prompt, self.vocabulary), tuple(notes))

    def _write_again(
        self,
        sampling: Sampling,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Write empty candidates again; where the server can't, they stay empty."""

        def write(new: list[Candidate], numbers: Sequence[int]) -> None:
            run(self._write(sampling, dict(zip(numbers, new, strict=True)), changed), cancelled)

        empty = list(candidates)
        try:
            write_again(candidates, write)
        except Cancelled:
            pass
        except ServerError:
            candidates[:] = [
                now if now.finish_reason is not None else before
                for now, before in zip(candidates, empty, strict=True)
            ]

    def _may_learn(self, error: ServerError) -> TypeGuard[ContextExceededError]:
        """Whether the server states a shorter context than the known one, and a plausible one."""
        return isinstance(error, ContextExceededError) and _SHORTEST <= error.context < self.loaded.context

    def score(self, *_: object) -> NoReturn:
        """Refuse: the API returns log-probabilities of what it writes, not of the prompt."""
        raise UsageError("a model on a server can't score text: load one here, such as `%cg2 load mini`")

    def embed(self, *_: object) -> NoReturn:
        """Refuse, like `score`: hidden states stay on the server."""
        raise UsageError("a model on a server can't give features: load one here, such as `%cg2 load mini`")

    def close(self) -> Callable[[], None]:
        """Do nothing: connections end with their requests."""
        return lambda: None

    async def _write(
        self,
        sampling: Sampling,
        candidates: Mapping[int, Candidate],
        changed: Callable[[], None],
    ) -> None:
        """Write candidates, by the numbers for their seeds, at once; the first failure cancels the others."""
        client, context = self.loaded.client, self.loaded.context
        tasks = [
            Task(candidate, number, sampling, context, changed, client.stream)
            for number, candidate in candidates.items()
        ]
        together = Together(client, len(tasks))
        if self._fit_together(sampling, candidates.values()):
            for index, task in enumerate(tasks):
                task.first = partial(together.stream, index)
        writing = [asyncio.ensure_future(self._writer.write(task)) for task in tasks]
        try:
            await asyncio.gather(*writing)
        finally:
            for each in writing:
                each.cancel()
            await asyncio.gather(*writing, return_exceptions=True)
            await together.close()

    def _fit_together(self, sampling: Sampling, candidates: Collection[Candidate]) -> bool:
        """Whether candidates can begin in one request."""
        # What is written again must not begin as before, which differs between candidates.
        alike = len(candidates) > 1 and not any(candidate.barred for candidate in candidates)
        return alike and self.loaded.abilities.many and sampling.seed is None and sampling.temperature > 0


def _writer(loaded: RemoteModel) -> Writer:
    """Return what writes in the way that suits the server."""
    if loaded.tokenizer is None:
        return TextWriter(loaded.client, loaded.abilities)
    vocabulary = Vocabulary(loaded.tokenizer, FORMATS[loaded.family].steering)
    return IdWriter(loaded.client, loaded.served, vocabulary)
