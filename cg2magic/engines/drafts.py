"""Drafts from the text itself: what followed the same few tokens before is likely to follow again.

A draft costs nothing to make, and several of its tokens are verified in one pass through the model, which
reads the weights only once. Each token is chosen from the model's own logits, as it would be without
drafts, and the draft's is taken only where it is the same: greedy text, and the distribution of
sampled text, do not change. (Prompt lookup decoding, as transformers'
``prompt_lookup_num_tokens``; made to switch itself off where it doesn't pay.)
"""

from __future__ import annotations

_NGRAM = 3
_LONGEST = 8
#: Tokens to write plainly after a draft of which nothing was right; doubled each time.
_PAUSE, _LONGEST_PAUSE = 4, 256


class PromptLookup:
    """Proposes drafts for one sequence.

    Parameters
    ----------
    ids : tuple of int
        The prompt.
    """

    def __init__(self, ids: tuple[int, ...]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # n-gram → where what followed it begins
        self._length = 2
        self._pause = _PAUSE
        self._wait = 0
        for i in ids:
            self.extend(i)

    def extend(self, i: int) -> None:
        """Take the next token of the sequence."""
        if len(self._ids) >= _NGRAM:
            # The n-gram before this token is known to be followed by it.
            self._after[tuple(self._ids[-_NGRAM:])] = len(self._ids)
        self._ids.append(i)

    def propose(self, most: int) -> list[int]:
        """Give the tokens that followed the last few when they stood before; at most `most`."""
        if self._wait:
            self._wait -= 1
            return []
        at = self._after.get(tuple(self._ids[-_NGRAM:]))
        return [] if at is None else self._ids[at : at + min(most, self._length)]

    def settle(self, proposed: int, accepted: int) -> None:
        """Learn from a draft: longer after one that was all right, a pause after one that was all wrong."""
        if not proposed:
            return
        if accepted == proposed:
            self._length = min(2 * self._length, _LONGEST)
        elif not accepted:
            self._length = 2
            self._wait = self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return
        self._pause = _PAUSE
