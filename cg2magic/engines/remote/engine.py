"""The engine on a server: a server with OpenAI's completions API writes the candidates.

Formats, seams and endings are handled here, as with a model in this process. We send prompts as token ids and
receive tokens with their ids. When a candidate is finished we close the connection, which also stops the work
on the server. Forced tokens (the end of a fill and the next mask), and a token that must begin with some text
(see `encoding`), need a new request; servers keep the KV cache of the prompt.

Each candidate is a request with its own seed. We don't use one request with ``n``, for several reasons. The
third of five candidates should be the third of ten (nearly: in a batch, a server's sums may round
differently). Candidates may end at different holes. And vLLM doesn't accept ``n`` with greedy decoding. The
server still processes them as a batch. We don't send stop texts either: servers hold back the tokens that
contain them.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeGuard

from cg2magic.engines.again import notes_on_nothing, write_again
from cg2magic.engines.one_by_one import has_too_many_holes, one_by_one
from cg2magic.engines.remote.client import Cancelled, ContextExceededError, run
from cg2magic.engines.remote.model import RemoteModel
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES, TokenReader
from cg2magic.engines.written import Report, Written
from cg2magic.errors import GenerationError, UsageError
from cg2magic.grounding.allowed import Allowed
from cg2magic.prompts.assemble import notes_on, prompt_for, seen
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob

#: Added to the logits of the allowed tokens if a token must begin with some text, and subtracted from those
#: of barred tokens. It is the maximum of the API, and larger than the differences between any model's logits.
#: The differences between allowed tokens stay.
_BIAS = 100

#: The most tokens that are sent as a bias for a name.
_FEW = 300

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
        self.vocabulary = Vocabulary(loaded.tokenizer, FORMATS[loaded.family].steering)
        self._reader = TokenReader(self.vocabulary, loaded.client.host)

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
        if has_too_many_holes(request, self.vocabulary):
            return one_by_one(request, self.generate, report, cancelled)
        for tries_left in reversed(range(_TRIES)):
            prompt = prompt_for(request, self.vocabulary, self.loaded.context)
            notes = [*notes_on(request, prompt, self.loaded.context)]
            candidates = [Candidate(request, prompt, self.vocabulary) for _ in range(request.sampling.n)]

            def changed(candidates: list[Candidate] = candidates) -> None:
                report(tuple(candidate.suggestion() for candidate in candidates))

            try:
                everyone = dict(enumerate(candidates))
                run(self._write(request.sampling, prompt, everyone, changed), cancelled)
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
        self._write_again(request.sampling, prompt, candidates, changed, cancelled)
        for candidate in candidates:
            candidate.cancel()  # if it is not finished
        suggestions = tuple(candidate.suggestion() for candidate in candidates)
        notes += notes_on_nothing(candidates)
        return Written(suggestions, seen(prompt, self.vocabulary), tuple(notes))

    def _write_again(
        self,
        sampling: Sampling,
        prompt: Prompt,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Write empty candidates again; where the server can't, they stay empty."""

        def write(new: list[Candidate], numbers: Sequence[int]) -> None:
            run(self._write(sampling, prompt, dict(zip(numbers, new, strict=True)), changed), cancelled)

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
        prompt: Prompt,
        candidates: Mapping[int, Candidate],
        changed: Callable[[], None],
    ) -> None:
        """Write candidates, by the numbers for their seeds, at once; the first failure cancels the others."""
        tasks = [
            asyncio.ensure_future(self._write_one(sampling, number, prompt, candidate, changed))
            for number, candidate in candidates.items()
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
            body = self._body(sampling, index, ids, room)
            body |= self._steering(candidate) or self._naming(candidate.allowed)
            async with contextlib.aclosing(self.loaded.client.stream("completions", body)) as events:
                ids += await self._follow(events, candidate, prompt, changed)

    async def _follow(
        self, events: Any, candidate: Candidate, prompt: Prompt, changed: Callable[[], None]
    ) -> list[int]:
        """Read a stream until the candidate needs other tokens; return the ids that it took."""
        fed: list[int] = []
        reason = None
        async for event in events:
            choice = self._reader.choice(event)
            if choice is None:
                continue
            reason = choice.get("finish_reason") or reason
            for token in self._reader.tokens(choice):
                token = self._grounded(self._healed(token, candidate.start), candidate.allowed)
                candidate.take(token)
                changed()
                # After a token of ours, the server has to go on from there.
                ended = candidate.finish_reason is not None or token.corrected
                if ended or list(candidate.feed) != [token.id]:
                    return fed
                candidate.feed.clear()
                fed.append(token.id)
        if reason == "stop":
            # The server stopped at the token that ends a text, which it does not send: we can't say that the
            # model was sure.
            candidate.take(TokenLogprob(min(prompt.ends), "", -math.inf))
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
            "return_tokens_as_token_ids": True,  # for vLLM; others ignore it
        }
        if sampling.temperature:
            # Disable the defaults of servers: llama.cpp has a top_k of 40 and a min_p.
            body |= {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": 0.0}
            if sampling.seed is not None:
                # Different candidates, and the requests of one candidate, must not have the same seed.
                body["seed"] = (sampling.seed * 1_000_003 + index * 10_007 + len(ids)) % 2**31
        return body

    def _steering(self, candidate: Candidate) -> dict[str, Any]:
        """Request one token, if it has to lead to some text, or must not be one of those that are barred."""
        start, barred = candidate.start, candidate.barred
        if start:
            leading = self.vocabulary.leading_to(start)
            # Unless nothing would be left.
            bias = dict.fromkeys([i for i in leading if i not in barred] or leading, _BIAS)
        elif barred:
            bias = dict.fromkeys(barred, -_BIAS)
        else:
            return {}
        return {"max_tokens": 1, "logit_bias": {str(i): by for i, by in bias.items()}}

    def _naming(self, allowed: Allowed | None) -> dict[str, Any]:
        """Request one token of a name that was corrected, if there are not too many ways to go on."""
        ids = allowed.ids(self.vocabulary.token_index) if allowed and not allowed.least else []
        few = 0 < len(ids) <= _FEW
        return {"max_tokens": 1, "logit_bias": {str(i): _BIAS for i in ids}} if few else {}

    def _healed(self, token: TokenLogprob, start: bytes) -> TokenLogprob:
        """Remove alternatives that were not allowed, which the server also returns."""
        if not start:
            return token
        if not self.vocabulary.leads_to(start, token.id):
            raise ServerError(
                f"{self.loaded.client.host} ignores logit_bias, so the model can't continue inside a word; "
                "end the cell at the end of a line"
            )
        allowed = tuple(o for o in token.alternatives if self.vocabulary.leads_to(start, o.id))
        return replace(token, alternatives=allowed)

    def _grounded(self, token: TokenLogprob, allowed: Allowed | None) -> TokenLogprob:
        """Take the likeliest alternative that is allowed instead of a token that isn't.

        The server sends only a few alternatives. If none of them is likely enough, the token stays.
        """
        pieces = self.vocabulary.pieces
        if allowed is None or allowed.permits(pieces[token.id]):
            return token
        others = [other for other in token.alternatives if allowed.permits(pieces[other.id])]
        if sum(math.exp(other.logprob) for other in others) < allowed.least or not others:
            return token
        best = max(others, key=lambda other: other.logprob)
        return replace(best, alternatives=token.alternatives, corrected=True)
