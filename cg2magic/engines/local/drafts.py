"""Prompt lookup: drafts from the text itself. What followed the same tokens before is likely to follow again.

Making a draft costs nothing. The model verifies all its tokens in one pass, which reads the weights only
once. Each token is chosen from the model's own logits, as without drafts, and a token of the draft is used
only if it is the same. So greedy text and the distribution of sampled text do not change. (This is
transformers' ``prompt_lookup_num_tokens``, but it makes no drafts where they don't pay off.)
"""

from __future__ import annotations

_NGRAM = 2
_LONGEST = 8
#: Cost of each further token in a pass, relative to a pass with one token. It is a constant: if measured
#: times decided the length of drafts, the last bits of the logits, and so the text, could differ from run to
#: run. (int8 in the 1B shape on 2 cores with AVX2: 0.14 to 0.21; beside other work up to 0.4. mini: 0.1 to
#: 0.35.)
_TOKEN_COST = 0.25
#: Initial guess of how often a prediction is right: just after an n-gram was found again, and after 1, 2 to
#: 3, 4 to 7, and 8 or more right predictions in a row.
_RIGHT = (0.2, 0.6, 0.8, 0.9, 0.95)
#: How many predictions this guess counts for, and the weight of each prediction relative to the next one.
_STRENGTH, _FADE = 3.0, 0.95


class PromptLookup:
    """Proposes drafts for one sequence.

    Every token is predicted, in the prompt too, even if no draft is made of it. So we learn at no cost how
    reliable predictions are, and make a draft only if it is expected to gain more than it costs.

    Parameters
    ----------
    ids : tuple of int
        The prompt.
    """

    def __init__(self, ids: tuple[int, ...]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # n-gram → index of the token after it
        self._next: int | None = None  # index of the predicted token
        self._run = 0  # number of right predictions in a row
        self._right = [_STRENGTH * share for share in _RIGHT]
        self._made = [_STRENGTH] * len(_RIGHT)
        for i in ids:
            self.extend(i)

    def extend(self, i: int) -> None:
        """Append the next token of the sequence."""
        if self._next is not None:
            self._learn(right=self._ids[self._next] == i)
        self._ids.append(i)
        if len(self._ids) >= _NGRAM:
            ngram = tuple(self._ids[-_NGRAM:])
            if self._next is None:
                self._next = self._after.get(ngram)
            self._after[ngram] = len(self._ids)

    def propose(self, most: int) -> list[int]:
        """Return up to `most` tokens that followed the last two before; none if they are unlikely."""
        if self._next is None:
            return []
        length, best = 0, 1.0
        written = likely = 1.0
        for count in range(1, min(most, _LONGEST, len(self._ids) - self._next) + 1):
            level = self._level(self._run + count - 1)
            likely *= self._right[level] / self._made[level]
            written += likely
            # Expected tokens in the time of one token without drafts.
            if (speed := written / (1 + _TOKEN_COST * count)) > best:
                length, best = count, speed
        return self._ids[self._next : self._next + length]

    def _learn(self, *, right: bool) -> None:
        assert self._next is not None
        level = self._level(self._run)
        self._right[level] = _FADE * self._right[level] + right
        self._made[level] = _FADE * self._made[level] + 1
        self._next, self._run = (self._next + 1, self._run + 1) if right else (None, 0)

    @staticmethod
    def _level(run: int) -> int:
        return min(run.bit_length(), len(_RIGHT) - 1)
