"""What runs a real model in the benchmark: our engine, llama.cpp alone, its server, and torch in int8."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from benchmarks.speed import texts
from benchmarks.speed.machine import version
from benchmarks.speed.ours import FullLengthEngine
from benchmarks.speed.peers import TEMPERATURE, TOP_P, Clock, LlamaCpp, Place
from cg2magic.engines.gguf.engine import GgufEngine
from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.models.loading import LoadedModel
from cg2magic.models.threads import import_torch
from cg2magic.progress import Watch
from cg2magic.request import Sampling


class FullLengthGguf(FullLengthEngine, GgufEngine):
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
        import_torch()

    def load(self) -> None:
        """Load the model."""
        from cg2magic.models.gguf.loading import load_gguf
        from cg2magic.models.gguf.sources import find_gguf

        source = find_gguf(str(self.file), Watch())
        assert source is not None  # it is a file
        self.engine = FullLengthGguf(load_gguf(source, device="cpu", watch=Watch()))
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


class Int8(Ours):
    """The same model as transformers has it, in int8 on torch."""

    @property
    def label(self) -> str:
        """What is run, and how."""
        return "cg2magic, int8 on torch"

    def load(self) -> None:
        """Load the model."""
        self.engine = FullLengthEngine(self._loaded())
        self.engine.drafts = False

    def _loaded(self) -> LoadedModel:
        from cg2magic.models.loading import load_model

        return load_model(str(self.file), device="cpu", precision="int8")


class PlainInt8(Int8):
    """The same on transformers' own forward pass, as layouts without a quick one have it."""

    @property
    def label(self) -> str:
        """What is run, and how."""
        return "transformers' forward pass, our int8 layers"

    def _loaded(self) -> LoadedModel:
        import torch
        from transformers import AutoModelForCausalLM

        from cg2magic.models.causal import load_tokenizer
        from cg2magic.models.int8 import linear
        from cg2magic.prompts.families import family_of

        model = AutoModelForCausalLM.from_pretrained(
            self.file, dtype=torch.bfloat16, local_files_only=True, trust_remote_code=False
        ).eval()
        linear.swap_linears(model)
        linear.pack(model)
        tokenizer = load_tokenizer(self.file)
        parameters, size = linear.count(model)
        return LoadedModel(
            name=self.file.name,
            model=model,
            tokenizer=tokenizer,
            family=family_of(tokenizer.get_vocab()),
            device="cpu",
            precision="int8",
            parameters=parameters,
            memory=size,
            seconds=0.0,
            context=4096,
            groups=None,
            source="",
        )


def cost_of_four_bits(characters: int) -> float:
    """Return how much higher the perplexity of `mini` is in four bits than in float32, in percent.

    It is a model of CodeGen2's layout, and the text is code that it has not seen.
    """
    text = texts.own_source()[:characters]
    found = {}
    for precision in ("fp32", "q4"):
        engine = open_engine(ModelSpec("mini", device="cpu", precision=precision), Watch())
        found[precision] = engine.score(text, Watch()).perplexity
        engine.close()
    return 100 * (found["q4"] / found["fp32"] - 1)
