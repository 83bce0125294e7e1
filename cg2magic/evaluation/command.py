"""``python -m cg2magic eval``: the benchmarks of the papers, in one command."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cg2magic.errors import UsageError
from cg2magic.evaluation import answers, problems
from cg2magic.evaluation.run import Evaluation, OnDone, Summary
from cg2magic.progress import progress_bar
from cg2magic.request import DEFAULTS, Sampling
from cg2magic.sandbox.sandbox import Sandbox, missing
from cg2magic.service.manager import manager

_EPILOG = """
Samples are kept in a folder, and the same command continues where it stopped. Nothing that the model writes
is run without --execute.
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``eval`` to the commands."""
    parser = commands.add_parser(
        "eval", help="HumanEval and its infilling tasks: does the code that the model writes work?"
    )
    benchmarks = parser.add_subparsers(title="benchmarks", required=True, metavar="BENCHMARK")
    for name, about in (
        ("humaneval", "164 functions from their docstrings"),
        ("infill", "holes in their solutions"),
    ):
        benchmark = benchmarks.add_parser(name, help=about, description=about, epilog=_EPILOG)
        if name == "infill":
            benchmark.add_argument("--split", choices=problems.SPLITS, default="single-line")
        _add_options(benchmark)
        benchmark.set_defaults(command=run, benchmark=name)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="mini", metavar="NAME", help="a name, a Hub id or a folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16, …")
    parser.add_argument("-n", "--samples", type=int, default=1, metavar="N", help="samples of each problem")
    parser.add_argument(
        "-t", "--temperature", type=float, default=DEFAULTS.temperature, metavar="T", help="0: greedy"
    )
    parser.add_argument("--top-p", type=float, default=DEFAULTS.top_p, metavar="P")
    parser.add_argument("--top-k", type=int, default=DEFAULTS.top_k, metavar="K")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-m", "--max-new-tokens", type=int, default=256, metavar="N")
    parser.add_argument("-k", type=_ks, default=(1, 10, 100), metavar="K,K", help="pass@K (1,10,100)")
    parser.add_argument(
        "--batch", type=int, default=16, metavar="N", help="samples written at once (%(default)s)"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="use only N problems, evenly spread; always the same ones"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where to keep the samples; by default named after the run"
    )
    parser.add_argument("--fresh", action="store_true", help="start again, whatever the folder contains")
    parser.add_argument(
        "--execute", action="store_true", help="run the samples in the sandbox and score them"
    )
    parser.add_argument(
        "--unconfined",
        action="store_true",
        help="with --execute: no sandbox, limits only; samples can read your files and use the network",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="programs to run at once (one per core)")
    parser.add_argument(
        "--proof", action="store_true", help="use no model: score the right answers and empty ones"
    )


def run(args: argparse.Namespace) -> None:
    """Write the missing samples, run them if that is requested, and print the figures."""
    _check(args)
    chosen = problems.human_eval() if args.benchmark == "humaneval" else problems.infilling(args.split)
    chosen = problems.evenly(chosen, args.limit)
    sandbox = _sandbox(args) if args.execute else None
    if args.proof:
        assert sandbox is not None
        _prove(chosen, sandbox, args.jobs)
        return
    sampling = _sampling(args)
    _load(args)
    settings = _settings(args) | {"answer to a fixed prompt": answers.fingerprint()}
    evaluation = Evaluation(_folder(args), chosen, args.samples, settings, fresh=args.fresh)
    with _bar("writing", len(chosen) * args.samples) as on_done:
        evaluation.write(answers.of_model(sampling), args.batch, on_done)
    print(f"{len(chosen):,} problems, {len(chosen) * args.samples:,} samples in {evaluation.folder}")
    if sandbox is None:
        print("Nothing was run. --execute runs the samples in a sandbox and scores them.")
        return
    _execute(evaluation, sandbox, args.jobs)
    summary = evaluation.summary(args.k)
    _keep(evaluation, summary)
    print(_line(summary))


def _prove(chosen: tuple[problems.Problem, ...], sandbox: Sandbox, jobs: int | None) -> None:
    for name, answer in (("canonical solutions", answers.canonical), ("empty answers", answers.empty)):
        with tempfile.TemporaryDirectory() as folder:
            evaluation = Evaluation(Path(folder), chosen, 1, {})
            evaluation.write(answer, 1)
            _execute(evaluation, sandbox, jobs)
            print(f"{name}: {_line(evaluation.summary((1,)))}")


def _check(args: argparse.Namespace) -> None:
    for name in ("samples", "batch", "limit", "jobs"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be at least 1, not {value}")
    if args.samples > 1 and args.temperature == 0 and not args.proof:
        raise UsageError("greedy samples are all the same: give a temperature, such as -t 0.2, with -n")
    if args.proof and not args.execute:
        raise UsageError("--proof runs programs: add --execute")


def _sandbox(args: argparse.Namespace) -> Sandbox:
    if args.unconfined:
        print(
            "Running without a sandbox: the samples can read your files and use the network.", file=sys.stderr
        )
    elif trouble := missing():
        raise UsageError(f"{trouble}; or add --unconfined (limits only: they can read your files)")
    return Sandbox(confined=not args.unconfined)


def _sampling(args: argparse.Namespace) -> Sampling:
    return Sampling(
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        seed=args.seed,
    )


def _load(args: argparse.Namespace) -> None:
    with progress_bar() as on_progress:
        manager().load(args.model, device=args.device, precision=args.precision, on_progress=on_progress)


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """What a sample depends on."""
    names = ["model", "precision", "temperature", "max_new_tokens"]
    # Greedy decoding is not random.
    names += ["top_p", "top_k", "seed", "batch"] if args.temperature else []
    benchmark = args.benchmark if args.benchmark == "humaneval" else f"infill {args.split}"
    return {"benchmark": benchmark} | {name: getattr(args, name) for name in names}


def _folder(args: argparse.Namespace) -> Path:
    if args.folder:
        return args.folder
    words = ["humaneval"] if args.benchmark == "humaneval" else ["infill", args.split]
    words += [args.model, f"t{args.temperature:g}" if args.temperature else "greedy"]
    return Path("cg2magic-eval") / re.sub(r"[^\w.]+", "-", "-".join(words)).strip("-.")


def _execute(evaluation: Evaluation, sandbox: Sandbox, jobs: int | None) -> None:
    with _bar("running", len(evaluation.problems) * evaluation.samples) as on_done:
        evaluation.execute(sandbox, jobs, on_done)


def _keep(evaluation: Evaluation, summary: Summary) -> None:
    """Write the figures beside the samples: for each problem, and for all of them."""
    lines = "".join(json.dumps(figures) + "\n" for figures in evaluation.per_problem())
    (evaluation.folder / "problems.jsonl").write_text(lines, "utf-8")
    figures = {
        "problems": summary.problems,
        "samples": summary.samples,
        "pass@k": {str(k): value for k, value in summary.pass_at.items()},
        "statuses": summary.statuses,
    }
    (evaluation.folder / "summary.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


def _line(summary: Summary) -> str:
    """The figures in one line."""
    scores = [f"pass@{k} {100 * value:.1f} %" for k, value in summary.pass_at.items()]
    ends = [f"{count:,} {status}" for status, count in sorted(summary.statuses.items())]
    return f"{' · '.join(scores)} ({', '.join(ends)})"


@contextmanager
def _bar(what: str, total: int) -> Iterator[OnDone]:
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit="sample", leave=False, disable=None) as bar:
        yield bar.update


def _ks(text: str) -> tuple[int, ...]:
    try:
        ks = tuple(sorted({int(k) for k in text.split(",")}))
    except ValueError:
        ks = ()
    if not ks or ks[0] < 1:
        raise argparse.ArgumentTypeError(f"give numbers such as 1,10,100, not {text!r}")
    return ks
