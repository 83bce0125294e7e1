"""The vocabulary of this package: what is asked of a model, and what it answers.

Nothing here knows about tensors, widgets or threads. All other modules exchange these objects.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from cg2magic.errors import UsageError
from cg2magic.syntax.languages import find

if TYPE_CHECKING:
    from argparse import Namespace

    from cg2magic.context import Context
    from cg2magic.formats import FillInMiddle
    from cg2magic.grounding.grounding import Grounding

FinishReason = Literal["stop", "length", "cancelled"]
CheckStatus = Literal["passed", "failed", "timed out", "stopped"]
NameOutcome = Literal["corrected", "unknown"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen; names and meanings as in transformers.

    Attributes
    ----------
    n : int
        Candidates drawn in one batch.
    max_new_tokens : int
        The most tokens the model may write, for each hole.
    temperature : float
        0 is greedy and deterministic; 1 leaves the model's distribution as it is.
    top_p : float
        Nucleus: the smallest set of tokens with at least this probability. Used when sampling.
    top_k : int
        Only the ``k`` likeliest tokens; 0 for all. Used when sampling.
    seed : int or None
        Makes sampling reproducible. Candidate ``i`` of a request does not depend on ``n``.
    stop : tuple of str
        The text ends before the first of these.
    """

    n: int = 1
    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 0.95
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UsageError(f"n must be at least 1, not {self.n}")
        if self.max_new_tokens < 1:
            raise UsageError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}")
        if self.temperature < 0:
            raise UsageError(f"temperature must be 0 (greedy) or more, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if self.top_k < 0:
            raise UsageError(f"top_k must be 0 (off) or more, not {self.top_k}")
        if any(not text for text in self.stop):
            raise UsageError("a stop text must not be empty")

    @classmethod
    def of_options(cls, options: Namespace) -> Sampling:
        """Make one from the options that the magics and the command line share.

        Raises
        ------
        UsageError
        """
        return cls(
            n=options.samples,
            max_new_tokens=options.max_new_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            top_k=options.top_k,
            seed=options.seed,
            stop=tuple(options.stop or ()),
        )


#: The defaults in Python, in the magics and on the command line.
DEFAULTS = Sampling()


@dataclass(frozen=True, slots=True)
class Request:
    r"""The text around the holes, and how to fill them.

    Attributes
    ----------
    parts : tuple of str
        One text asks for its completion; ``k + 1`` texts ask for the ``k`` holes between them.
    sampling : Sampling
    language : str
        Any of its names; determines where a block ends. An unknown one is a UsageError.
    model : str or None
        Name, Hub id or folder; None for the resident model.
    check : str
        Python to run after each candidate, in the sandbox and only once the person has agreed; empty for
        none.
    header : str
        Lines that the model does not see, put at the top of the new cell: ``"%%bash\n"``.
    form : FillInMiddle or None
        How the model expects holes to be written, if the person gives it; None to look in its vocabulary.
    begin : tuple of TokenLogprob
        Tokens that the candidates begin with, as in `Suggestion.taken`; they are not chosen anew.
    cuts : tuple of int
        Where in `begin` a hole was cut by its length, as in `Suggestion.cuts`.
    context : Context or None
        What else the model may read; it does not become part of the suggestion.
    may_be_empty : bool
        Whether nothing is an answer as well, as it is while somebody types; else the model is asked again.
    grounding : Grounding or None
        The kernel whose names the candidates may use; None for any names.
    """

    parts: tuple[str, ...]
    sampling: Sampling = field(default_factory=Sampling)
    language: str = "python"
    model: str | None = None
    check: str = ""
    header: str = ""
    form: FillInMiddle | None = None
    begin: tuple[TokenLogprob, ...] = field(default=(), repr=False)
    cuts: tuple[int, ...] = field(default=(), repr=False)
    context: Context | None = field(default=None, repr=False)
    may_be_empty: bool = False
    grounding: Grounding | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a request needs at least one text")
        object.__setattr__(self, "language", find(self.language).name)

    @property
    def is_infill(self) -> bool:
        """Whether there is text after the hole."""
        return len(self.parts) > 1

    @property
    def holes(self) -> int:
        """How many texts the model is to write."""
        return max(1, len(self.parts) - 1)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token the model wrote, with its log-probability in nats before temperature and top-p.

    That is ``nan`` where a server does not report it; then a token is a piece of text as the server sent it.
    ``alternatives`` holds the likeliest tokens at that place, best first; theirs is empty. A token is
    ``corrected`` if the model wanted another one, of a name that is not in the kernel.
    """

    id: int
    text: str
    logprob: float
    alternatives: tuple[TokenLogprob, ...] = field(default=(), repr=False)
    corrected: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class NameFound:
    """A name in a suggestion that the model alone would not have written, or that is not in the kernel.

    Attributes
    ----------
    hole : int
        Index in `Suggestion.spans`.
    start, end : int
        Where it is in that text.
    outcome : {"corrected", "unknown"}
        Unknown: not in the kernel, but hardly any other name was likely.
    """

    hole: int
    start: int
    end: int
    outcome: NameOutcome


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model read before it wrote.

    Attributes
    ----------
    text : str
        All of it; special tokens appear by their names.
    cells, variables, tokens : int
        How much of it is context; see `Context`.
    """

    text: str
    cells: int = 0
    variables: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How a program in the sandbox ended; `reason` is one line, or empty if it passed."""

    status: CheckStatus
    reason: str = ""

    @property
    def passed(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.status == "passed"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One candidate: what the model wrote, and the code with it in place.

    Attributes
    ----------
    parts : tuple of str
        What the person wrote, as in `Request.parts`.
    spans : tuple of str
        What the model wrote, one text per hole; while it is still writing, what it has written so far. What
        was cut by its length ends at the last whole statement, unless not even one is whole.
    tokens : tuple of TokenLogprob
        What was sampled, in order, without special tokens (``<eom>`` and the like).
    finish_reason : {"stop", "length", "cancelled"} or None
        None while the model is still writing.
    check : CheckResult or None
        What ``--check`` found; None if it was not run.
    header : str
        As in `Request`.
    taken : tuple of TokenLogprob
        Every token that was chosen, including special tokens and those cut off; empty if not known.
    places : tuple of int
        The index in `taken` of each of `tokens`.
    cuts : tuple of int
        For each hole that was cut by its length, how many of `taken` had been chosen by then.
    drawn : tuple of int
        The numbers of the candidates that came to this text, once equal ones are merged; else empty.
    names : tuple of NameFound
        Where the kernel had a say; see `notes`.
    """

    parts: tuple[str, ...]
    spans: tuple[str, ...]
    tokens: tuple[TokenLogprob, ...] = field(default=(), repr=False)
    finish_reason: FinishReason | None = None
    check: CheckResult | None = None
    header: str = ""
    taken: tuple[TokenLogprob, ...] = field(default=(), repr=False)
    places: tuple[int, ...] = field(default=(), repr=False)
    cuts: tuple[int, ...] = field(default=(), repr=False)
    drawn: tuple[int, ...] = field(default=(), repr=False)
    names: tuple[NameFound, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """What the model wrote; several fills are joined by newlines."""
        return "\n".join(self.spans)

    @property
    def code(self) -> str:
        """The whole cell with the suggestion in place, ready to run."""
        return "".join(text for text, _ in self.pieces())

    @property
    def has_logprobs(self) -> bool:
        """Whether there are tokens, and all of them have a log-probability."""
        return bool(self.tokens) and not any(math.isnan(token.logprob) for token in self.tokens)

    @property
    def logprob(self) -> float:
        """Mean log-probability of a token, in nats; 0.0 if nothing was written, or if it is not reported."""
        if not self.has_logprobs:
            return 0.0
        return sum(token.logprob for token in self.tokens) / len(self.tokens)

    def continuing(self, prompt: str) -> Suggestion:
        """The same as the completion of a shorter prompt: the rest of what it continues is written, too."""
        (part,), (span,) = self.parts, self.spans
        more = part[len(prompt) :]
        if not (more and span):
            return self
        names = (replace(n, start=n.start + len(more), end=n.end + len(more)) for n in self.names)
        return replace(self, parts=(prompt,), spans=(more + span,), names=tuple(names))

    @property
    def count(self) -> int:
        """How many candidates came to this text."""
        return max(1, len(self.drawn))

    @property
    def can_go_on(self) -> bool:
        """Whether the model was interrupted, by the length or by the person, and can go on from there."""
        return self.finish_reason != "stop" and bool(
            self.cuts if self.finish_reason == "length" else self.taken
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the kernel had to say: ``("2 names corrected", "1 name not found in this kernel")``."""
        said = (("corrected", "corrected"), ("unknown", "not found in this kernel"))
        counts = [(sum(name.outcome == outcome for name in self.names), words) for outcome, words in said]
        return tuple(f"{count} name{'s' * (count > 1)} {words}" for count, words in counts if count)

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Walk the code in order, as ``(text, written by the model)``; empty texts are skipped."""
        if self.header:
            yield self.header, False
        for i, part in enumerate(self.parts):
            if part:
                yield part, False
            if i < len(self.spans) and self.spans[i]:
                yield self.spans[i], True


def as_stop(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    """Accept what transformers' ``stop_strings`` accepts: nothing, one text or several."""
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)
