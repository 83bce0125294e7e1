"""Read the tokens that a server streams.

Text is not enough: we need to know where tokens end to feed them back, and ``<eom>`` is not text at all.
Servers return the tokens with their log-probabilities, in different ways:

- vLLM in parallel lists, ``tokens``, ``token_logprobs``, ``top_logprobs``; with
  ``return_tokens_as_token_ids`` it writes ``token_id:42`` instead of the text;
- llama.cpp in a list ``content`` of objects with an ``id``;
- others like vLLM, but with the text, which we look up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cg2magic.engines.remote.route import ServerError
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import TokenLogprob

#: As many as the local engine returns.
ALTERNATIVES = 5
_ID = "token_id:"


class TokenReader:
    """Reads the choices of completion events.

    Parameters
    ----------
    vocabulary : Vocabulary
    host : str
        Name of the server, for errors.
    """

    def __init__(self, vocabulary: Vocabulary, host: str) -> None:
        self.vocabulary = vocabulary
        self.host = host

    def choice(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the single choice of an event; None if it has none, such as one with token counts."""
        choices = event.get("choices")
        if not isinstance(choices, list) or (choices and not isinstance(choices[0], dict)):
            raise ServerError(f"{self.host} sent an answer that is not of the completions API")
        return choices[0] if choices else None

    def tokens(self, choice: Mapping[str, Any]) -> list[TokenLogprob]:
        """Return the tokens of a choice.

        Raises
        ------
        ServerError
            If it contains only text, or tokens that are not in this vocabulary.
        """
        logprobs = choice.get("logprobs")
        if not logprobs:
            if choice.get("text"):
                raise ServerError(
                    f"{self.host} reports only the text, not its tokens (logprobs); vLLM and llama.cpp do"
                )
            return []
        try:
            return self._objects(logprobs["content"]) if "content" in logprobs else self._lists(logprobs)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            raise ServerError(f"{self.host} reports its tokens in an unknown form") from None

    def _objects(self, content: Sequence[Mapping[str, Any]]) -> list[TokenLogprob]:
        def token(entry: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> TokenLogprob:
            alternatives = [self._token(self._known(t["id"]), t["logprob"]) for t in others]
            return self._token(self._known(entry["id"]), entry["logprob"], alternatives)

        return [token(entry, entry.get("top_logprobs") or ()) for entry in content]

    def _lists(self, lists: Mapping[str, Any]) -> list[TokenLogprob]:
        names, logprobs = lists["tokens"], lists["token_logprobs"]
        tops = lists.get("top_logprobs") or [None] * len(names)
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
        """Ids by text; the lowest id if several tokens have the same text."""
        return {self.vocabulary.text(i): i for i in reversed(range(len(self.vocabulary.pieces)))}
