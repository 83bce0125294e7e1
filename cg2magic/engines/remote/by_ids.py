"""Token ids in, token ids out: for servers that take prompts as ids, and return the tokens with theirs.

Formats, seams and endings are handled here, as with a model in this process. When a candidate is finished we
close the connection, which also stops the work on the server. Forced tokens (the end of a fill and the next
mask), and a token that must begin with some text (see `encoding`), need a new request; servers keep the KV
cache of the prompt.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterable, Callable
from dataclasses import replace
from typing import Any

from cg2magic.engines.remote.calls import Completions
from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES, TokenReader
from cg2magic.engines.remote.writer import Task, grounded
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, TokenLogprob

#: Added to the logits of the allowed tokens if a token must begin with some text, and subtracted from those
#: of barred tokens. It is the maximum of the API, and larger than the differences between any model's logits.
#: The differences between allowed tokens stay.
_BIAS = 100

#: The most tokens that are sent as a bias for a name.
_FEW = 300


class IdWriter:
    """Writes candidates on a server that is sent token ids.

    Parameters
    ----------
    client : Client
    served : str
        The model's name on the server.
    vocabulary : Vocabulary
    """

    fills_one = False

    def __init__(self, client: Client, served: str, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._client = client
        self._served = served
        self._reader = TokenReader(vocabulary, client.host)

    def suited(self, request: Request) -> Request:
        """Return the request as it is: the prompt is written here."""
        return request

    async def write(self, task: Task) -> None:
        """Write a candidate, see `Writer`."""
        candidate = task.candidate
        ids = list(candidate.prompt.ids)
        candidate.replay()
        while candidate.finish_reason is None:
            ids += candidate.feed
            candidate.feed.clear()
            room = task.context - len(ids)
            if room < 1:
                candidate.run_out()
                break
            body = self._body(task, ids, room)
            body |= self._steering(candidate) or self._naming(candidate.allowed)
            async with contextlib.aclosing(task.stream(Completions.path, body)) as events:
                ids += await self._follow(events, candidate, task.changed)

    async def _follow(
        self, events: AsyncIterable[Any], candidate: Candidate, changed: Callable[[], None]
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
                token = grounded(self._healed(token, candidate.start), candidate.allowed, self.vocabulary)
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
            candidate.take(TokenLogprob(min(candidate.prompt.ends), "", -math.inf))
            changed()
        elif not fed:
            raise ServerError(f"{self._client.host} sent an answer without tokens")
        return fed

    def _body(self, task: Task, ids: list[int], room: int) -> dict[str, Any]:
        sampling = task.sampling
        body: dict[str, Any] = {
            "model": self._served,
            "prompt": ids,
            "max_tokens": min(room, sampling.max_new_tokens),
            "temperature": sampling.temperature,
            "logprobs": ALTERNATIVES,
            "return_tokens_as_token_ids": True,  # for vLLM; others ignore it
        }
        if sampling.temperature:
            # Disable the defaults of servers: llama.cpp has a top_k of 40 and a min_p.
            body |= {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": 0.0}
            seed = task.seed(len(ids), sampling)
            if seed is not None:
                body["seed"] = seed
        return body

    def _steering(self, candidate: Candidate) -> dict[str, Any]:
        """Request one token, if it has to lead to some text, or must not be one of those that are barred."""
        start, barred = candidate.start, candidate.barred
        if start:
            barred |= candidate.deeper
            leading = self.vocabulary.leading_to(start)
            # Unless nothing would be left.
            leading = [i for i in leading if i not in barred] or leading
            handicaps = self.vocabulary.handicaps(start)
            bias: dict[int, float] = {i: _BIAS - handicaps.get(i, 0) for i in leading}
        elif barred:
            bias = dict.fromkeys(barred, -_BIAS)
        else:
            return {}
        return {"max_tokens": 1, "logit_bias": {str(i): by for i, by in bias.items()}}

    def _naming(self, names: GroundedFill | None) -> dict[str, Any]:
        """Request one token of a name that was corrected, if there are not too many ways to go on."""
        allowed = None if names is None else names.allowed
        ids = allowed.ids(self.vocabulary.token_index) if allowed and not allowed.least else []
        few = 0 < len(ids) <= _FEW
        return {"max_tokens": 1, "logit_bias": {str(i): _BIAS for i in ids}} if few else {}

    def _healed(self, token: TokenLogprob, start: bytes) -> TokenLogprob:
        """Remove alternatives that were not allowed, which the server also returns."""
        if not start:
            return token
        if not self.vocabulary.leads_to(start, token.id):
            raise ServerError(
                f"{self._client.host} ignores logit_bias, so the model can't continue inside a word; "
                "end the cell at the end of a line"
            )
        allowed = tuple(o for o in token.alternatives if self.vocabulary.leads_to(start, o.id))
        return replace(token, alternatives=allowed)
