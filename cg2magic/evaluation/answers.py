"""Where answers to problems come from: a model, or what proves that the benchmark measures."""

from __future__ import annotations

from dataclasses import replace

from cg2magic.evaluation.problems import Problem
from cg2magic.evaluation.run import Answers
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import manager

_PROBE = Request(("def hello_world():\n",), Sampling(max_new_tokens=16))


def canonical(problem: Problem, first: int, count: int) -> list[str]:
    """What stood there: all of it passes, if the benchmark is right."""
    del first
    return [problem.solution] * count


def empty(problem: Problem, first: int, count: int) -> list[str]:
    """Nothing at all."""
    del problem, first
    return [""] * count


def of_model(sampling: Sampling) -> Answers:
    """What the resident model writes; the samples of a batch side by side."""

    def answers(problem: Problem, first: int, count: int) -> list[str]:
        seed = None if sampling.seed is None else sampling.seed + first
        job = manager().submit(Request(problem.parts, replace(sampling, n=count, seed=seed)))
        try:
            return [suggestion.spans[0] for suggestion in job.result()]
        except KeyboardInterrupt:
            job.cancel()
            job.wait()  # a process that ends while torch works in it is aborted
            raise

    return answers


def fingerprint() -> str:
    """What the resident model answers to a fixed prompt; other weights of the same name answer otherwise."""
    (suggestion,) = manager().submit(_PROBE).result()
    return f"{suggestion.text} ({suggestion.logprob:.2f})"
