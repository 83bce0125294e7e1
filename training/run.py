"""The whole recipe with one command: fetch, extract, tokenize, train, evaluate, export.

python -m training.run --hours 8                                  # the same command resumes it
python -m training.run --hours 1.4 --from cg2magic/models/mini    # begin where the model in the package is
python -m training.run --minutes 2                                # all of it, in small
"""

from __future__ import annotations

import argparse
import math
import os
import random
from datetime import datetime, timedelta
from pathlib import Path

import torch

from training import corpus, evaluate, export, tokenizer
from training.batches import Documents, Mixture
from training.model import Shape
from training.sources import WORK, Source, read_sources
from training.team import RANK, form
from training.train import Plan, Run

SMALL = ("seaborn", "toolz")


def prepare(sources: list[Source], work: Path) -> None:
    """Make the corpus and the tokenizer, unless they are there."""
    if not (work / "corpus.json").exists():
        report = corpus.build(sources, work)
        print("corpus:", report["bytes"], report["dropped or replaced"], flush=True)
    if not (work / "tokenizer.json").exists():
        documents = Documents(work, sources, Mixture())
        rng = random.Random(0)
        texts = [documents.draw(rng)[:20_000] for _ in range(4000)]
        tokenizer.save(tokenizer.train(texts), work, Shape().n_positions)


def held_out(work: Path, sources: list[Source]) -> Documents:
    """Return the held-out files, to draw validation batches from."""
    mixture = Mixture(examples=0.5, functions=0.0, tests=0.0)
    return Documents(work, sources, mixture, part="held_out")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--hours", type=float, default=1.4, help="training time over all sessions")
    length.add_argument(
        "--minutes",
        type=float,
        help=f"a trial: unless told otherwise, on {' and '.join(SMALL)}, in a folder of its own",
    )
    parser.add_argument(
        "--until", metavar="HH:MM", help="end when the clock next shows this time, if the hours last longer"
    )
    parser.add_argument(
        "--from", dest="start", type=Path, metavar="DIR", help="begin a run from this exported checkpoint"
    )
    parser.add_argument("--packages", nargs="+", metavar="NAME", help="train on these of sources.toml only")
    parser.add_argument("--layers", type=int, default=Shape.n_layer)
    parser.add_argument("--width", type=int, default=Shape.n_embd)
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    parser.add_argument(
        "--decay", type=float, default=Plan.decay, help="share of the time in which they fall to zero"
    )
    parser.add_argument(
        "--long", type=float, default=Plan.long, help="share at the end with twice the context"
    )
    parser.add_argument("--rows", type=int, default=Plan.rows, help="samples in a batch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2, help="one thread each; they share every batch")
    parser.add_argument(
        "--infill", type=float, default=Mixture.infill, help="share of tokens in infill samples"
    )
    parser.add_argument(
        "--functions",
        type=float,
        default=Mixture.functions,
        help="share of samples from functions with docstrings",
    )
    parser.add_argument(
        "--copies",
        type=float,
        default=Mixture.copies,
        help="share of rows that teach to look things up; it falls with the learning rate",
    )
    parser.add_argument(
        "--rest", type=float, default=Mixture.rest, help="weight of the loss outside of the fills"
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="skip torch.compile (it needs a C++ compiler)"
    )
    parser.add_argument("--work", type=Path, help="folder for archives, corpus and checkpoints")
    parser.add_argument("--to", type=Path, help="folder of the exported checkpoint")
    parser.add_argument("--cases", type=int, help="infills of each kind in the evaluation")
    parser.add_argument("--skip-evaluation", action="store_true")
    parser.add_argument("--run", default="run", help="name of the run's folder in the work folder")
    options = parser.parse_args(arguments)
    small = options.minutes is not None
    if options.rows < options.processes:
        parser.error(f"--rows {options.rows}: each of the {options.processes} processes needs one at least.")
    try:
        options.mixture = Mixture(
            infill=options.infill, rest=options.rest, copies=options.copies, functions=options.functions
        )
    except ValueError as error:
        parser.error(str(error))
    options.packages = options.packages or (SMALL if small else None)
    options.work = options.work or (WORK / "small" if small else WORK)
    options.cases = options.cases or (5 if small else 150)
    return options


def _next(clock: str | None) -> float:
    """Return when the clock next shows a time, in seconds since the epoch; never, if there is none."""
    if clock is None:
        return math.inf
    hour, minute = clock.split(":")
    now = datetime.now().astimezone()
    then = now.replace(hour=int(hour), minute=int(minute), second=0)
    return (then if then > now else then + timedelta(days=1)).timestamp()


def main(arguments: list[str] | None = None) -> None:
    """Run the recipe."""
    options = parse(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    torch.set_num_threads(1)
    sources = read_sources()
    if options.packages:
        sources = [s for s in sources if s.name in options.packages or s.role == "evaluate"]
    options.work.mkdir(parents=True, exist_ok=True)
    if RANK not in os.environ:
        if options.start:  # its weights mean its own tokens
            tokenizer.save(tokenizer.load(options.start), options.work, Shape().n_positions)
        prepare(sources, options.work)
    team = form(options.processes, options.work / options.run)
    documents = {
        "train": Documents(options.work, sources, options.mixture),
        "held out": held_out(options.work, sources),
    }
    hours = options.minutes / 60 if options.minutes else options.hours
    plan = Plan(
        hours=hours,
        until=_next(options.until),
        decay=options.decay,
        long=options.long,
        rows=options.rows,
        muon=options.rate * Plan.muon,
        adam=options.rate * Plan.adam,
        seed=options.seed,
        compile=not options.no_compile,
    )
    shape = Shape(n_layer=options.layers, n_embd=options.width)
    tokens = tokenizer.load(options.work)
    run = Run(
        options.work / options.run, shape, plan, tokens, documents, options.mixture, team, options.start
    )
    run.train()
    team.part()
    if not team.leads:
        return
    to = options.to or (export.MINI if options.work == WORK else options.work / "mini")
    state = torch.load(options.work / options.run / "state.pt", weights_only=True)
    export.export(state["average"], shape, options.work, to)
    print("exported; nats a token:", export.prove(to, state["average"], shape, export.SAMPLE), flush=True)
    if not options.skip_evaluation:
        evaluate.main(["--model", str(to), "--work", str(options.work), "--cases", str(options.cases)])


if __name__ == "__main__":
    main()
