"""Processor time that grounding takes for each token of a text, apart from any model.

    python -m benchmarks.grounding.cost                    # of mini's tokenizer
    python -m benchmarks.grounding.cost --model NAME       # a folder or a name of the Hub

A table has 3,000 columns. The text, of some hundred tokens, names its columns and attributes, and nothing in
it is corrected. A correction is measured by itself, where all of the names may come.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import pandas as pd

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.grounding.grounding import Grounding
from cg2magic.progress import Watch
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import TokenLogprob

COLUMNS = [
    f"{part}_{measure}_{n}"
    for part in ("bark", "leaf", "root")
    for measure in ("len", "wid")
    for n in range(500)
]
LINE = 'total = df["bark_len_17"].mean() + len(values) * df.leaf_wid_3.sum()\nprint(f"{total:.2f}", total)\n'
ABOVE = "".join(f"value_{n} = compute({n}, rate=0.5)\n" for n in range(40))


def vocabulary_of(model: str) -> Vocabulary:
    """Load a model for its vocabulary."""
    engine = open_engine(ModelSpec(model), Watch())
    assert isinstance(engine, LocalEngine)
    return engine.vocabulary


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    began = time.thread_time()
    work()
    return 1000 * (time.thread_time() - began)


def write(vocabulary: Vocabulary, grounding: Grounding) -> list[float]:
    """Follow the text, and return what each of its tokens takes."""
    fill = GroundedFill(grounding, ABOVE, "", b"", vocabulary)
    taken, written = [], b""
    for token in vocabulary.encode(4 * LINE, inside=True):
        written += vocabulary.pieces[token]
        began = time.thread_time()
        fill.against(token)
        fill.took(TokenLogprob(token, "", 0.0), written, b"")
        taken.append(1000 * (time.thread_time() - began))
    return taken


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mini")
    args = parser.parse_args()
    vocabulary = vocabulary_of(args.model)
    grounding = Grounding({"df": pd.DataFrame([[0.0] * len(COLUMNS)], columns=COLUMNS)})
    taken = [each for _ in range(20) for each in write(vocabulary, grounding)]
    fill = GroundedFill(grounding, 'y = df["', "", b"", vocabulary)
    assert fill.allowed is not None
    allowed = fill.allowed
    correct = partial(allowed.ids, vocabulary.token_index)
    first = milliseconds(correct)
    print(f"{len(vocabulary.pieces):,} tokens, {len(COLUMNS):,} columns; milliseconds of processor time")
    print(f"a token: {statistics.mean(taken):.3f} on average, {max(taken):.2f} at most")
    likely = vocabulary.pieces[:256]
    few = min(milliseconds(lambda: [allowed.permits(piece) for piece in likely]) for _ in range(9))
    print(f"a correction among the {len(likely)} likeliest tokens: {few:.2f}")
    every = min(milliseconds(correct) for _ in range(9))
    print(f"a correction among all: {every:.2f}, the first {first:.0f}, with the index of the vocabulary")


if __name__ == "__main__":
    main()
