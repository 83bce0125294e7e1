"""``python -m benchmarks.speed --gguf FILE``: a real model, in our engine and in llama.cpp alone.

Each takes its turn at every task, in a process of its own, and only values of the same round are divided by
each other, as in the run with random weights.
"""

from __future__ import annotations

import datetime as dt
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.speed import report
from benchmarks.speed.gguf_peers import Alone, Int8, Ours, PlainInt8, Server, cost_of_four_bits
from benchmarks.speed.machine import this_machine
from benchmarks.speed.peers import Place
from benchmarks.speed.results import Bar, Results
from benchmarks.speed.rows import TIMES, Meaning
from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.worker import Loaded, Session, Timed, Worker, WorkerError
from cg2magic.models.threads import cores_to_use

#: Tokens of the prompt and of the answer, of the prompt for several candidates, and how many more the next
#: request has.
_PROMPT, _NEW, _SHORT, _MORE, _SEQUENCES = 421, 64, 64, 40, 4
#: Characters that four bits are measured on, and seconds between two turns, until threads sleep.
_TEXT, _PAUSE = 6000, 0.4
_ROWS = {
    "prompt_1": Meaning(f"prompt, {_PROMPT} tokens", "tokens/s", "more"),
    "generation_1": Meaning(f"generation, {_NEW} tokens", "tokens/s", "more"),
    "generation_4": Meaning(f"generation, {_SEQUENCES} candidates, tokens of all", "tokens/s", "more"),
    "load_again": Meaning("load again", "s", "less"),
    "next_to_cold": Meaning(f"the next request, {_MORE} tokens more, against the same cold", TIMES, "less"),
    "generation_4_to_1": Meaning(f"{_SEQUENCES} candidates against 1", TIMES, "more"),
    "four_bits": Meaning("CodeGen2's layout in four bits: perplexity against float32", "% more", "less"),
}
_PEERS: dict[str, Callable[[Path, Place], Any]] = {"ours": Ours, "alone": Alone, "server": Server}
_OF_CHECKPOINT: dict[str, Callable[[Path, Place], Any]] = {"int8": Int8, "plain": PlainInt8}


def measure(file: Path, rounds: int, said: Callable[[str], None], checkpoint: Path | None = None) -> Results:
    """Measure one file.

    Parameters
    ----------
    file : Path
    rounds : int
    said : callable
        Receives a line for each step.
    checkpoint : Path, optional
        The same model in a folder of transformers, which is measured in int8.
    """
    machine = this_machine()
    results = Results.empty(
        _ROWS,
        when=dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        machine=asdict(machine) | {"description": machine.describe()},
        model={"name": file.name},
        rounds=rounds,
    )
    with ExitStack() as closing:
        workers = dict(_load(file, checkpoint, closing, results, said))
        for turn in range(rounds):
            for key in sorted(workers, reverse=bool(turn % 2)):
                time.sleep(_PAUSE)
                for row, value in _turn(workers[key], turn, loads=key not in _OF_CHECKPOINT):
                    results.add(row, key, value)
                said(f"round {turn + 1} of {rounds}: {results.peers[key]}")
    results.add("four_bits", "mini", cost_of_four_bits(_TEXT))
    return results


def _load(
    file: Path, checkpoint: Path | None, closing: ExitStack, results: Results, said: Callable[[str], None]
) -> Iterator[tuple[str, Worker]]:
    """Load the model in every engine, each in a process of its own."""
    place = Place(file.parent, SHAPES["1B"], cores_to_use())
    peers = [(key, peer, file) for key, peer in _PEERS.items()]
    if checkpoint is not None:
        peers += [(key, peer, checkpoint) for key, peer in _OF_CHECKPOINT.items()]
    for key, peer, path in peers:
        log = Path(tempfile.gettempdir(), f"{file.stem}-{key}.log")
        worker = Worker(partial(Session, partial(peer, path.absolute()), place), log)
        closing.callback(worker.close)
        try:
            loaded: Loaded = worker.ask("load")
        except WorkerError as error:
            results.missing[key] = str(error)
            said(f"{key}: {error}")
            continue
        results.peers[key] = loaded.label
        if key in _OF_CHECKPOINT:
            results.add("load_again", key, loaded.seconds)
        said(f"{loaded.label}: loaded")
        yield key, worker


def _turn(worker: Worker, turn: int, *, loads: bool) -> Iterator[tuple[str, float]]:
    """Let one engine do all tasks once."""
    if loads:
        loaded: Loaded = worker.ask("load_again")
        yield "load_again", loaded.seconds
    worker.ask("generate", _ids(turn, 9, _SHORT), 2)  # what is initialized at first use
    ids = _ids(turn, 1, _PROMPT)
    timed: Timed = worker.ask("generate", ids, _NEW)
    yield "prompt_1", _PROMPT / timed.first
    yield "generation_1", _rate(timed, _NEW)
    further: Timed = worker.ask("generate", (*ids, *_ids(turn, 2, _MORE)), 1)
    cold: Timed = worker.ask("generate", _ids(turn, 3, _PROMPT + _MORE), 1)
    yield "next_to_cold", further.total / cold.total
    one: Timed = worker.ask("generate", _ids(turn, 5, _SHORT), _NEW // 2)
    several: Timed = worker.ask("generate", _ids(turn, 4, _SHORT), _NEW // 2, _SEQUENCES)
    rate = _SEQUENCES * _rate(several, _NEW // 2)
    yield "generation_4", rate
    yield "generation_4_to_1", rate / _rate(one, _NEW // 2)


def _rate(timed: Timed, new: int) -> float:
    """Return the tokens per second of each sequence after the first token."""
    return (new - 1) / (timed.total - timed.first)


def _ids(turn: int, task: int, length: int) -> tuple[int, ...]:
    """Return tokens that no engine has seen before: ordinary ones, of any vocabulary."""
    order = random.Random(1000 * turn + task)
    return tuple(order.randrange(300, 8000) for _ in range(length))


def bars(results: Results) -> list[Bar]:
    """Compare the figures of a file with the targets."""
    rows = results.rows
    alone = "against the same llama.cpp alone"

    def ratio(what: str, wanted: float, row: str, other: str, peer: str = "ours") -> Bar:
        return Bar(what, wanted, TIMES, "more", rows[row].ratio(peer, other))

    def plain(what: str, wanted: float, row: str, peer: str = "ours") -> Bar:
        return Bar(what, wanted, rows[row].unit, rows[row].better, rows[row].spread(peer))

    return [
        ratio(f"generation, {alone}", 0.95, "generation_1", "alone"),
        ratio(f"prompt processing, {alone}", 0.95, "prompt_1", "alone"),
        ratio("generation, against int8 on transformers' forward pass", 1.6, "generation_1", "plain"),
        plain("load again", 3, "load_again"),
        plain(f"{_SEQUENCES} candidates against one", 2, "generation_4_to_1"),
        plain("the next request against the same cold", 0.25, "next_to_cold"),
        ratio("int8 on torch, against transformers' forward pass", 1.4, "generation_1", "plain", "int8"),
        plain("four bits, perplexity against float32", 5, "four_bits", "mini"),
    ]


def markdown(results: Results) -> str:
    """Write the report on a file."""
    machine = results.machine
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    missing = "\n".join(f"- {key}: {why}" for key, why in results.missing.items())
    conditions = (
        f"{results.model['name']}, measured {results.when} on {machine['description']}; {versions}. "
        f"Median of {results.rounds} rounds, least and most in brackets. One sequence is greedy, several are "
        "sampled."
    )
    parts = [
        conditions,
        report.side_by_side(results, _ROWS),
        "How many times better ours is, divided round by round:",
        report.ratios(results),
        "The bars:",
        report.bars(bars(results)),
    ]
    return "\n\n".join((*parts, *((f"Not measured:\n\n{missing}",) if missing else ()))) + "\n"
