"""The calls with which servers are asked for text: what is sent to each, and how its answers are read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES
from cg2magic.request import Sampling

#: How servers say that a text was ended by its length.
_LENGTH = ("length", "max_tokens", "limit", "model_length")


class Piece(NamedTuple):
    """A token as its text, with its log-probability (``nan`` if it is not known) and the likeliest others."""

    text: bytes
    logprob: float = math.nan
    others: tuple[Piece, ...] = ()


class Answer(NamedTuple):
    """What an event says: new pieces of text, and why the text ends if it does: ``"stop"``, ``"length"``."""

    pieces: tuple[Piece, ...] = ()
    reason: str = ""


#: Turns off a default of Ollama and of llama-cpp-python: code repeats itself, and names most of all.
_UNPENALIZED = {"repeat_penalty": 1.0}


@dataclass(frozen=True, slots=True)
class Ask:
    """What a server is asked for.

    Attributes
    ----------
    prompt : str
        The text to go on with.
    suffix : str or None
        What stands behind the hole, if the server is to write it into the prompt.
    length : int
        The most tokens of the answer.
    sampling : Sampling
    seed : int or None
    """

    prompt: str
    suffix: str | None
    length: int
    sampling: Sampling
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Call(ABC):
    """One of the calls.

    Attributes
    ----------
    served : str
        The model's name on the server.
    logprobs : bool
        Whether to ask for log-probabilities.
    more : bool
        Whether to send options that are not in OpenAI's API.
    """

    served: str
    logprobs: bool = True
    more: bool = True

    @property
    @abstractmethod
    def path(self) -> str:
        """Where it is sent: below the base URL, or if it begins with a slash, on the server."""

    @abstractmethod
    def body(self, ask: Ask) -> dict[str, Any]:
        """What is sent."""

    @abstractmethod
    def fields(self, event: Mapping[str, Any]) -> tuple[object, object, object]:
        """Return the text of an event, its log-probabilities, and why the text ends."""

    def read(self, event: Mapping[str, Any], host: str) -> Answer:
        """Read an event, or a whole answer.

        Raises
        ------
        ServerError
            If it is not what this call is answered with.
        """
        try:
            text, logprobs, reason = self.fields(event)
        except (TypeError, KeyError, IndexError, AttributeError):
            text, logprobs, reason = None, None, None
        if not isinstance(text, str):
            raise ServerError(f"{host} sent an answer that is not of the completions API", 200)
        said = text.encode(errors="replace")
        pieces = _weighed(logprobs, said) or ((Piece(said),) if said else ())
        ends = isinstance(reason, str) and bool(reason)
        return Answer(pieces, ("length" if reason in _LENGTH else "stop") if ends else "")


class Completions(Call):
    """OpenAI's ``completions``; some servers fill holes if it has a ``suffix``."""

    path = "completions"

    def body(self, ask: Ask) -> dict[str, Any]:
        """What is sent; `more` turns off the defaults of servers, as llama.cpp's ``top_k`` and ``min_p``."""
        sampling = ask.sampling
        body: dict[str, Any] = {
            "model": self.served,
            "prompt": ask.prompt,
            "max_tokens": ask.length,
            "temperature": sampling.temperature,
        }
        if ask.suffix is not None:
            body["suffix"] = ask.suffix
        if self.logprobs:
            body["logprobs"] = ALTERNATIVES
        if self.more:
            body |= _UNPENALIZED
        if sampling.temperature:
            body["top_p"] = sampling.top_p
            if self.more:
                body |= {"top_k": sampling.top_k, "min_p": 0.0}
            if ask.seed is not None:
                body["seed"] = ask.seed
        return body

    def fields(self, event: Mapping[str, Any]) -> tuple[object, object, object]:
        """Those of the only choice; events with token counts have none."""
        if not event["choices"]:
            return "", None, None
        choice = event["choices"][0]
        return choice.get("text") or "", choice.get("logprobs"), choice.get("finish_reason")


class FimCompletions(Call):
    """Mistral's ``fim/completions``, which is answered as in a chat."""

    path = "fim/completions"

    def body(self, ask: Ask) -> dict[str, Any]:
        """What is sent: a fixed set of options, of which Mistral refuses any other."""
        sampling = ask.sampling
        body: dict[str, Any] = {
            "model": self.served,
            "prompt": ask.prompt,
            "suffix": ask.suffix or "",
            "max_tokens": ask.length,
            "temperature": sampling.temperature,
        }
        if sampling.temperature:
            body["top_p"] = sampling.top_p
            if ask.seed is not None:
                body["random_seed"] = ask.seed
        return body

    def fields(self, event: Mapping[str, Any]) -> tuple[object, object, object]:
        """Those of the only choice."""
        choice = event["choices"][0]
        said = choice.get("delta") or choice.get("message") or {}
        return said.get("content") or "", None, choice.get("finish_reason")


class Infill(Call):
    """llama.cpp's ``/infill``, which knows the tokens around holes from the model's file."""

    path = "/infill"

    def body(self, ask: Ask) -> dict[str, Any]:
        """What is sent."""
        sampling = ask.sampling
        body: dict[str, Any] = {
            "model": self.served,
            "input_prefix": ask.prompt,
            "input_suffix": ask.suffix or "",
            "n_predict": ask.length,
            "temperature": sampling.temperature,
            "n_probs": ALTERNATIVES if self.logprobs else 0,
        }
        if sampling.temperature:
            body |= {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": 0.0}
            if ask.seed is not None:
                body["seed"] = ask.seed
        return body

    def fields(self, event: Mapping[str, Any]) -> tuple[object, object, object]:
        """The last event has no new text if it is streamed, and all of it if it is not."""
        ends = event.get("stop") is True
        return event["content"], event.get("completion_probabilities"), event["stop_type"] if ends else ""


class OllamaGenerate(Call):
    """Ollama's own ``/api/generate``: its ``completions`` put the prompt into the template of a chat."""

    path = "/api/generate"

    def body(self, ask: Ask) -> dict[str, Any]:
        """What is sent: the prompt as it is, unless it needs the template that puts it around the hole."""
        sampling = ask.sampling
        options: dict[str, Any] = {
            "num_predict": ask.length,
            "temperature": sampling.temperature,
        } | _UNPENALIZED
        if sampling.temperature:
            options |= {"top_p": sampling.top_p, "top_k": sampling.top_k, "min_p": 0.0}
            if ask.seed is not None:
                options["seed"] = ask.seed
        body: dict[str, Any] = {
            "model": self.served,
            "prompt": ask.prompt,
            "options": options,
            "stream": False,
        }
        body |= {"raw": True} if ask.suffix is None else {"suffix": ask.suffix}
        return body | ({"logprobs": True, "top_logprobs": ALTERNATIVES} if self.logprobs else {})

    def fields(self, event: Mapping[str, Any]) -> tuple[object, object, object]:
        """The last event says that it is done."""
        ends = event.get("done_reason") or "stop" if event["done"] else ""
        return event.get("response") or "", event.get("logprobs"), ends


def _weighed(logprobs: Any, said: bytes) -> tuple[Piece, ...]:
    """Read log-probabilities in any of their forms; nothing if they are not those of this text."""
    if not logprobs:
        return ()
    try:
        if isinstance(logprobs, Mapping):
            found = _objects(logprobs["content"]) if "content" in logprobs else _lists(logprobs)
        else:
            found = _objects(logprobs)
    except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
        return ()
    return found if found and b"".join(piece.text for piece in found) == said else ()


def _objects(content: Sequence[Mapping[str, Any]]) -> tuple[Piece, ...]:
    def piece(entry: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Piece:
        spelled = entry.get("bytes")
        text = bytes(spelled) if isinstance(spelled, list) else entry["token"].encode(errors="replace")
        return Piece(text, _number(entry["logprob"]), tuple(piece(other, ()) for other in others))

    return tuple(piece(entry, entry.get("top_logprobs") or ()) for entry in content)


def _lists(lists: Mapping[str, Any]) -> tuple[Piece, ...]:
    names, logprobs = lists["tokens"], lists["token_logprobs"]
    tops = lists.get("top_logprobs") or [None] * len(names)
    return tuple(
        Piece(
            name.encode(errors="replace"),
            _number(logprob),
            tuple(Piece(text.encode(errors="replace"), _number(p)) for text, p in (others or {}).items()),
        )
        for name, logprob, others in zip(names, logprobs, tops, strict=True)
    )


def _number(logprob: Any) -> float:
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or math.isnan(logprob):
        raise TypeError(f"{logprob} is not a log-probability")
    return float(logprob)
