"""Drafts from the text itself: what followed the same tokens before is likely to follow again.

A draft costs nothing to make, and several of its tokens are verified in one pass through the model, which
reads the weights only once. Each token is chosen from the model's own logits, as it would be without
drafts, and the draft's is taken only where it is the same: greedy text, and the distribution of
sampled text, do not change. (Prompt lookup decoding, as transformers' ``prompt_lookup_num_tokens``; made to
keep still where it doesn't pay.)
"""

from __future__ import annotations

_NGRAM = 2
_LONGEST = 8
#: What a further row adds to a pass, as a share of a pass over one row: a constant, since lengths that
#: followed a clock would let the last bits of the logits, and with them a text, differ from run to run.
#: (int8 in the 1B shape on 2 cores with AVX2: 0.14 to 0.21; beside other work up to 0.4. mini: 0.1 to 0.35.)
_ROW = 0.25
#: How often a prediction is right, before anything is known: just after an n-gram was found again, and when
#: the one before, the 2 or 3, the 4 to 7 and the 8 or more before were right.
_RIGHT = (0.2, 0.6, 0.8, 0.9, 0.95)
#: How many predictions that counts for, and what each earlier one counts beside the next.
_STRENGTH, _FADE = 3.0, 0.95


class PromptLookup:
    """Proposes drafts for one sequence.

    Every token is predicted, in the prompt too, whether or not a draft is made of the predictions. So how
    far they can be trusted is learnt at no cost, and a draft is made only where more is expected from it than
    it costs.

    Parameters
    ----------
    ids : tuple of int
        The prompt.
    """

    def __init__(self, ids: tuple[int, ...]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # n-gram → where what followed it begins
        self._next: int | None = None  # where the token stands that is predicted
        self._run = 0  # how many predictions were right, one after the other
        self._right = [_STRENGTH * share for share in _RIGHT]
        self._made = [_STRENGTH] * len(_RIGHT)
        for i in ids:
            self.extend(i)

    def extend(self, i: int) -> None:
        """Take the next token of the sequence."""
        if self._next is not None:
            self._learn(right=self._ids[self._next] == i)
        self._ids.append(i)
        if len(self._ids) >= _NGRAM:
            ngram = tuple(self._ids[-_NGRAM:])
            if self._next is None:
                self._next = self._after.get(ngram)
            self._after[ngram] = len(self._ids)

    def propose(self, most: int) -> list[int]:
        """Give the tokens that followed when the last two stood before: at most `most`, none if unlikely."""
        if self._next is None:
            return []
        length, best = 0, 1.0
        written = likely = 1.0
        for rows in range(1, min(most, _LONGEST, len(self._ids) - self._next) + 1):
            level = self._level(self._run + rows - 1)
            likely *= self._right[level] / self._made[level]
            written += likely
            # Tokens for the time in which one is written plainly.
            if (speed := written / (1 + _ROW * rows)) > best:
                length, best = rows, speed
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
