"""Our own package as a peer of the benchmark: `load_model`, and the engine that answers every request.

We time everything that users wait for: sampling, logprobs and alternatives, the text and its endings, and the
suggestion reported after each token. Two things differ from a request in a notebook. The prompt is given in
tokens, as for the other engines. And the rules that end a text are evaluated but have no effect, because
random weights never write a complete block.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from benchmarks.speed.peers import TEMPERATURE, TOP_P, Clock, Place
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.written import Written
from cg2magic.models.loading import LoadedModel
from cg2magic.models.threads import import_torch
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.request import Request, Sampling, TokenLogprob


class FullLength(Candidate):
    """A candidate that writes `max_new_tokens` tokens, whatever its text is.

    Attributes
    ----------
    script : tuple of int
        Tokens that replace the chosen ones, as long as there are any: the text is known in advance, the work
        is the same.
    """

    script: tuple[int, ...] = ()

    def take(self, token: TokenLogprob) -> None:
        """Take the chosen token, or the token of the script instead."""
        written = len(self._hole_tokens)
        super().take(replace(token, id=self.script[written]) if written < len(self.script) else token)

    def _ending(self, text: str) -> None:
        super()._ending(text)

    def _whole(self, text: str) -> str:
        return text

    def _fitting(self, text: str, *, by_rule: bool) -> str:  # noqa: ARG002 - no rule reads it
        return text


class FullLengthEngine(LocalEngine):
    """The engine, with prompts in tokens and candidates of full length."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        self.ids: tuple[int, ...] = ()
        self.script: tuple[int, ...] = ()

    def write(
        self,
        ids: tuple[int, ...],
        sampling: Sampling,
        clock: Clock,
        script: tuple[int, ...] = (),
    ) -> Written:
        """Answer a request whose prompt is `ids`."""
        self.ids, self.script = ids, script
        seen = 0

        def report(_: tuple[object, ...]) -> None:
            nonlocal seen
            # The last report has the same tokens as the one before.
            seen += 1
            if seen <= sampling.max_new_tokens:
                clock.tick_all()

        return self.generate(Request((self.vocabulary.decode(list(ids)),), sampling), report)

    def _prompt(self, request: Request) -> Prompt:  # noqa: ARG002 - its text is the same as the ids
        return Prompt(self.ids, starts=(b"",), newlines=(False,), between=((),), ends=frozenset())

    def _write(
        self,
        request: Request,
        prompt: Prompt,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
        numbers: Sequence[int] = (),
    ) -> None:
        full = [FullLength(request, prompt, self.vocabulary) for _ in candidates]
        for candidate in full:
            candidate.script = self.script
        candidates[:] = full  # in place: `changed` reports the candidates of this list
        super()._write(request, prompt, candidates, changed, cancelled, numbers)


class Ours:
    """Our own package: `load_model` and the local engine."""

    key: ClassVar[str] = "ours"
    needs: ClassVar[tuple[str, ...]] = ()
    bytes_per_weight_at_most: ClassVar[int] = 2
    converts: ClassVar[bool] = False
    keeps_prompts: ClassVar[bool] = True

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine: Any = None
        self._precision = place.precision

    @property
    def label(self) -> str:
        """What is run, and how."""
        return f"cg2magic, {self._precision}"

    def convert(self) -> None:
        """Do nothing: it reads the checkpoint itself."""

    def start(self) -> None:
        """Import the packages that the memory baseline includes."""
        import_torch()

    def load(self) -> None:
        """Load the model."""
        from cg2magic.models.loading import load_model
        from cg2magic.models.memory import release

        loaded = load_model(str(self.place.checkpoint), precision=self.place.precision)
        self._precision = loaded.precision
        self.engine = FullLengthEngine(loaded)
        # Random weights repeat themselves with greedy decoding: drafts would flatter us here.
        self.engine.drafts = False
        release()

    def unload(self) -> None:
        """Free the memory."""
        self.engine = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens."""
        sampling = Sampling(max_new_tokens=new)
        if sequences > 1:
            sampling = Sampling(sequences, new, TEMPERATURE, TOP_P)
        self.engine.write(ids, sampling, clock)

    def bytes_per_weight(self) -> float:
        """Return the bytes per weight that are read for every token."""
        from cg2magic.models.placement import BYTES

        return BYTES[self.engine.loaded.precision]

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text."""
        return tuple(self.engine.vocabulary.encode(text))

    def drafts(self, ids: tuple[int, ...], script: tuple[int, ...], turn: int) -> tuple[float, float]:
        """Write a text known in advance; return tokens per second, with and without drafts."""
        from benchmarks.speed.mini import with_and_without_drafts

        sampling = Sampling(max_new_tokens=len(script))
        return with_and_without_drafts(self.engine, ids, sampling, script, first=turn % 2 == 0)
