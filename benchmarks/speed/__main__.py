"""``python -m benchmarks.speed``: compare the speed with other ways to run the same model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.speed import report
from benchmarks.speed.run import plan
from cg2magic.errors import Cg2Error, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the report; return the exit status."""
    args = _parser().parse_args(arguments)
    try:
        _bench(args)
    except (Cg2Error, OSError) as error:
        print(f"benchmarks.speed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("benchmarks.speed: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="use a tiny model, to see whether everything is in place"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (%(default)s)")
    parser.add_argument(
        "--peers",
        metavar="A,B",
        help="ours, card, card-bf16, ctranslate2, llama.cpp; all but card-bf16 by default",
    )
    parser.add_argument("--precision", default="auto", help="ours: auto, int8, bf16, fp32")
    parser.add_argument(
        "--folder",
        type=Path,
        metavar="DIR",
        help="where to keep the model (2 GB) and what is made from it (3 GB)",
    )
    parser.add_argument(
        "--gguf",
        type=Path,
        action="append",
        metavar="FILE",
        help="measure this real model instead, in our engine and in llama.cpp alone; may be repeated",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="with --gguf: the same model in a folder of transformers, to be measured in int8 as well",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the report to this file too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value to this file")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="draw the main rows, as .png or .svg")
    return parser


def _bench(args: argparse.Namespace) -> None:
    if args.gguf:
        _bench_files(args)
        return
    run = plan(
        quick=args.quick,
        folder=args.folder,
        rounds=args.rounds,
        peers=tuple(args.peers.split(",")) if args.peers else None,
        precision=args.precision,
        draws=args.chart is not None,
    )
    for step in run.steps():
        print(step, file=sys.stderr, flush=True)
    text = report.markdown(run.results)
    print(text)
    if args.markdown:
        args.markdown.write_text(text, "utf-8")
    if args.json:
        report.write_json(run.results, args.json)
    if args.chart:
        report.draw_chart(run.results, args.chart)


def _bench_files(args: argparse.Namespace) -> None:
    from benchmarks.speed import gguf

    if args.json:
        raise UsageError("--json is for the run with random weights: leave it out with --gguf")
    if len(args.gguf) > 1 and (args.chart or args.checkpoint):
        raise UsageError("--chart and --checkpoint are for one file: give --gguf once")
    tables = []
    for file in args.gguf:
        said = partial(print, file=sys.stderr, flush=True)
        results = gguf.measure(file, args.rounds, said, args.checkpoint)
        tables.append(gguf.markdown(results))
        if args.chart:
            report.draw_chart(results, args.chart)
    print("\n".join(tables))
    if args.markdown:
        args.markdown.write_text("\n".join(tables), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
