"""Text in, text out: for servers that are not sent token ids, or don't return them.

What the person typed may end within a token, and such a server can't be told with what to begin. So it is
asked from before the last word, or before white space, and what was typed is cut off its answer. If the
answer does not begin with that, the server is asked again, from where the text ends.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from cg2magic.engines.remote.abilities import Abilities
from cg2magic.engines.remote.calls import Answer, Ask, Call, Piece
from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.writer import Task, grounded
from cg2magic.formats import FillInMiddle, Masks
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.text_vocabulary import TextVocabulary
from cg2magic.request import Request, Sampling, TokenLogprob

#: The texts around a hole that the server itself puts into its prompt.
_HOLE = FillInMiddle("<prefix>", "<suffix>", "<middle>")
#: The temperature at which a candidate is drawn again that came to nothing: its first token can't be barred.
_AGAIN = 0.8


class _OtherwiseError(Exception):
    """The answer does not begin with what the person typed."""


class TextWriter:
    """Writes candidates on a server that is sent text.

    Parameters
    ----------
    client : Client
    abilities : Abilities
    """

    fills_one = True

    def __init__(self, client: Client, abilities: Abilities) -> None:
        form = FORMATS[abilities.family or "causal"]
        # CodeGen2's vocabulary has tokens for runs of spaces.
        self.vocabulary = TextVocabulary(form.steering, joins_spaces=not isinstance(form, Masks))
        self._client = client
        self._abilities = abilities

    def suited(self, request: Request) -> Request:
        """Have the server write the prompt, if it knows how and we don't."""
        is_theirs = self._abilities.hole is not None and request.is_infill and request.form is None
        return replace(request, form=_HOLE) if is_theirs else request

    async def write(self, task: Task) -> None:
        """Write a candidate, see `Writer`."""
        candidate, sampling = task.candidate, task.sampling
        written = b""
        candidate.replay()
        # On what was typed: a candidate that came to nothing is to begin in another way.
        insists = bool(candidate.barred and candidate.start)
        while candidate.finish_reason is None:
            written += b"".join(self.vocabulary.pieces[i] for i in candidate.feed)
            candidate.feed.clear()
            room = task.context - len(candidate.prompt.ids) - len(written) // 3
            if room < 1:
                candidate.run_out()
                break
            typed = candidate.start
            how = self._warmer(sampling) if candidate.barred else sampling
            asked = (written + _insisted(typed) if insists else written).decode(errors="ignore")
            seed = task.seed(len(candidate.prompt.ids) + len(written), how)
            call, ask = self._ask(candidate.prompt, asked, min(room, sampling.max_new_tokens), how, seed)
            try:
                async with contextlib.aclosing(task.stream(call.path, call.body(ask))) as events:
                    written += await self._follow(call, events, candidate, insists, task.changed)
            except _OtherwiseError:
                insists = True
            else:
                insists = False

    def _warmer(self, sampling: Sampling) -> Sampling:
        """Return how to draw another first token, if the server does not say which others are likely."""
        if self._abilities.call.logprobs:
            return sampling
        # Whoever asked for no chance gets the same text again.
        return replace(sampling, temperature=max(sampling.temperature, _AGAIN), seed=sampling.seed or 0)

    def _ask(
        self, prompt: Prompt, written: str, length: int, sampling: Sampling, seed: int | None
    ) -> tuple[Call, Ask]:
        ids = list(prompt.ids)
        if _HOLE.prefix not in self.vocabulary.steering or self._id(_HOLE.prefix) not in ids:
            # A server refuses an empty text.
            text = self._spelled(ids) + written or "\n"
            return self._abilities.call, Ask(text, None, length, sampling, seed)
        suffix, middle = ids.index(self._id(_HOLE.suffix)), ids.index(self._id(_HOLE.middle or ""))
        before, behind = self._spelled(ids[1:suffix]), self._spelled(ids[suffix + 1 : middle])
        call = self._abilities.hole or self._abilities.call
        return call, Ask(before + written, behind, length, sampling, seed)

    def _id(self, token: str) -> int:
        return self.vocabulary.steering[token]

    def _spelled(self, ids: list[int]) -> str:
        """Write a prompt as text, in which a name of a special token is one only where it is meant to be."""
        specials = self.vocabulary.steering_ids
        at = [-1, *(place for place, i in enumerate(ids) if i in specials), len(ids)]
        texts = [self._harmless(self.vocabulary.decode(ids[a + 1 : b])) for a, b in pairwise(at)]
        names = [self.vocabulary.text(ids[place]) for place in at[1:-1]]
        return "".join(text + name for text, name in zip(texts, [*names, ""], strict=True))

    def _harmless(self, text: str) -> str:
        for name in self.vocabulary.steering:
            text = text.replace(name, f"{name[0]} {name[1:]}")
        return text

    async def _follow(
        self,
        call: Call,
        events: AsyncIterable[Any],
        candidate: Candidate,
        insists: bool,  # noqa: FBT001 - see `write`
        changed: Callable[[], None],
    ) -> bytes:
        """Read a stream until the candidate is finished; return the text that it took."""
        beginning = _Beginning(candidate.start, self.vocabulary, insists=insists)
        fed, reason = b"", ""
        async for event in events:
            answer = call.read(event, self._client.host)
            reason = answer.reason or reason
            for given in beginning.pass_on(self._tokens(answer)):
                token = grounded(_unbarred(given, candidate.barred), candidate.allowed, self.vocabulary)
                candidate.take(token)
                candidate.feed.clear()
                fed += self.vocabulary.pieces[token.id]
                changed()
                # After a token of ours, the server has to go on from there.
                if candidate.finish_reason is not None or token.id != given.id:
                    return fed
        if beginning.is_open and not insists:
            raise _OtherwiseError
        if reason == "length":
            candidate.cut()
        elif reason:
            candidate.take(TokenLogprob(self.vocabulary.end, "", -math.inf))
        elif not fed:
            raise ServerError(f"{self._client.host} sent an answer without text")
        changed()
        return fed

    def _tokens(self, answer: Answer) -> Iterator[TokenLogprob]:
        """Yield the tokens of an answer, up to a special token, which some servers spell."""
        for piece in answer.pieces:
            text = piece.text.decode(errors="replace")
            met = [text.find(name) for name in self.vocabulary.steering if name in text]
            if not met:
                yield self._token(piece)
                continue
            if min(met):
                yield self._token(Piece(text[: min(met)].encode(), piece.logprob))
            yield TokenLogprob(self.vocabulary.end, "", -math.inf)
            return

    def _token(self, piece: Piece) -> TokenLogprob:
        others = tuple(self._token(other) for other in sorted(piece.others, key=lambda other: -other.logprob))
        i = self.vocabulary.token(piece.text)
        return TokenLogprob(i, self.vocabulary.text(i), piece.logprob, others)


def _insisted(typed: bytes) -> bytes:
    """What of a typed text is sent with the prompt; vocabularies join the last space to the next word."""
    return typed[:-1] if typed.endswith(b"  ") else typed


def _unbarred(token: TokenLogprob, barred: frozenset[int]) -> TokenLogprob:
    """Take the likeliest alternative instead of a token that is barred, if there is one."""
    others = [other for other in token.alternatives if other.id not in barred]
    if token.id not in barred or not others:
        return token
    return replace(max(others, key=lambda other: other.logprob), alternatives=token.alternatives)


class _Beginning:
    """Holds tokens back until it is clear whether they begin with what the person typed.

    Parameters
    ----------
    typed : bytes
    vocabulary : TextVocabulary
    insists : bool
        Whether it was sent with the prompt, so that the first token goes on behind it.
    """

    def __init__(self, typed: bytes, vocabulary: TextVocabulary, *, insists: bool) -> None:
        self._typed = typed
        self._vocabulary = vocabulary
        self._insists = insists
        self._held: list[TokenLogprob] = []

    @property
    def is_open(self) -> bool:
        """Whether it is not clear yet."""
        return bool(self._typed)

    def pass_on(self, tokens: Iterator[TokenLogprob]) -> Iterator[TokenLogprob]:
        """Yield tokens as soon as it is clear.

        Raises
        ------
        _OtherwiseError
            If they begin with something else.
        """
        for token in tokens:
            if not self._typed:
                yield token
            elif self._insists:
                typed, self._typed = self._typed, b""
                yield self._behind(typed, token)
            else:
                self._held.append(token)
                text = b"".join(self._vocabulary.pieces[each.id] for each in self._held)
                if not (text.startswith(self._typed) or self._typed.startswith(text)) or not text:
                    raise _OtherwiseError
                if len(text) >= len(self._typed):
                    self._typed = b""
                    yield from self._held

    def _behind(self, typed: bytes, token: TokenLogprob) -> TokenLogprob:
        """Return a token with what was typed in front of it, as if the model had written both."""
        piece = self._vocabulary.pieces[token.id]
        if not piece:
            return token
        piece = piece.removeprefix(typed[len(_insisted(typed)) :])
        i = self._vocabulary.token(typed + piece)
        others = tuple(self._behind(typed, other) for other in token.alternatives)
        return replace(token, id=i, text=self._vocabulary.text(i), alternatives=others)
