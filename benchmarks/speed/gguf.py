"""``python -m benchmarks.speed --gguf FILE``: a real model, in our engine and in llama.cpp alone.

Each takes its turn at every task, in a process of its own, and only values of the same round are divided by
each other, as in the run with random weights.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.speed.machine import this_machine, version
from benchmarks.speed.ours import FullLengthEngine
from benchmarks.speed.peers import TEMPERATURE, TOP_P, Clock, LlamaCpp, Place
from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.worker import Loaded, Session, Timed, Worker, WorkerError
from cg2magic.engines.gguf.engine import GgufEngine
from cg2magic.models.threads import cores_to_use
from cg2magic.request import Sampling

#: Tokens of the prompt and of the answer, of the prompt for several candidates, and how many more the next
#: request has.
_PROMPT, _NEW, _SHORT, _MORE, _SEQUENCES = 421, 64, 64, 40, 4
_ROWS = {
    "prompt": f"prompt, {_PROMPT} tokens, tokens/s",
    "generation": f"generation, {_NEW} tokens, tokens/s",
    "sequences": f"generation, {_SEQUENCES} candidates, tokens/s of all",
    "next": f"the next request, {_MORE} tokens more, against the same cold",
    "load": "load again, s",
}


class _FullLengthGguf(FullLengthEngine, GgufEngine):
    """Our engine on llama.cpp, with prompts in tokens and candidates of full length."""


class Ours:
    """`load_gguf`, and the engine for GGUF files."""

    def __init__(self, file: Path, place: Place) -> None:
        self.file, self.place = file, place
        self.engine: Any = None

    @property
    def label(self) -> str:
        """What is run, and how."""
        from cg2magic.models.gguf.binding import binding

        package = binding().package
        return f"cg2magic ({package} {version(package)})"

    def start(self) -> None:
        """Import the packages that the memory baseline includes."""
        import torch  # noqa: F401

    def load(self) -> None:
        """Load the model."""
        from cg2magic.models.gguf.loading import load_gguf
        from cg2magic.models.gguf.sources import find_gguf
        from cg2magic.progress import Watch

        source = find_gguf(str(self.file), Watch())
        assert source is not None  # it is a file
        self.engine = _FullLengthGguf(load_gguf(source, device="cpu", watch=Watch()))
        self.engine.drafts = False

    def unload(self) -> None:
        """Free the memory."""
        if self.engine is not None:
            self.engine.close()
        self.engine = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens."""
        sampling = Sampling(max_new_tokens=new)
        if sequences > 1:
            sampling = Sampling(sequences, new, TEMPERATURE, TOP_P)
        self.engine.write(ids, sampling, clock)


class Alone(Ours):
    """llama.cpp from the same package, with nothing around it but the choice of the likeliest token."""

    @property
    def label(self) -> str:
        """What is run, and how."""
        return "the same llama.cpp alone, greedy"

    def load(self) -> None:
        """Load the model."""
        from cg2magic.models.gguf.llama import LlamaContext, LlamaModel

        self.engine = LlamaContext(LlamaModel(str(self.file)), cells=4096, threads=self.place.threads)

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens; several sequences are all the same."""
        numbers = list(range(1, sequences + 1))
        logits = self.engine.logits([ids], [1], 0, 1)
        for number in numbers[1:]:
            self.engine.copy(1, number)
        rows = [int(logits[0, 0].argmax())] * sequences
        for written in range(new):
            clock.tick_all()
            if written + 1 < new:
                logits = self.engine.logits([[row] for row in rows], numbers, len(ids) + written, 1)
                rows = [int(row.argmax()) for row in logits[:, 0]]
        for number in numbers:
            self.engine.remove(number)


class Server(LlamaCpp):
    """llama.cpp's server engine, from the package that our tests use."""

    def __init__(self, file: Path, place: Place) -> None:
        super().__init__(place)
        self.file = file

    @property
    def label(self) -> str:
        """What is run, and how."""
        return f"llama.cpp's server (xllamacpp {version('xllamacpp')})"

    @property
    def _model(self) -> Path:
        return self.file


_PEERS: dict[str, Callable[[Path, Place], Any]] = {"ours": Ours, "alone": Alone, "server": Server}


def measure(file: Path, rounds: int, said: Callable[[str], None]) -> str:
    """Measure one file, and return the table in Markdown.

    Parameters
    ----------
    file : Path
    rounds : int
    said : callable
        Receives a line for each step.
    """
    machine = this_machine()
    place = Place(file.parent, SHAPES["1B"], cores_to_use())
    workers: dict[str, Worker] = {}
    labels: dict[str, str] = {}
    try:
        for key, peer in _PEERS.items():
            log = Path(f"{file.stem}-{key}.log").absolute()
            worker = Worker(partial(Session, partial(peer, file.absolute()), place), log)
            try:
                labels[key] = worker.ask("load").label
            except WorkerError as error:
                said(f"{key}: {error}")
                worker.close()
                continue
            workers[key] = worker
            said(f"{labels[key]}: loaded")
        values: dict[tuple[str, str], list[float]] = {}
        for turn in range(rounds):
            for key in sorted(workers, reverse=bool(turn % 2)):
                for row, value in _turn(workers[key], turn):
                    values.setdefault((row, key), []).append(value)
                said(f"round {turn + 1} of {rounds}: {labels[key]}")
    finally:
        for worker in workers.values():
            worker.close()
    return _table(file, machine.describe(), labels, values)


def _turn(worker: Worker, turn: int) -> Iterator[tuple[str, float]]:
    """Let one engine do all tasks once."""
    loaded: Loaded = worker.ask("load_again")
    yield "load", loaded.seconds
    worker.ask("generate", _ids(turn, 9, _SHORT), 2)  # what is initialized at first use
    ids = _ids(turn, 1, _PROMPT)
    timed: Timed = worker.ask("generate", ids, _NEW)
    yield "prompt", _PROMPT / timed.first
    yield "generation", (_NEW - 1) / (timed.total - timed.first)
    further: Timed = worker.ask("generate", (*ids, *_ids(turn, 2, _MORE)), 1)
    cold: Timed = worker.ask("generate", _ids(turn, 3, _PROMPT + _MORE), 1)
    yield "next", further.total / cold.total
    several: Timed = worker.ask("generate", _ids(turn, 4, _SHORT), _NEW // 2, _SEQUENCES)
    yield "sequences", _SEQUENCES * (_NEW // 2 - 1) / (several.total - several.first)


def _ids(turn: int, task: int, length: int) -> tuple[int, ...]:
    """Return tokens that no engine has seen before: ordinary ones, of any vocabulary."""
    order = random.Random(1000 * turn + task)
    return tuple(order.randrange(300, 8000) for _ in range(length))


def _table(
    file: Path, machine: str, labels: dict[str, str], values: dict[tuple[str, str], list[float]]
) -> str:
    ours = {row: values.get((row, "ours"), []) for row in _ROWS}
    lines = [
        f"{file.name} on {machine}; medians, and in brackets the median of ours divided by it.",
        "",
        f"|  | {' | '.join(labels.values())} |",
        f"| --- {'| --- ' * len(labels)}|",
    ]
    for row, label in _ROWS.items():
        cells = []
        for key in labels:
            found = values[row, key]
            cell = f"{statistics.median(found):.3g}"
            if key != "ours" and ours[row]:
                ratio = statistics.median(a / b for a, b in zip(ours[row], found, strict=True))
                cell += f" ({ratio:.2f})"
            cells.append(cell)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join((*lines, ""))
