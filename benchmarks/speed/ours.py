"""Our own package as a peer of the benchmark: `load_model`, and the engine that answers every request.

All that a person waits for is timed: choosing, logprobs and alternatives, the text and its endings, and the
suggestion that is reported after each token. Two things differ from a request of the notebook. The prompt
is given in tokens, as the other engines get it. And the rules that end a text are asked and not
obeyed, for random weights never write a whole block.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from benchmarks.speed.peers import TEMPERATURE, TOP_P, Clock, Place
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.written import Written
from cg2magic.models.loading import LoadedModel
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.request import Request, Sampling, TokenLogprob


class FullLength(Candidate):
    """A candidate that writes `max_new_tokens`, whatever its text looks like.

    Attributes
    ----------
    script : tuple of int
        Tokens that take the place of the chosen ones, for as long as there are any: the text is known
        beforehand, the work is the same.
    """

    script: tuple[int, ...] = ()

    def take(self, token: TokenLogprob) -> None:
        """Read the token that was chosen, or the script's in its place."""
        written = len(self._hole_tokens)
        super().take(replace(token, id=self.script[written]) if written < len(self.script) else token)

    def _ending(self, text: str) -> None:
        super()._ending(text)


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
            # The last report shows the tokens of the one before again.
            seen += 1
            if seen <= sampling.max_new_tokens:
                clock.tick_all()

        return self.generate(Request((self.vocabulary.decode(list(ids)),), sampling), report)

    def _prompt(self, request: Request) -> Prompt:  # noqa: ARG002 - its text is that of the ids
        return Prompt(self.ids, starts=(b"",), newlines=(False,), between=((),), ends=frozenset())

    def _write(
        self,
        request: Request,
        prompt: Prompt,
        candidates: list[Candidate],
        changed: Callable[[], None],
        cancelled: Callable[[], bool],
    ) -> None:
        full = [FullLength(request, prompt, self.vocabulary) for _ in candidates]
        for candidate in full:
            candidate.script = self.script
        candidates[:] = full  # in place: `changed` reports the candidates of this list
        super()._write(request, prompt, candidates, changed, cancelled)


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
        """Say what is run, and how."""
        return f"cg2magic, {self._precision}"

    def convert(self) -> None:
        """Nothing to do: it reads the checkpoint."""

    def start(self) -> None:
        """Import what its memory is counted from."""
        import torch  # noqa: F401

    def load(self) -> None:
        """Load the model."""
        from cg2magic.models.loading import load_model
        from cg2magic.models.memory import release

        loaded = load_model(str(self.place.checkpoint), precision=self.place.precision)
        self._precision = loaded.precision
        self.engine = FullLengthEngine(loaded)
        # Random weights repeat themselves when they write greedily: drafts would flatter us here.
        self.engine.drafts = False
        release()

    def unload(self) -> None:
        """Give the memory back."""
        self.engine = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly so many tokens."""
        sampling = Sampling(max_new_tokens=new)
        if sequences > 1:
            sampling = Sampling(sequences, new, TEMPERATURE, TOP_P)
        self.engine.write(ids, sampling, clock)

    def bytes_per_weight(self) -> float:
        """Return the bytes of a weight, as far as they are read for every token."""
        from cg2magic.models.placement import BYTES

        return BYTES[self.engine.loaded.precision]

    def encode(self, text: str) -> tuple[int, ...]:
        """Return a text's tokens."""
        return tuple(self.engine.vocabulary.encode(text))

    def drafts(self, ids: tuple[int, ...], script: tuple[int, ...], turn: int) -> tuple[float, float]:
        """Write a text that is known beforehand; tokens a second, with drafts and without."""
        from benchmarks.speed.mini import with_and_without_drafts

        sampling = Sampling(max_new_tokens=len(script))
        return with_and_without_drafts(self.engine, ids, sampling, script, first=turn % 2 == 0)
