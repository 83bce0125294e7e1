"""What a server can do: found out when it is loaded, with a request of one token for each question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cg2magic.engines.remote.calls import Ask, Call, Completions, FimCompletions, Infill, OllamaGenerate
from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.events import choices
from cg2magic.engines.remote.route import ServerError
from cg2magic.prompts.families import FORMATS
from cg2magic.request import Sampling

#: Status codes of servers that don't know a call, or an option of it.
UNKNOWN = (200, 400, 404, 405, 415, 422, 500, 501)
#: A hole that no suffix fills by accident.
_BEFORE, _BEHIND = "def add(a, b):\n    return", "\n\n\nprint(add(1, 2), add(3, 4), add(5, 6))\n"
_SAMPLED = Sampling(temperature=1.0, seed=1)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a server can do.

    Attributes
    ----------
    call : Call
        How it is asked for text.
    by_ids : bool
        Whether it is sent token ids, and returns those of its tokens.
    family : str or None
        The format whose special tokens it reads as such in a text; a key of `FORMATS`.
    hole : Call or None
        How it is asked to fill a hole, if it puts the texts around it into the prompt itself.
    reason : str
        Why it is not sent token ids.
    many : bool
        Whether it writes several texts for one request (``n``).
    """

    call: Call
    by_ids: bool = False
    family: str | None = None
    hole: Call | None = None
    reason: str = ""
    many: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Say what it can do, and what not and why, in a line each."""
        several = "several in one request, unless they have a seed" if self.many else "a request for each"
        if self.by_ids:
            return (
                "prompts: token ids; log-probabilities: yes; logit_bias: yes",
                f"candidates: {several}",
            )
        said = [f"prompts: text, {self.reason}"]
        if self.family is not None:
            said.append(f"holes: with the special tokens of {self.family}, which it reads in a text")
        elif self.hole is not None:
            how = (
                "suffix"
                if isinstance(self.hole, Completions | OllamaGenerate)
                else self.hole.path.lstrip("/")
            )
            said.append(f"holes: with its own {how}, one at a time")
        else:
            said.append("holes: none, it has no way to fill one that we know: use %%complete")
        said.append(f"candidates: {several}")
        if not self.call.logprobs:
            said.append("no heat map, and no other token to go on from: it reports no log-probabilities")
        return tuple(said)


async def look(client: Client, served: str, reason: str) -> Abilities:
    """Find out what a server can do with text.

    Parameters
    ----------
    client : Client
    served : str
        The model's name there.
    reason : str
        Why it is not sent token ids.

    Raises
    ------
    ServerError
        If it completes no text.
    """
    call = await _call(client, served)
    plain = Abilities(call, reason=reason, many=await writes_many(client, call))
    if isinstance(call, FimCompletions):
        return replace(plain, hole=call)
    # Some servers take long to weigh the tokens of a prompt.
    quick = replace(call, logprobs=False)
    family = await _family(client, quick)
    if family is not None:
        return replace(plain, family=family)
    if await _fills(client, quick, quick):
        return replace(plain, hole=call)
    infill = Infill(served, call.logprobs, call.more)
    return replace(plain, hole=infill) if await _fills(client, quick, infill) else plain


async def writes_many(client: Client, call: Call) -> bool:
    """Whether a server writes two texts where two are asked for; of these calls, one has ``n``."""
    if not isinstance(call, Completions):
        return False
    body = call.body(Ask(_BEFORE, None, 1, _SAMPLED))
    try:
        answer = await client.post(call.path, {**body, "n": 2})
    except ServerError as error:
        if error.status not in UNKNOWN:
            raise
        return False
    return [choice.get("index") for choice in choices(answer)] in ([0, 1], [1, 0])


async def _call(client: Client, served: str) -> Call:
    """Find a call that completes text, with as many options as the server takes."""
    if await _is_ollama(client):
        return await _accepted(client, OllamaGenerate(served))
    try:
        return await _accepted(client, Completions(served))
    except ServerError as error:
        if error.status not in (404, 405):
            raise
        try:
            return await _accepted(client, FimCompletions(served, logprobs=False))
        except ServerError as second:
            if second.status not in (404, 405):
                raise
            raise ServerError(
                f"{client.host} completes no text with {served}: it has neither /completions nor "
                "/fim/completions there, and a chat is not enough; check the address and --model",
                error.status,
            ) from None


async def _accepted(client: Client, call: Call) -> Call:
    """Leave out what the server refuses: log-probabilities, and options that are not in OpenAI's API."""
    ways = ((True, True), (False, True), (False, False)) if call.logprobs else ((False, False),)
    for logprobs, more in ways:
        tried = type(call)(call.served, logprobs, more)
        try:
            answer = await _ask(client, tried, _BEFORE, None)
        except ServerError as error:
            if error.status not in (200, 400, 415, 422, 500, 501) or (logprobs, more) == ways[-1]:
                raise
        else:
            read = tried.read(answer, client.host)
            weighed = any(piece.logprob == piece.logprob for piece in read.pieces)
            return type(call)(call.served, logprobs and weighed, more)
    raise AssertionError  # the last way was refused


async def _is_ollama(client: Client) -> bool:
    try:
        version = await client.get("/api/version")
    except ServerError:
        return False
    return isinstance(version.get("version"), str)


async def _family(client: Client, call: Call) -> str | None:
    """Find the format whose tokens the server counts as one each."""
    for name, form in FORMATS.items():
        tokens = form.needed
        # One more where the server puts a token in front of every text.
        if tokens and await _count(client, call, "".join(tokens)) in (len(tokens), len(tokens) + 1):
            return name
    return None


async def _fills(client: Client, plain: Call, hole: Call) -> bool:
    """Whether a call fills holes: a server that does not know `suffix` often ignores it."""
    try:
        if isinstance(hole, Infill):
            hole.read(await _ask(client, hole, _BEFORE, _BEHIND), client.host)
            return True
        with_suffix = await _count(client, hole, _BEFORE, _BEHIND)
        without = await _count(client, plain, _BEFORE)
    except ServerError as error:
        if error.status not in UNKNOWN:
            raise
        return False
    # What is behind the hole has some 30 tokens.
    return with_suffix is not None and without is not None and with_suffix > without + 10


async def _count(client: Client, call: Call, prompt: str, suffix: str | None = None) -> int | None:
    """Ask how many tokens a prompt has; None if the server refuses it, or does not say."""
    try:
        return counted(await _ask(client, call, prompt, suffix))
    except ServerError as error:
        if error.status not in UNKNOWN:
            raise
        return None


async def _ask(client: Client, call: Call, prompt: str, suffix: str | None) -> Any:
    return await client.post(call.path, call.body(Ask(prompt, suffix, 1, _SAMPLED, seed=1)))


def counted(answer: Any) -> int | None:
    """Return how many tokens a prompt had, if the answer says so."""
    usage = answer.get("usage")
    found = usage.get("prompt_tokens") if isinstance(usage, dict) else answer.get("prompt_eval_count")
    return found if isinstance(found, int) and not isinstance(found, bool) else None
