"""The engine elsewhere: a server that speaks OpenAI's completions API writes the candidates.

Formats, seams and endings are this side's business, as with a model in this process: prompts go out as token
ids, tokens come back with their ids, and where a candidate is finished the connection is closed, which ends
the work on the server too. Tokens that are forced (the end of a fill and the next mask) and a token that
has to begin with some text (see `formats`) are a new request each; servers keep the prompt's KV cache.

Each candidate is a request with a seed of its own, instead of one request for ``n`` of them: so the third of
five is the third of ten (nearly: side by side, a server's sums round differently from time to time),
candidates may end at different holes, and vLLM takes no ``n`` with greedy decoding. The server works on them
side by side all the same. Texts to stop at are not sent either: servers keep back the tokens in which they
find them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, TypeGuard

from cg2magic.engines.one_by_one import has_too_many_holes, one_by_one
from cg2magic.engines.remote.client import Cancelled, ContextExceededError, run
from cg2magic.engines.remote.model import RemoteModel
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES, TokenReader
from cg2magic.engines.written import Report, Written
from cg2magic.errors import GenerationError, UsageError
from cg2magic.prompts.assemble import notes_on, prompt_for, seen
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob

#: Added to the logits of the tokens that may come where a token has to begin with some text: the most the API
#: allows, and more than any model's logits differ by. Among themselves they keep their distances.
_BIAS = 100

#: A request is cut to the context that a refusal tells, in so many tries; no server has less than this.
_TRIES, _SHORTEST = 3, 16


class RemoteEngine:
    """Answers requests with a model on a server.

    Parameters
    ----------
    loaded : RemoteModel
    """

    def __init__(self, loaded: RemoteModel) -> None:
        self.loaded = loaded
        self.vocabulary = Vocabulary(loaded.tokenizer, FORMATS[loaded.family].steering)
        self._reader = TokenReader(self.vocabulary, loaded.client.host)

    def generate(
        self,
        request: Request,
        report: Report = lambda _: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Written:
        """Write the candidates of a request, see `LocalEngine.generate`.

        Raises
        ------
        FormatError
            If the model can't do what is asked.
        GenerationError
            If the server fails before anything is written. What is written before it fails is kept.
        """
        if has_too_many_holes(request, self.vocabulary):
            return one_by_one(request, self.generate, report, cancelled)
        for tries_left in reversed(range(_TRIES)):
            prompt = prompt_for(request, self.vocabulary, self.loaded.context)
            notes = [*notes_on(request, prompt, self.loaded.context)]
            candidates = [Candidate(request, prompt, self.vocabulary) for _ in range(request.sampling.n)]

            def changed(candidates: list[Candidate] = candidates) -> None:
                report(tuple(candidate.suggestion() for candidate in candidates))

            try:
                run(self._write(request.sampling, prompt, candidates, changed), cancelled)
            except Cancelled:
                pass
            except ServerError as error:
                written = any(candidate.suggestion().tokens for candidate in candidates)
                if tries_left and not written and self._may_learn(error):
                    # Each of a server's slots may have less than the model; only now it says how much.
                    self.loaded = replace(self.loaded, context=error.context)
                    continue
                if not written:
                    raise GenerationError(str(error)) from None
                notes.append(f"{error}; what it wrote before is kept")
            break
        for candidate in candidates:
            candidate.cancel()  # those that are not finished
        suggestions = tuple(candidate.suggestion() for candidate in candidates)
        return Written(suggestions, seen(prompt, self.vocabulary), tuple(notes))

    def _may_learn(self, error: ServerError) -> TypeGuard[ContextExceededError]:
        """Whether the server tells a context that is shorter than what was known, and no nonsense."""
        return isinstance(error, ContextExceededError) and _SHORTEST <= error.context < self.loaded.context

    def score(self, *_: object) -> NoReturn:
        """Refuse: the API tells the log-probabilities of what it writes, not of what it reads."""
        raise UsageError("a model on a server can't score text: load one here, such as `%cg2 load mini`")

    def embed(self, *_: object) -> NoReturn:
        """Refuse, as `score`: hidden states stay on the server."""
        raise UsageError("a model on a server gives no features: load one here, such as `%cg2 load mini`")

    def close(self) -> Callable[[], None]:
        """Nothing is held here: connections end with their requests."""
        return lambda: None

    async def _write(
        self, sampling: Sampling, prompt: Prompt, candidates: list[Candidate], changed: Callable[[], None]
    ) -> None:
        """Write all the candidates side by side; the first that fails ends the others."""
        tasks = [
            asyncio.ensure_future(self._write_one(sampling, i, prompt, candidate, changed))
            for i, candidate in enumerate(candidates)
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write_one(
        self,
        sampling: Sampling,
        index: int,
        prompt: Prompt,
        candidate: Candidate,
        changed: Callable[[], None],
    ) -> None:
        ids = list(prompt.ids)
        candidate.replay()
        while candidate.finish_reason is None:
            ids += candidate.feed
            candidate.feed.clear()
            room = self.loaded.context - len(ids)
            if room < 1:
                candidate.run_out()
                break
            body = self._body(sampling, index, ids, room) | self._healing(candidate.start)
            async with contextlib.aclosing(self.loaded.client.stream("completions", body)) as events:
                ids += await self._follow(events, candidate, prompt, changed)

    async def _follow(
        self, events: Any, candidate: Candidate, prompt: Prompt, changed: Callable[[], None]
    ) -> list[int]:
        """Let the candidate read a stream until something else than its next token is to be fed; what was."""
        fed: list[int] = []
        reason = None
        async for event in events:
            choice = self._reader.choice(event)
            if choice is None:
                continue
            reason = choice.get("finish_reason") or reason
            for token in self._reader.tokens(choice):
                candidate.take(self._healed(token, candidate.start))
                changed()
                if candidate.finish_reason is not None or list(candidate.feed) != [token.id]:
                    return fed
                candidate.feed.clear()
                fed.append(token.id)
        if reason == "stop":
            # The server knows the token that ends a text and kept it to itself.
            candidate.take(TokenLogprob(min(prompt.ends), "", 0.0))
            changed()
        elif not fed:
            raise ServerError(f"{self.loaded.client.host} sent an answer without tokens")
        return fed

    def _body(self, sampling: Sampling, index: int, ids: list[int], room: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.loaded.served,
            "prompt": ids,
            "max_tokens": min(room, sampling.max_new_tokens),
            "temperature": sampling.temperature,
            "logprobs": ALTERNATIVES,
            "return_tokens_as_token_ids": True,  # vLLM's; others don't mind it
        }
        if sampling.temperature:
            # What servers would add of their own is switched off: llama.cpp has a top_k of 40 and a min_p.
            body |= {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": 0.0}
            if sampling.seed is not None:
                # Neither candidates nor the requests that one is made of may meet in the same numbers.
                body["seed"] = (sampling.seed * 1_000_003 + index * 10_007 + len(ids)) % 2**31
        return body

    def _healing(self, start: bytes) -> dict[str, Any]:
        """Ask for one token that leads to `start`, where there is one."""
        if not start:
            return {}
        allowed = self.vocabulary.leading_to(start)
        return {"max_tokens": 1, "logit_bias": {str(i): _BIAS for i in allowed}}

    def _healed(self, token: TokenLogprob, start: bytes) -> TokenLogprob:
        """The token without alternatives that were not allowed; the server tells those too."""
        if not start:
            return token
        if not self.vocabulary.leads_to(start, token.id):
            raise ServerError(
                f"{self.loaded.client.host} ignores logit_bias, so the model can't continue inside a word; "
                "end the cell at the end of a line"
            )
        allowed = tuple(o for o in token.alternatives if self.vocabulary.leads_to(start, o.id))
        return replace(token, alternatives=allowed)
