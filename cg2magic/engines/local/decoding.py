"""The loops that write: one sequence with drafts, or several in a batch.

They are our own, and not ``generate`` of transformers, because candidates of one request share the pass over
the prompt, end at different times, have tokens forced on them between holes, and are shown while they are
written. The KV cache is the model's, and temperature, top-k and top-p mean what they mean there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from cg2magic.engines.local.drafts import PromptLookup
from cg2magic.engines.local.prefixes import most_that_can_go
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Sampling, TokenLogprob

if TYPE_CHECKING:
    import torch

    from cg2magic.engines.local.forward import Cache, Forward

_ALTERNATIVES = 5
#: How many of the likeliest tokens are looked at before all of them are.
_NUCLEUS = 1024
#: How often the room for the least probability in a larger nucleus is halved: to float32's precision.
_HALVINGS = 24


class Decoding:
    """What the loops need to know for one request.

    Parameters
    ----------
    forward : Forward
    choosers : sequence of Chooser
        One a candidate.
    room : int
        Tokens that still fit into the model's context after the prompt.
    changed : callable
        Called after each pass.
    cancelled : callable
        Asked before each pass; once true, what was written is kept.
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
        """Write one sequence; the ids that went into the cache after the prompt.

        Parameters
        ----------
        candidate : Candidate
        logits : Tensor
            After the prompt, ``(1, rows)``.
        cache : Cache
        drafts : PromptLookup or None
        """
        import torch

        fed: list[int] = []
        candidate.take(self.choosers[0](logits[0], candidate.start, candidate.barred))
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
            step = torch.tensor([new + draft], device=logits.device)
            logits = self.forward(step, cache, keep=len(draft) + 1)[0]
            accepted = 0
            for row in range(len(draft) + 1):
                candidate.take(self.choosers[0](logits[row], candidate.start, candidate.barred))
                if row == len(draft) or list(candidate.feed) != [draft[row]]:
                    break
                # The draft's token is already in the cache.
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
        """Write several sequences in one batch; those that have ended leave it.

        Parameters
        ----------
        candidates : sequence of Candidate
        logits : Tensor
            After the prompt they share, ``(1, rows)``.
        cache : Cache
            Of that prompt.
        """
        import torch

        # Not batch_repeat_interleave and batch_select_indices: recurrent layers don't have them.
        cache.reorder_cache(torch.zeros(len(candidates), dtype=torch.long, device=logits.device))
        logits = logits.expand(len(candidates), -1)
        batch = list(range(len(candidates)))  # the candidates in it, by row
        while True:
            for row, i in enumerate(batch):
                if not candidates[i].feed:
                    candidate = candidates[i]
                    candidate.take(self.choosers[i](logits[row], candidate.start, candidate.barred))
            self.changed()
            going = [row for row, i in enumerate(batch) if candidates[i].finish_reason is None]
            if not going or self._over(1):
                break
            if len(going) < len(batch):
                cache.reorder_cache(torch.tensor(going, device=logits.device))
                batch = [batch[row] for row in going]
            step = torch.tensor([[candidates[i].feed.popleft()] for i in batch], device=logits.device)
            logits = self.forward(step, cache)[:, -1]

    def _over(self, tokens: int) -> bool:
        """Whether to stop before feeding so many tokens."""
        self.room -= tokens
        return self.room < 0 or self.cancelled()


class Chooser:
    """Chooses the tokens of one candidate, greedily or by chance.

    Each candidate has a generator of its own, so that the third of five is the third of ten.

    Parameters
    ----------
    sampling : Sampling
    index : int
        Of the candidate.
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
            # Seeds of neighbouring requests and candidates must not meet.
            self.generator.manual_seed(sampling.seed * 1_000_003 + index)

    def __call__(self, logits: torch.Tensor, start: bytes, barred: Collection[int] = ()) -> TokenLogprob:
        """Choose from logits ``(rows,)`` a token that leads to the bytes `start` and is not barred."""
        import torch

        # Checkpoints round the vocabulary up (CodeGen2: to 51200 rows); the rest was never trained.
        logits = logits[: len(self.vocabulary)].float()
        if start:
            allowed = torch.tensor(self.vocabulary.leading_to(start), device=logits.device)
            logits = torch.full_like(logits, -torch.inf).index_copy(0, allowed, logits[allowed])
        if barred:
            logits = logits.index_fill(0, torch.tensor(sorted(barred), device=logits.device), -torch.inf)
        logprobs = logits.log_softmax(-1)
        chosen = int(logprobs.argmax()) if self.sampling.temperature == 0 else self._draw(logits)
        best, ids = logprobs.topk(_ALTERNATIVES)
        alternatives = tuple(
            TokenLogprob(i, self.vocabulary.text(i), logprob)
            for i, logprob in zip(ids.tolist(), best.tolist(), strict=True)
            if logprob > -torch.inf
        )
        return TokenLogprob(chosen, self.vocabulary.text(chosen), float(logprobs[chosen]), alternatives)

    def _draw(self, logits: torch.Tensor) -> int:
        import torch

        ids, probabilities = nucleus(logits, self.sampling)
        # `torch.multinomial` draws a number for each token; here it is one for all.
        bounds = probabilities.cpu().double().cumsum(-1)
        drawn = torch.rand(1, dtype=torch.double, generator=self.generator) * bounds[-1]
        return int(ids[torch.searchsorted(bounds, drawn, right=True)])


def nucleus(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the tokens that may be drawn, and probabilities in proportion, which need not sum to 1.

    Temperature, then top-k, then top-p, each on what the one before left, as in transformers.

    Parameters
    ----------
    logits : Tensor
        ``(rows,)``
    sampling : Sampling
        With a temperature above 0.
    """
    import torch

    scores, kept = logits / sampling.temperature, None
    if sampling.top_k:
        scores, kept = scores.topk(min(sampling.top_k, len(scores)))
    probabilities = scores.softmax(-1)
    if sampling.top_p == 1:
        return torch.arange(len(probabilities)) if kept is None else kept, probabilities
    ids = _likeliest(probabilities, sampling.top_p)
    return (ids if kept is None else kept[ids]), probabilities[ids]


def _likeliest(probabilities: torch.Tensor, mass: float) -> torch.Tensor:
    """Indices of the fewest tokens that hold so much of the probability together.

    Sorting 51200 rows costs more than a pass through a small model. The nucleus is nearly always small; where
    it is not, a bound is looked for that nearly all of it is above, and only what is near that is sorted.
    """
    import torch

    best, ids = probabilities.topk(min(_NUCLEUS, len(probabilities)))
    if best.sum() >= mass:
        return ids[best.cumsum(-1) - best < mass]
    low, high = 0.0, float(best[0])  # what is above `low` holds enough, what is above `high` too little
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if torch.threshold(probabilities, middle, 0.0).sum() < mass:
            high = middle
        else:
            low = middle
    sure = probabilities > high
    near = torch.nonzero((probabilities > low) & ~sure).flatten()
    best, order = probabilities[near].sort(descending=True)
    before = best.cumsum(-1) - best + probabilities[sure].sum()
    return torch.cat((torch.nonzero(sure).flatten(), near[order[before < mass]]))
