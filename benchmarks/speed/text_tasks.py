"""Tasks that need text: drafts, with the embedded and the measured model, and the accuracy of int8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed import texts
from benchmarks.speed.mini import Distance
from benchmarks.speed.results import Results
from benchmarks.speed.shapes import ModelShape, Workload
from benchmarks.speed.worker import Worker, WorkerError

_Ids = tuple[int, ...]


class TextTasks:
    """Runs tasks on our engine and `mini`, and records the figures.

    `mini` writes its own text. Random weights can't write text, so the measured model gets one: each token is
    computed and chosen as usual, and then replaced by the token of the given text.

    Parameters
    ----------
    ours, mini : Worker or None
        `ours` is None if a run does not include our engine.
    shape, workload : ModelShape, Workload
    results : Results
    folder : Path
        Where to write a checkpoint with outlier channels.
    """

    def __init__(
        self,
        ours: Worker | None,
        mini: Worker,
        shape: ModelShape,
        workload: Workload,
        results: Results,
        folder: Path,
    ) -> None:
        self.ours = ours
        self.folder = folder
        self.mini: Worker | None = mini
        self.workload = workload
        self.results = results
        try:
            mini.ask("encode", "")
        except WorkerError as error:
            self.mini = None
            results.remarks.append(f"mini could not be loaded: {error}")
        self._texts = self._given_texts(shape) if ours else {}

    def _given_texts(self, shape: ModelShape) -> dict[str, tuple[_Ids, _Ids]]:
        """Return texts as tokens, split into prompt and continuation."""

        def encode(text: str) -> _Ids:
            # The tokens of the embedded model are like CodeGen2's; those of the random one are letters.
            ids: _Ids = self.mini.ask("encode", text) if self.mini else ()
            if ids and max(ids) < shape.tokens:
                return ids
            assert self.ours is not None
            return self.ours.ask("call", "encode", text)

        new = self.workload.draft_tokens
        ordinary = encode(texts.own_source())[: 256 + new]
        return {
            "drafts_repeating": (encode(texts.REPEATING), encode(texts.REPEATED)[:new]),
            "drafts_ordinary": (ordinary[:-new], ordinary[-new:]),
            "drafts_none": (tuple(range(300, 556)), tuple(range(600, 600 + new))),
        }

    def drafts(self, turn: int) -> Iterator[str]:
        """Write with and without drafts, in turns."""
        for row, (prompt, script) in self._texts.items():
            if self.ours is not None:
                yield from self._compare(row, "ours", self.ours, "call", "drafts", prompt, script, turn)
        for row, method in (("drafts_repeating", "on_repetition"), ("drafts_none", "on_none")):
            if self.mini is not None:
                new = self.workload.draft_tokens
                yield from self._compare(row, "mini", self.mini, method, new, turn)

    def _compare(self, row: str, key: str, worker: Worker, what: str, *given: object) -> Iterator[str]:
        try:
            drafted, plain = worker.ask(what, *given)
        except WorkerError as error:
            yield f"{key}: {error}"
            return
        self.results.add(row, key, drafted / plain)
        yield f"{key}: {self.results.rows[row].label}, {drafted:.1f} tokens/s, without {plain:.1f}"

    def accuracy(self) -> Iterator[str]:
        """Compare int8 with float on code that `mini` was not trained on."""
        if self.mini is None:
            return
        try:
            found: Distance = self.mini.ask("distance", "int8", self.workload.accuracy_tokens)
            outliers, none = self.mini.ask("outlier_agreement", str(self.folder / "outliers"))
        except WorkerError as error:
            self.results.remarks.append(f"the accuracy of int8 was not measured: {error}")
            yield f"mini: {error}"
            return
        self.results.add("int8_loss", "mini", found.loss)
        self.results.add("int8_agreement", "mini", 100 * found.agreement)
        self.results.add("int8_outliers", "outliers", 100 * outliers)
        self.results.add("int8_no_outliers", "outliers", 100 * none)
        yield (
            f"mini in int8: loss {found.loss:+.4f} nats, top-1 agreement {found.agreement:.2%} "
            f"on {found.tokens:,} tokens; on random weights with outlier channels {outliers:.2%}, "
            f"without {none:.2%}"
        )
