"""The decoding loops and the sampler: one sequence with drafts, or several in a batch.

We don't use ``generate`` of transformers, because the candidates of a request share the prefill, end at
different times, have forced tokens between holes, and are shown while they are written. The KV cache is the
model's own. Temperature, top-k and top-p have the same meaning as in transformers.

Shapes: B is the batch size, S the tokens fed in one pass, V the vocabulary size of the model, N the tokens
that may be sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from cg2magic.engines.local.drafts import PromptLookup
from cg2magic.engines.local.prefixes import most_that_can_go
from cg2magic.grounding.allowed import Allowed
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Sampling, TokenLogprob

if TYPE_CHECKING:
    import torch

    from cg2magic.engines.local.forward import Cache, Forward

_ALTERNATIVES = 5
#: The likeliest tokens are looked for in blocks of this many.
_BLOCK = 128
#: Look for a token that is allowed in this many of the likeliest first, and then in this many.
_FIRST = (256, 4096)
#: Look for the nucleus in this many of the likeliest tokens first, then in more, before looking at all.
_FEW, _NUCLEUS = 32, 1024
#: Steps of the binary search for the lowest probability in a larger nucleus: float32's precision.
_HALVINGS = 24


class Decoding:
    """The decoding loops of one request.

    Parameters
    ----------
    forward : Forward
    choosers : sequence of Chooser
        One for each candidate.
    room : int
        How many tokens still fit into the model's context after the prompt.
    changed : callable
        Called after each pass.
    cancelled : callable
        Called before each pass; if it returns True, decoding stops and what was written is kept.
    """

    def __init__(
        self,
        forward: Forward,
        choosers: Sequence[Chooser],
        room: int,
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.forward = forward
        self.choosers = choosers
        self.room = room
        self.changed = changed
        self.cancelled = cancelled

    def one(
        self, candidate: Candidate, logits: torch.Tensor, cache: Cache, drafts: PromptLookup | None
    ) -> tuple[int, ...]:
        """Write one sequence; return the ids that were added to the cache after the prompt.

        Parameters
        ----------
        candidate : Candidate
        logits : Tensor
            After the prompt, ``[1, V]``.
        cache : Cache
        drafts : PromptLookup or None
        """
        import torch

        fed: list[int] = []
        candidate.take(self.choosers[0].next(logits[0], candidate))
        while True:
            self.changed()
            if candidate.finish_reason is not None or self._over(len(candidate.feed)):
                break
            new = list(candidate.feed)
            candidate.feed.clear()
            draft: list[int] = []
            if drafts is not None:
                for i in new:
                    drafts.extend(i)
                draft = drafts.propose(min(self.room, most_that_can_go(cache) - len(new)))
            step = torch.tensor([new + draft], device=logits.device)  # [1, S]
            logits = self.forward(step, cache, keep=len(draft) + 1)[0]  # [len(draft) + 1, V]
            accepted = 0
            for place in range(len(draft) + 1):
                candidate.take(self.choosers[0].next(logits[place], candidate))
                if place == len(draft) or list(candidate.feed) != [draft[place]]:
                    break
                # This token of the draft is already in the cache.
                candidate.feed.clear()
                accepted += 1
            fed += new + draft[:accepted]
            self.room -= accepted
            if drafts is not None:
                for i in draft[:accepted]:
                    drafts.extend(i)
            if accepted < len(draft):
                cache.crop(accepted - len(draft))
        return tuple(fed)

    def many(self, candidates: Sequence[Candidate], logits: torch.Tensor, cache: Cache) -> None:
        """Write several sequences in one batch; finished ones are removed from it.

        Parameters
        ----------
        candidates : sequence of Candidate
        logits : Tensor
            After their common prompt, ``[1, V]``.
        cache : Cache
            Of that prompt.
        """
        import torch

        # We don't use batch_repeat_interleave and batch_select_indices: recurrent layers lack them.
        cache.reorder_cache(torch.zeros(len(candidates), dtype=torch.long, device=logits.device))
        logits = logits.expand(len(candidates), -1)  # [B, V]
        batch = list(range(len(candidates)))  # index of the candidate in each row of the batch
        while True:
            for row, i in enumerate(batch):
                if not candidates[i].feed:
                    candidates[i].take(self.choosers[i].next(logits[row], candidates[i]))
            self.changed()
            going = [row for row, i in enumerate(batch) if candidates[i].finish_reason is None]
            if not going or self._over(1):
                break
            if len(going) < len(batch):
                cache.reorder_cache(torch.tensor(going, device=logits.device))
                batch = [batch[row] for row in going]
            # The step has the shape [B, 1].
            step = torch.tensor([[candidates[i].feed.popleft()] for i in batch], device=logits.device)
            logits = self.forward(step, cache)[:, -1]  # [B, V]

    def _over(self, tokens: int) -> bool:
        """Whether to stop before feeding this many more tokens."""
        self.room -= tokens
        return self.room < 0 or self.cancelled()


class Chooser:
    """The sampler of one candidate, which also decodes greedily.

    Each candidate has its own random generator, so that the third of five is the same as the third of ten.

    Parameters
    ----------
    sampling : Sampling
    index : int
        Index of the candidate.
    vocabulary : Vocabulary
    """

    def __init__(self, sampling: Sampling, index: int, vocabulary: Vocabulary) -> None:
        import torch

        self.vocabulary = vocabulary
        self.sampling = sampling
        self.generator = torch.Generator(device="cpu")
        if sampling.seed is None:
            self.generator.seed()
        else:
            # Similar seeds of requests and candidates must not lead to the same seed.
            self.generator.manual_seed(sampling.seed * 1_000_003 + index)

    def next(self, logits: torch.Tensor, candidate: Candidate) -> TokenLogprob:
        """Choose the next token of a candidate from logits ``[V]``."""
        return self(logits, candidate.start, candidate.barred | candidate.deeper, candidate.allowed)

    def __call__(
        self,
        logits: torch.Tensor,
        start: bytes,
        barred: Collection[int] = (),
        allowed: GroundedFill | None = None,
    ) -> TokenLogprob:
        """Choose a token from logits ``[V]`` that leads to the bytes `start` and is not barred.

        If `allowed` doesn't permit it, another is chosen from what is allowed. For a sampled token this is
        the model's distribution over what is allowed: one that is drawn and permitted stays.
        """
        import torch

        # Checkpoints round the vocabulary size up (CodeGen2: to 51200); the rest was never trained.
        logits = logits[: len(self.vocabulary)].float()  # [tokens of the tokenizer]
        if start:
            leading = self.vocabulary.leading_to(start)
            # Unless nothing would be left.
            leading = [i for i in leading if i not in barred] or leading
            kept = torch.tensor(leading, device=logits.device)
            logits = torch.full_like(logits, -torch.inf).index_copy(0, kept, logits[kept])
            for i, nats in self.vocabulary.handicaps(start).items():
                logits[i] -= nats
        elif barred:
            logits = logits.index_fill(0, torch.tensor(sorted(barred), device=logits.device), -torch.inf)
        logprobs = logits.log_softmax(-1)
        best, ids = (found.tolist() for found in likeliest(logprobs, _ALTERNATIVES))  # [_ALTERNATIVES]
        chosen = ids[0] if self.sampling.temperature == 0 else self._draw(logits)
        corrected = False
        against = allowed.against(chosen) if allowed is not None else None
        if against is not None:
            instead = self._instead(logits, logprobs, against)
            chosen, corrected = (chosen, False) if instead is None else (instead, True)
        alternatives = tuple(
            TokenLogprob(i, self.vocabulary.text(i), logprob)
            for i, logprob in zip(ids, best, strict=True)
            if logprob > -math.inf
        )
        return TokenLogprob(
            chosen, self.vocabulary.text(chosen), float(logprobs[chosen]), alternatives, corrected
        )

    def _instead(self, logits: torch.Tensor, logprobs: torch.Tensor, allowed: Allowed) -> int | None:
        """Choose among the tokens that are allowed; None if the model means something else."""
        import torch

        # Nearly always the likeliest tokens tell, and the index of the vocabulary need not be made.
        for first in _FIRST if self.sampling.temperature == 0 else ():
            best, top = logprobs.topk(min(first, len(logprobs)))  # [first]
            permitted = [
                (i, math.exp(logprob))
                for i, logprob in zip(top.tolist(), best.tolist(), strict=True)
                if logprob > -torch.inf and allowed.permits(self.vocabulary.pieces[i])
            ]
            together = sum(probability for _, probability in permitted)
            if permitted and together >= allowed.least:
                return permitted[0][0]
            if together + 1 - float(best.exp().sum()) < allowed.least:
                return None
        ids = torch.tensor(allowed.ids(self.vocabulary.token_index), dtype=torch.long, device=logits.device)
        ids = ids[ids < len(logits)]
        if not len(ids) or float(logprobs[ids].exp().sum()) < allowed.least:
            return None
        if self.sampling.temperature == 0:
            return int(ids[logprobs[ids].argmax()])
        return self._draw(torch.full_like(logits, -torch.inf).index_copy(0, ids, logits[ids]))

    def _draw(self, logits: torch.Tensor) -> int:
        import torch

        ids, probabilities = nucleus(logits, self.sampling)  # [N]
        # `torch.multinomial` draws a random number for each token; here we draw only one.
        bounds = probabilities.cpu().double().cumsum(-1)  # [N]
        drawn = torch.rand(1, dtype=torch.double, generator=self.generator) * bounds[-1]
        return int(ids[torch.searchsorted(bounds, drawn, right=True)])


def likeliest(scores: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the highest scores ``[V]`` and their tokens, the highest first; of equal ones the first."""
    import torch

    # `topk` over a whole vocabulary takes longer than `log_softmax`. The highest scores stand in the blocks
    # with the highest maxima, and those are quickly found.
    whole = len(scores) - len(scores) % _BLOCK
    blocks = _highest(scores[:whole].view(-1, _BLOCK).amax(-1), count)  # [count], or more
    within = torch.arange(_BLOCK, device=scores.device) + _BLOCK * blocks[:, None]  # [count, _BLOCK]
    ids = torch.cat((within.flatten(), torch.arange(whole, len(scores), device=scores.device)))
    ids = ids[_highest(scores[ids], count)]
    best, order = scores[ids].sort(descending=True, stable=True)
    return best[:count], ids[order[:count]]  # [count] each


def _highest(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return the places of the highest values, in order; more than `count` if several are the lowest."""
    least = values.topk(min(count, len(values))).values[-1:]
    return (~(values < least)).nonzero()[:, 0]  # all, if they are not numbers


def nucleus(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tokens that may be sampled, and their probabilities, which need not sum to 1.

    We apply temperature, then top-k, then top-p, each to the result of the one before, as in transformers.

    Parameters
    ----------
    logits : Tensor
        ``[V]``, or fewer.
    sampling : Sampling
        With a temperature above 0.
    """
    import torch

    scores, kept = logits / sampling.temperature, None
    if sampling.top_k:
        scores, kept = scores.topk(min(sampling.top_k, len(scores)))  # [top_k]
    probabilities = scores.softmax(-1)  # [V], or [top_k]
    if sampling.top_p == 1:
        return torch.arange(len(probabilities)) if kept is None else kept, probabilities
    ids = _likeliest(probabilities, sampling.top_p)  # [N]
    return (ids if kept is None else kept[ids]), probabilities[ids]


def _likeliest(probabilities: torch.Tensor, mass: float) -> torch.Tensor:
    """Return the indices of the fewest tokens whose probabilities sum to `mass` or more.

    Sorting 51200 tokens takes longer than a pass through a small model. The nucleus is nearly always small.
    If it is not, we search for a bound that is exceeded by nearly all of it, and sort only the tokens near
    that.
    """
    import torch

    best, ids = likeliest(probabilities, _FEW)
    if best.sum() < mass:
        best, ids = probabilities.topk(min(_NUCLEUS, len(probabilities)))  # [_NUCLEUS] at most
    if best.sum() >= mass:
        return ids[best.cumsum(-1) - best < mass]
    low, high = 0.0, float(best[0])  # the tokens above `low` are enough, those above `high` too few
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if torch.threshold(probabilities, middle, 0.0).sum() < mass:
            high = middle
        else:
            low = middle
    sure = probabilities > high  # [V]
    near = torch.nonzero((probabilities > low) & ~sure).flatten()  # indices of the tokens to sort
    best, order = probabilities[near].sort(descending=True)
    before = best.cumsum(-1) - best + probabilities[sure].sum()
    return torch.cat((torch.nonzero(sure).flatten(), near[order[before < mass]]))  # [N]
