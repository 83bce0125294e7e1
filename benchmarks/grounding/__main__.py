"""Measure what it gains that suggestions may use only names that are in the kernel.

    python -m benchmarks.grounding                       # mini, 120 lines that are written for it
    python -m benchmarks.grounding --gallery 60          # and 60 of notebooks of libraries
    python -m benchmarks.grounding --model NAME --precision int8 --written 48

Cells are executed. Then the model writes the next line, or the rest of it. It is asked in two ways, with and
without grounding; for the lines that are written for it also as if only variables that the prompt names were
described. The lines are from three places:

written
    Notebooks that are written for it, whose names no model has read: two tables, of 4 and of 60 columns, a
    dictionary, an instance, an array, and modules.
gallery, renamed
    Notebooks and scripts of statsmodels, seaborn and scikit-learn (`pip install statsmodels seaborn
    scikit-learn plotnine`), as they are, and with other names for the columns of their tables.

Everything is executed in the sandbox, without a network, and what is reported is:

missing
    Names that do not exist, of 100 suggestions: attributes, columns and keys of the kernel's objects in the
    syntax tree of the line. Behind it those that the suggestion does not say are not found.
exact, similar
    The line is the one that was meant; `difflib.SequenceMatcher.ratio` of the two.
runs
    The line runs in the kernel, and is more than a comment or an import.
ms a token
    Processor time of the thread that writes, and how much of it the code takes that grounds.
"""

from __future__ import annotations

import argparse
import difflib
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.grounding import confined, gallery, written
from benchmarks.grounding.case import Case
from benchmarks.grounding.clock import Clock
from benchmarks.grounding.judge import Missing, does_something, parsed, untouched
from cg2magic.context import Cell, Document, Settings, gather
from cg2magic.context.names import mentioned
from cg2magic.engines.engine import Engine
from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.grounding.grounding import ground
from cg2magic.progress import Watch
from cg2magic.request import Request, Sampling, Suggestion
from training.sources import WORK, fetch_all, read_sources

SOURCES = Path(__file__).with_name("sources.toml")
WAYS = ("only named variables described", "not grounded", "grounded")


@dataclass
class Row:
    """The figures of one way to ask."""

    missing: list[int] = field(default_factory=list)
    unmarked: list[int] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    similar: list[float] = field(default_factory=list)
    runs: list[bool] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    grounding: float = 0.0
    corrected: int = 0

    def __str__(self) -> str:
        """One row of the table, without its first cell."""
        shares = [100 * statistics.mean(each) for each in (self.exact, self.runs)]
        return (
            f"| {100 * statistics.mean(self.missing):.1f} | {100 * statistics.mean(self.unmarked):.1f} "
            f"| {shares[0]:.1f} % | {statistics.mean(self.similar):.3f} | {shares[1]:.1f} % "
            f"| {1000 * self.seconds / self.tokens:.1f} "
            f"| {1000 * self.grounding / self.tokens:.3f} | {self.corrected} |"
        )


def ask(engine: Engine, clock: Clock, case: Case, way: str, row: Row) -> Suggestion:
    """Let the model write a line, and note what it took."""
    cells = (*(Cell(None, "code", source) for source in case.cells), Cell(None, "code", ""))
    document = Document(cells, len(case.cells))
    named = tuple(mentioned(case.prompt)) if way == WAYS[0] else None
    settings = Settings(names=named, tokens=1024)
    context = gather(document, (case.prompt,), case.namespace, settings)
    grounding = ground(document, case.namespace, case.cells, settings) if way == "grounded" else None
    request = Request(
        (case.prompt,), Sampling(max_new_tokens=40, stop=("\n",)), context=context, grounding=grounding
    )
    before, began = clock.seconds, time.thread_time()
    (suggestion,) = engine.generate(request).suggestions
    row.seconds += time.thread_time() - began
    row.grounding += clock.seconds - before
    row.tokens += len(suggestion.taken)
    row.corrected += any(name.outcome == "corrected" for name in suggestion.names)
    return suggestion


def judge(case: Case, suggestion: Suggestion, row: Row) -> str:
    """Note what is right and wrong with a suggestion; return its line."""
    line = (case.begun + suggestion.text).rstrip()
    above = case.prompt[: len(case.prompt) - len(case.begun)]
    missing = Missing(untouched(case.namespace, above))
    tree = parsed(line)
    if tree is not None:
        missing.visit(tree)
    marked = [
        suggestion.text[name.start : name.end] for name in suggestion.names if name.outcome == "unknown"
    ]
    unmarked = [name for name in missing.names if not any(name.endswith(end) for end in marked)]
    row.missing.append(len(missing.names))
    row.unmarked.append(len(unmarked))
    row.exact.append(line == case.line)
    row.similar.append(difflib.SequenceMatcher(None, line, case.line, autojunk=False).ratio())
    row.runs.append(case.runs(line) and does_something(tree))
    return line


def measure(
    engine: Engine, clock: Clock, title: str, cases: Iterator[Case], ways: tuple[str, ...], *, show: bool
) -> None:
    """Ask for every line in every way, and print a table."""
    rows = {way: Row() for way in ways}
    for case in cases:
        for way, row in rows.items():
            suggestion = ask(engine, clock, case, way, row)
            line = judge(case, suggestion, row)
            if show:
                figures = f"{row.missing[-1]} {row.unmarked[-1]} {row.runs[-1]:d}"
                print(f"{way:30} {figures}  {line}    [{case.line}]", flush=True)
    print(f"\n{title}: {len(rows[ways[0]].missing)} lines\n")
    print("| | missing of 100 | unmarked | exact | similar | runs | ms a token | grounding | corrected |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for way, row in rows.items():
        print(f"| {way} {row}", flush=True)


def main() -> int:
    """Ask, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--written", type=int, default=120, help="lines that are written for it")
    parser.add_argument("--gallery", type=int, default=0, help="lines of libraries, half of them renamed")
    parser.add_argument("--archives", type=Path, default=WORK / "archives", help="where they are kept")
    parser.add_argument("--show", action="store_true", help="print every line")
    args = parser.parse_args()
    archives = args.archives.resolve()
    if not confined.is_inside():
        if args.gallery:
            fetch_all(read_sources(SOURCES), archives, SOURCES)
        places = [place for place in (Path(args.model).resolve(), archives) if place.exists()]
        return confined.enter([*sys.argv[1:], "--archives", str(archives)], places)
    engine = open_engine(ModelSpec(args.model, precision=args.precision), Watch())
    confined.give_up_rights()
    clock = Clock()
    print(f"{args.model}\n")
    if args.written:
        measure(engine, clock, "written", written.cases(args.written), WAYS, show=args.show)
    if args.gallery:
        gallery.read_bundled_data()
        paths = [archives / source.file for source in read_sources(SOURCES)]
        for title, count in (("gallery", args.gallery // 2), ("renamed", args.gallery - args.gallery // 2)):
            cases = gallery.cases(paths, count, renamed=title == "renamed")
            measure(engine, clock, title, cases, WAYS[1:], show=args.show)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
