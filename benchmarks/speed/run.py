"""One run: every engine does the same tasks in turn, round after round.

Other work on the machine comes and goes. So the engines take turns at every single task, and we divide only
values of the same round by each other. Every round reverses the order of the turns.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from benchmarks.speed.checkpoint import write_checkpoint
from benchmarks.speed.machine import Reader, this_machine
from benchmarks.speed.mini import Mini
from benchmarks.speed.ours import Ours
from benchmarks.speed.peers import PEERS, Peer, Place
from benchmarks.speed.results import Results
from benchmarks.speed.rows import meanings
from benchmarks.speed.shapes import SHAPES, WORKLOADS, ModelShape, Workload
from benchmarks.speed.tasks import TASKS, Tasks
from benchmarks.speed.text_tasks import TextTasks
from benchmarks.speed.worker import Loaded, Session, Worker, WorkerError
from cg2magic.errors import UsageError
from cg2magic.wording import gigabytes

#: Seconds between two turns: the threads of a runtime spin for a while before they sleep.
_PAUSE = 0.4

_PEERS: tuple[type[Peer], ...] = (Ours, *PEERS)
ALL_PEERS = {peer.key: peer for peer in _PEERS}
#: Without the model card's way in bfloat16: on CPUs without instructions for it, long prompts take an hour.
USUAL_PEERS = tuple(key for key in ALL_PEERS if key != "card-bf16")


class Run:
    """A run of the benchmark.

    Parameters
    ----------
    folder : Path
        For the checkpoint and the files that engines make of it; kept for the next run.
    shape, workload : ModelShape, Workload
    rounds : int
    peers : sequence of str
        Keys of `ALL_PEERS`.
    precision : str
        Precision of our engine.

    Attributes
    ----------
    results : Results
        Complete when `steps` has finished.
    """

    def __init__(
        self,
        folder: Path,
        shape: ModelShape,
        workload: Workload,
        *,
        rounds: int = 5,
        peers: tuple[str, ...] = USUAL_PEERS,
        precision: str = "auto",
    ) -> None:
        machine = this_machine()
        self.rounds = rounds
        self.workload = workload
        self.place = Place(folder / shape.name, shape, machine.cores, precision)
        self.results = Results.empty(
            meanings(workload),
            when=dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            machine=asdict(machine) | {"description": machine.describe()},
            model=asdict(shape),
            rounds=rounds,
        )
        self._wanted = peers
        self._workers: dict[str, Worker] = {}

    def steps(self) -> Iterator[str]:
        """Measure, and yield the result of each step; nothing runs between two steps."""
        with ExitStack() as closing:
            yield from self._checkpoint(closing)
            for key in self._wanted:
                yield from self._load(closing, key)
            reader = self._start(closing, "reader", partial(Reader, self.place.threads))
            mini = self._start(closing, "mini", Mini)
            tasks = Tasks(self._workers, reader, self.place.shape, self.workload, self.results)
            text_tasks = TextTasks(
                self._workers.get("ours"),
                mini,
                self.place.shape,
                self.workload,
                self.results,
                self.place.folder,
            )
            for turn in range(self.rounds):
                for step in chain(self._round(tasks, turn), text_tasks.drafts(turn)):
                    yield f"round {turn + 1} of {self.rounds}: {step}"
            yield from text_tasks.accuracy()

    def _start(self, closing: ExitStack, name: str, make: Callable[[], object]) -> Worker:
        worker = Worker(make, self.place.folder / "logs" / f"{name}.log")
        closing.callback(worker.close)
        return worker

    def _checkpoint(self, closing: ExitStack) -> Iterator[str]:
        yield f"a checkpoint of random weights in the {self.place.shape.name} shape, in {self.place.folder}"
        worker = self._start(closing, "checkpoint", partial(_Maker, self.place))
        worker.ask("write")
        worker.close()

    def _load(self, closing: ExitStack, key: str) -> Iterator[str]:
        """Convert the checkpoint for a peer in a process that then ends, and load it in one that stays."""
        peer = ALL_PEERS[key]
        lacking = [name for name in peer.needs if find_spec(name) is None]
        if lacking:
            self.results.missing[key] = f"{' and '.join(lacking)} not installed"
            yield f"{key}: {self.results.missing[key]}"
            return
        make = partial(Session, peer, self.place)
        try:
            converted = self._convert(key, make)
            worker = self._start(closing, key, make)
            loaded: Loaded = worker.ask("load")
        except WorkerError as error:
            self.results.missing[key] = str(error)
            yield f"{key}: {error}"
            return
        self._workers[key] = worker
        self.results.peers[key] = loaded.label
        self.results.add("load_first", key, converted + loaded.seconds)
        if loaded.peak is not None:
            self.results.add("memory_load", key, loaded.peak / 1e9)
        yield f"{loaded.label}: loaded in {loaded.seconds:.1f} s"

    def _convert(self, key: str, make: Callable[[], object]) -> float:
        """Return the seconds that the conversion took, now or in an earlier run."""
        if not ALL_PEERS[key].converts:
            return 0.0
        note = self.place.folder / "converted.json"
        seconds = json.loads(note.read_text("utf-8")) if note.exists() else {}
        if key not in seconds:
            worker = Worker(make, self.place.folder / "logs" / f"{key}.log")
            try:
                seconds[key] = worker.ask("convert")
            finally:
                worker.close()
            note.write_text(json.dumps(seconds), "utf-8")
        return seconds[key]

    def _round(self, tasks: Tasks, turn: int) -> Iterator[str]:
        order = list(self._workers)
        if turn % 2:
            order.reverse()
        for task in TASKS:
            for key in order:
                if key not in self._workers:
                    continue
                time.sleep(_PAUSE)
                try:
                    yield f"{key}: {task(tasks, key, turn)}"
                except WorkerError as error:
                    # Keep what was measured so far; it makes no sense to try this engine again.
                    self._workers.pop(key)
                    self.results.remarks.append(f"{self.results.peers[key]}: {error}")
                    yield f"{key}: {error}"


def plan(
    *,
    quick: bool = False,
    folder: Path | None = None,
    rounds: int = 5,
    peers: tuple[str, ...] | None = None,
    precision: str = "auto",
    draws: bool = False,
) -> Run:
    """Prepare a run, and check in advance for anything that would stop it.

    Parameters
    ----------
    quick : bool
        Use a tiny model, to check that everything works.
    folder : Path, optional
        By default, a folder in the user's cache.
    rounds, peers, precision
        As in `Run`.
    draws : bool
        Whether a chart is wanted.

    Raises
    ------
    UsageError
        With a message of one line that says what to try next.
    """
    needs = ("psutil", "platformdirs", *(("matplotlib",) if draws else ()))
    lacking = [name for name in needs if find_spec(name) is None]
    if lacking:
        raise UsageError(f"the benchmark needs {', '.join(lacking)}: pip install 'cg2magic[bench]'")
    import platformdirs
    import psutil

    unknown = [key for key in peers or () if key not in ALL_PEERS]
    if unknown:
        raise UsageError(f"there is no peer {unknown[0]!r}; choose from {', '.join(ALL_PEERS)}")
    if rounds < 1:
        raise UsageError(f"--rounds must be at least 1, not {rounds}")
    name = "tiny" if quick else "1B"
    shape, wanted = SHAPES[name], peers or USUAL_PEERS
    # Bytes per weight, and an allowance for the KV caches of the prompts of a round.
    need = sum(ALL_PEERS[key].bytes_per_weight_at_most + 0.5 for key in wanted) * shape.parameters
    free = psutil.virtual_memory().available
    if need > free:
        raise UsageError(
            f"the engines are in memory at the same time and need {gigabytes(need)}, but only "
            f"{gigabytes(free)} is free; choose fewer with --peers, for example --peers ours,ctranslate2"
        )
    where = folder or Path(platformdirs.user_cache_dir("cg2magic")) / "benchmark"
    return Run(where, shape, WORKLOADS[name], rounds=rounds, peers=wanted, precision=precision)


class _Maker:
    """Writes the checkpoint in its own process, which frees the memory."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def write(self) -> None:
        write_checkpoint(self.place.checkpoint, self.place.shape)
