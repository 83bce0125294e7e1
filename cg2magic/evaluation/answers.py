"""Where answers to problems come from: a model, or known answers that prove the benchmark right."""

from __future__ import annotations

from dataclasses import replace

from cg2magic.evaluation.problems import Problem
from cg2magic.evaluation.run import Answers
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import manager

_PROBE = Request(("def hello_world():\n",), Sampling(max_new_tokens=16))


def canonical(problem: Problem, first: int, count: int) -> list[str]:
    """The original solutions: they all pass, if the benchmark is right."""
    del first
    return [problem.solution] * count


def empty(problem: Problem, first: int, count: int) -> list[str]:
    """Empty answers."""
    del problem, first
    return [""] * count


def of_model(sampling: Sampling) -> Answers:
    """What the resident model writes; all samples of a batch are written at the same time."""

    def answers(problem: Problem, first: int, count: int) -> list[str]:
        seed = None if sampling.seed is None else sampling.seed + first
        job = manager().submit(Request(problem.parts, replace(sampling, n=count, seed=seed)))
        try:
            return [suggestion.spans[0] for suggestion in job.result()]
        except KeyboardInterrupt:
            job.cancel()
            job.wait()  # if a process exits while torch is working, it is aborted
            raise

    return answers


def fingerprint() -> str:
    """The resident model's answer to a fixed prompt; other weights of the same name answer differently."""
    (suggestion,) = manager().submit(_PROBE).result()
    return f"{suggestion.text} ({suggestion.logprob:.2f})"
