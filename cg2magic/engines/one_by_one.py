"""Several holes for a model that fills one at a time: each is filled with the fills before it in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from cg2magic.engines.written import Report, Written
from cg2magic.formats import FillInMiddle
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import FinishReason, NameFound, Request, Suggestion, TokenLogprob


class Generate(Protocol):
    """`Engine.generate`."""

    def __call__(self, request: Request, report: Report, cancelled: Callable[[], bool]) -> Written:
        """Write the candidates of a request."""
        ...


def has_too_many_holes(request: Request, vocabulary: Vocabulary) -> bool:
    """Whether the model fills one hole at a time, and more are wanted."""
    form = request.form or FORMATS[family_of(vocabulary)]
    return request.holes > 1 and isinstance(form, FillInMiddle)


def one_by_one(
    request: Request, generate: Generate, report: Report, cancelled: Callable[[], bool]
) -> Written:
    """Fill the holes of each candidate from the first to the last.

    The model sees the fills before a hole, and of the holes behind it nothing: the texts around those are
    joined. What comes of it can't be continued from the middle, since no single prompt led to it.

    Parameters
    ----------
    request : Request
        With several holes.
    generate : callable
        Fills a single hole.
    report, cancelled : callable
        As in `Engine.generate`.
    """
    n = request.sampling.n
    done: list[Suggestion] = []
    notes: dict[str, None] = {}
    # Greedy candidates are all the same.
    for i in range(1 if request.sampling.temperature == 0 else n):
        not_begun = tuple(Suggestion(request.parts, (), header=request.header) for _ in range(n - i - 1))

        def changed(now: Suggestion, later: tuple[Suggestion, ...] = not_begun) -> None:
            report((*done, now, *later))

        filled, written = _fill(request, i, generate, changed, cancelled)
        notes.update(dict.fromkeys(written.notes))
        done.append(filled)
    done += done[-1:] * (n - len(done))
    return Written(tuple(done), written.seen, tuple(notes))


def _moved(names: Iterable[NameFound], hole: int) -> list[NameFound]:
    """Return names of a single hole as those of another one."""
    return [replace(name, hole=hole) for name in names]


def _fill(
    request: Request,
    candidate: int,
    generate: Generate,
    changed: Callable[[Suggestion], None],
    cancelled: Callable[[], bool],
) -> tuple[Suggestion, Written]:
    """Fill the holes of one candidate; it, and what came with its last hole."""
    seed = request.sampling.seed
    sampling = replace(request.sampling, n=1, seed=None if seed is None else seed + candidate)
    spans: list[str] = []
    tokens: tuple[TokenLogprob, ...] = ()
    names: list[NameFound] = []
    reasons: list[FinishReason | None] = []

    def together(last: Suggestion | None, finish_reason: FinishReason | None) -> Suggestion:
        more, newer = ((), ()) if last is None else (last.spans, last.tokens)
        return Suggestion(
            request.parts,
            (*spans, *more),
            (*tokens, *newer),
            finish_reason,
            header=request.header,
            names=(*names, *(() if last is None else _moved(last.names, len(spans)))),
        )

    notes: dict[str, None] = {}
    for hole in range(request.holes):
        before = "".join(part + span for part, span in zip(request.parts, spans, strict=False))
        behind = "".join(request.parts[hole + 1 :])
        single = replace(request, parts=(before + request.parts[hole], behind), sampling=sampling)
        written = generate(single, lambda now: changed(together(now[0], None)), cancelled)
        notes.update(dict.fromkeys(written.notes))
        (fill,) = written.suggestions
        names += _moved(fill.names, hole)
        spans.append(fill.text)
        tokens += fill.tokens
        reasons.append(fill.finish_reason)
        if fill.finish_reason == "cancelled":
            break
    spans += [""] * (request.holes - len(spans))
    ways: tuple[FinishReason, ...] = ("cancelled", "length")
    worst: FinishReason = next((reason for reason in ways if reason in reasons), "stop")
    return together(None, worst), replace(written, notes=tuple(notes))
