"""Ask real models the cases, and show what they write beside whether it has the shape that is wanted.

    nox -s real -- FOLDER [NAME ...]

Each folder in FOLDER is a model as transformers saves it; names choose some of them. The exit status is 0 if
all of them have the wanted shape in 95 of 100 cases.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import FormatError
from cg2magic.models.loading import load_model
from cg2magic.request import Suggestion
from tests.recordings.cases import Case, cases

WANTED = 0.95


def answers(engine: LocalEngine) -> Iterator[tuple[Case, Suggestion]]:
    """Ask a model all that it can answer; one that fills no holes is asked for completions."""
    for case in cases():
        try:
            (suggestion,) = engine.generate(case.request).suggestions
        except FormatError:
            continue
        yield case, suggestion


def share(folder: Path, precision: str) -> float:
    """Print a table of what a model writes; the share that has the wanted shape."""
    asked = good = right = 0
    for case, suggestion in answers(LocalEngine(load_model(str(folder), precision=precision))):
        faults = case.faults(suggestion)
        asked, good, right = asked + 1, good + (not faults), right + case.is_right(suggestion)
        verdict = ", ".join(faults) or ("right" if case.is_right(suggestion) else "ok")
        text = suggestion.text.replace("\n", "⏎")
        shown = text if len(text) <= 60 else f"{text[:40]} … {text[-17:]}"
        print(f"{folder.name} | {case.name} | {shown} | {verdict}", flush=True)
    print(f"{folder.name}: {good} of {asked} in the wanted shape, {right} right\n")
    return good / asked


def main() -> int:
    """Ask the models in a folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="of models in it; without any, all are asked")
    parser.add_argument("--precision", default="auto", help="as in %%cg2 load (default: %(default)s)")
    args = parser.parse_args()
    models = [args.folder / name for name in args.names] or sorted(
        found.parent for found in args.folder.glob("*/config.json")
    )
    missing = [folder for folder in models or [args.folder] if not (folder / "config.json").is_file()]
    if missing:
        parser.error(f"there is no model in {missing[0]}: save one there with transformers' save_pretrained")
    return int(min(share(folder, args.precision) for folder in models) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
