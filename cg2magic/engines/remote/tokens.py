"""What a server streams, as tokens.

Text is not enough: where tokens end decides what is fed back, and ``<eom>`` is no text at all. The servers
tell the tokens along with their log-probabilities, each in its own way:

- vLLM in lists side by side, ``tokens``, ``token_logprobs``, ``top_logprobs``; asked for
  ``return_tokens_as_token_ids`` it writes ``token_id:42`` in the place of the text;
- llama.cpp in a list ``content`` of objects with an ``id``;
- others as vLLM, but with the text, which is looked up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cg2magic.engines.remote.route import ServerError
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import TokenLogprob

#: As many as the engine in this process gives.
ALTERNATIVES = 5
_ID = "token_id:"


class TokenReader:
    """Reads the choices of completion events.

    Parameters
    ----------
    vocabulary : Vocabulary
    host : str
        Whose answers these are, for errors.
    """

    def __init__(self, vocabulary: Vocabulary, host: str) -> None:
        self.vocabulary = vocabulary
        self.host = host

    def choice(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Give the one choice of an event; None where it has none, as one that only counts tokens."""
        choices = event.get("choices")
        if not isinstance(choices, list) or (choices and not isinstance(choices[0], dict)):
            raise ServerError(f"{self.host} sent an answer that is not of the completions API")
        return choices[0] if choices else None

    def tokens(self, choice: Mapping[str, Any]) -> list[TokenLogprob]:
        """Give the tokens of a choice.

        Raises
        ------
        ServerError
            There are none beside the text, or they are not of this vocabulary.
        """
        told = choice.get("logprobs")
        if not told:
            if choice.get("text"):
                raise ServerError(
                    f"{self.host} reports only the text, not its tokens (logprobs); vLLM and llama.cpp do"
                )
            return []
        try:
            return self._objects(told["content"]) if "content" in told else self._lists(told)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            raise ServerError(f"{self.host} reports its tokens in an unknown form") from None

    def _objects(self, content: Sequence[Mapping[str, Any]]) -> list[TokenLogprob]:
        def token(told: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> TokenLogprob:
            alternatives = [self._token(self._known(t["id"]), t["logprob"]) for t in others]
            return self._token(self._known(told["id"]), told["logprob"], alternatives)

        return [token(told, told.get("top_logprobs") or ()) for told in content]

    def _lists(self, told: Mapping[str, Any]) -> list[TokenLogprob]:
        names, logprobs = told["tokens"], told["token_logprobs"]
        tops = told.get("top_logprobs") or [None] * len(names)
        if not (isinstance(names, list) and len(names) == len(logprobs) == len(tops)):
            raise ValueError("the lists differ in length")

        def token(name: str, logprob: float, others: Mapping[str, float] | None) -> TokenLogprob:
            alternatives = [self._token(self._id(text), other) for text, other in (others or {}).items()]
            return self._token(self._id(name), logprob, alternatives)

        return list(map(token, names, logprobs, tops))

    def _token(self, i: int, logprob: Any, others: Sequence[TokenLogprob] = ()) -> TokenLogprob:
        if isinstance(logprob, bool) or not isinstance(logprob, int | float) or math.isnan(logprob):
            raise TypeError(f"{logprob} is not a log-probability")
        best = sorted(others, key=lambda other: -other.logprob)[:ALTERNATIVES]
        return TokenLogprob(i, self.vocabulary.text(i), float(logprob), tuple(best))

    def _id(self, name: str) -> int:
        if name.startswith(_ID):
            return self._known(int(name.removeprefix(_ID)))
        return self._known(self._by_text.get(name, -1))

    def _known(self, i: Any) -> int:
        if isinstance(i, bool) or not isinstance(i, int):
            raise TypeError(f"{i} is not an id")
        if not 0 <= i < len(self.vocabulary.pieces):
            raise ServerError(
                f"{self.host} writes tokens that this tokenizer doesn't have: load it again and give the "
                "--tokenizer of its model"
            )
        return i

    @cached_property
    def _by_text(self) -> dict[str, int]:
        """Ids by text, the lowest where several look alike."""
        return {self.vocabulary.text(i): i for i in reversed(range(len(self.vocabulary.pieces)))}
