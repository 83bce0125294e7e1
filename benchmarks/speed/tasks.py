"""The tasks of a round, and the figures they measure."""

from __future__ import annotations

from benchmarks.speed.checkpoint import random_ids
from benchmarks.speed.results import Results
from benchmarks.speed.shapes import ModelShape, Workload
from benchmarks.speed.worker import Loaded, Timed, Worker


class Tasks:
    """Runs tasks on the engines, and records the figures.

    A task takes the key of an engine and the number of the round, and returns a line for the user.

    Parameters
    ----------
    workers : dict of str to Worker
        The loaded engines.
    reader : Worker
        Runs a `machine.Reader`.
    shape, workload : ModelShape, Workload
    results : Results
        Receives the figures.
    """

    def __init__(
        self,
        workers: dict[str, Worker],
        reader: Worker,
        shape: ModelShape,
        workload: Workload,
        results: Results,
    ) -> None:
        self.workers = workers
        self.reader = reader
        self.keeps_prompts = {key: worker.ask("keeps_prompts") for key, worker in workers.items()}
        self.shape = shape
        self.workload = workload
        self.results = results

    def writing(self, key: str, turn: int) -> str:
        """Write one sequence after a short prompt; measure the speed after the first token."""
        length, new = self.workload.short, self.workload.sequences[0][1]
        limit = self.reader.ask("read") if key == "ours" else None
        timed = self._ask(key, self._ids(turn, 1, length), new)
        prompt = self._add_prompt(key, length, timed)
        speed = (new - 1) / (timed.total - timed.first)
        self.results.add("generation_1", key, speed)
        if limit is not None:
            self.results.add("read_limit", "machine", limit / 1e9)
            read = self.shape.read_per_token * self.workers[key].ask("call", "bytes_per_weight")
            self.results.add("limit_share", key, 100 * speed * read / limit)
        return f"prompt of {length} {prompt:.0f}, generation {speed:.1f} tokens/s"

    def request(self, key: str, turn: int) -> str:
        """Run a typical request, and the next one, whose prompt begins with the same text."""
        work = self.workload
        ids = self._ids(turn, 2, work.context + work.more)
        first = self._ask(key, ids[: work.context], work.new)
        following = self._ask(key, ids, work.new)
        self._add_prompt(key, work.context, first)
        self.results.add("request", key, first.total)
        self.results.add("next_request", key, following.total)
        if first.peak is not None and following.peak is not None:
            self.results.add("memory_service", key, max(first.peak, following.peak) / 1e9)
        return f"typical request {first.total:.2f} s, the next {following.total:.2f} s"

    def long_prompt(self, key: str, turn: int) -> str:
        """Prefill a long prompt."""
        length = self.workload.prompts[-1]
        speed = self._add_prompt(key, length, self._ask(key, self._ids(turn, 3, length), 1))
        return f"prompt of {length} {speed:.0f} tokens/s"

    def first_token(self, key: str, turn: int) -> str:
        """Measure the time to first token of two prompts that differ only in their last tokens."""
        shared = self._ids(turn, 4, self.workload.first)
        colds, warms = (self._ids(turn, task, self.workload.first_new) for task in (5, 6))
        cold = self._ask(key, shared + colds, 1).total
        self.results.add("first_cold", key, cold)
        if not self.keeps_prompts[key]:
            return f"first token cold {cold:.2f} s"
        warm = self._ask(key, shared + warms, 1).total
        self.results.add("first_warm", key, warm)
        self.results.add("first_warm_to_cold", key, 100 * warm / cold)
        return f"first token cold {cold:.2f} s, warm {warm:.3f} s"

    def load_again(self, key: str, turn: int) -> str:
        """Load the model again in the same process."""
        del turn
        loaded: Loaded = self.workers[key].ask("load_again")
        self.results.add("load_again", key, loaded.seconds)
        # Initialization at first use should not count for any task.
        self.workers[key].ask("generate", self._ids(99, 7, self.workload.short), 2)
        return f"loaded again in {loaded.seconds:.1f} s"

    def batches(self, key: str, turn: int) -> str:
        """Write several sampled sequences in a batch, after one short prompt."""
        parts = []
        alone = self.results.rows["generation_1"].values[key][-1]
        for sequences, new in self.workload.sequences[1:]:
            ids = self._ids(turn, 10 + sequences, self.workload.short)
            timed = self._ask(key, ids, new, sequences)
            speed = sequences * (new - 1) / (timed.total - timed.first)
            self.results.add(f"generation_{sequences}", key, speed)
            self.results.add(f"generation_{sequences}_to_1", key, speed / alone)
            parts.append(f"{sequences} sequences {speed:.1f} tokens/s")
        return ", ".join(parts)

    def _ids(self, turn: int, task: int, length: int) -> tuple[int, ...]:
        """Return tokens that no engine has seen before."""
        return random_ids(self.shape, length, seed=1000 * turn + task)

    def _ask(self, key: str, ids: tuple[int, ...], new: int, sequences: int = 1) -> Timed:
        return self.workers[key].ask("generate", ids, new, sequences)

    def _add_prompt(self, key: str, length: int, timed: Timed) -> float:
        speed = length / timed.first
        self.results.add(f"prompt_{length}", key, speed)
        return speed


# Loading comes first, so that initialization is finished before speed is measured.
TASKS = (
    Tasks.load_again,
    Tasks.writing,
    Tasks.batches,
    Tasks.request,
    Tasks.first_token,
    Tasks.long_prompt,
)
