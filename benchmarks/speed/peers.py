"""Other ways to run the same weights on a CPU, each as its own documentation recommends."""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from benchmarks.speed.machine import version
from benchmarks.speed.shapes import ModelShape

if TYPE_CHECKING:
    import torch

#: Several sequences are sampled with these settings; a single one is greedy.
TEMPERATURE, TOP_P = 0.8, 0.95


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer finds the model and stores its own files."""

    folder: Path
    shape: ModelShape
    threads: int
    precision: str = "auto"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint in CodeGen2's layout."""
        return self.folder / "checkpoint"


class Clock:
    """Records when the sequences of a request got their first tokens, and how many tokens there were."""

    def __init__(self, sequences: int) -> None:
        self.sequences = sequences
        self.tokens = 0
        self.first = 0.0
        self._begun: set[int] = set()
        self._started = time.perf_counter()

    def tick(self, sequence: int = 0) -> None:
        """Count one more token of this sequence."""
        self.tokens += 1
        self.begin(sequence)

    def begin(self, sequence: int) -> None:
        """Record that this sequence has its first token."""
        if len(self._begun) < self.sequences:
            self._begun.add(sequence)
            self.first = time.perf_counter() - self._started

    def tick_all(self) -> None:
        """Count one more token of each sequence."""
        for sequence in range(self.sequences):
            self.tick(sequence)


class Peer(Protocol):
    """One way to run the model.

    Attributes
    ----------
    key : str
        A short name.
    needs : tuple of str
        Packages that may not be installed.
    bytes_per_weight_at_most : int
        Upper bound of its memory use after loading.
    converts : bool
        Whether it needs the checkpoint in its own format.
    keeps_prompts : bool
        Whether it reads only the new part of a prompt that begins like an earlier one.
    """

    key: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    bytes_per_weight_at_most: ClassVar[int]
    converts: ClassVar[bool]
    keeps_prompts: ClassVar[bool]
    place: Place

    def __init__(self, place: Place) -> None: ...

    @property
    def label(self) -> str:
        """Its name in the table; after `load` it says what was actually loaded."""
        ...

    def convert(self) -> None:
        """Convert the checkpoint to its own format, unless that is already done."""
        ...

    def start(self) -> None:
        """Import what any program with this engine would; the memory baseline includes it."""
        ...

    def load(self) -> None:
        """Load the model."""
        ...

    def unload(self) -> None:
        """Free the memory."""
        ...

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens after the prompt, in each of `sequences` at once."""
        ...


class CardsWay:
    """The model card's way: ``CodeGenForCausalLM.generate`` of transformers.

    Current transformers reads ``qkv_proj`` in 4 groups, but the checkpoint has 8. We put the rows in the
    order that it expects, so that it runs the same model at its own speed.
    """

    key: ClassVar[str] = "card"
    needs: ClassVar[tuple[str, ...]] = ()
    bytes_per_weight_at_most: ClassVar[int] = 4
    converts: ClassVar[bool] = False
    keeps_prompts: ClassVar[bool] = False
    dtype: ClassVar[str] = "float32"

    def __init__(self, place: Place) -> None:
        self.place = place
        self._model: Any = None

    @property
    def label(self) -> str:
        """What is run, and how."""
        return f"the model card's way, {self.dtype}"

    def convert(self) -> None:
        """Do nothing."""

    def start(self) -> None:
        """Import the packages that the memory baseline includes."""
        import torch

        torch.set_num_threads(self.place.threads)

    def load(self) -> None:
        """Load the model."""
        import torch
        from transformers import CodeGenForCausalLM

        from cg2magic.models.causal import quiet_transformers

        with quiet_transformers():
            model = CodeGenForCausalLM.from_pretrained(
                self.place.checkpoint, dtype=getattr(torch, self.dtype), local_files_only=True
            )
        rows = four_groups(self.place.shape)
        for block in model.transformer.h:
            weight = block.attn.qkv_proj.weight
            weight.data = weight.data[rows]
        self._model = model.eval()

    def unload(self) -> None:
        """Free the memory."""
        self._model = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens."""
        import torch

        def each_token(tokens: torch.Tensor, _: object) -> torch.Tensor:
            clock.tick_all()
            return torch.zeros(len(tokens), dtype=torch.bool)

        how: dict[str, Any] = {"do_sample": False}
        if sequences > 1:
            how = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P, "top_k": 0}
        prompt = torch.tensor([ids])
        with torch.inference_mode():
            self._model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=new,
                min_new_tokens=new,
                num_return_sequences=sequences,
                pad_token_id=0,
                stopping_criteria=[each_token],
                **how,
            )


class CardsWayBfloat16(CardsWay):
    """The model card's way in bfloat16, with half as many bytes to read."""

    key = "card-bf16"
    bytes_per_weight_at_most = 2
    dtype = "bfloat16"


class CTranslate2:
    """CTranslate2 in int8, converted by its own converter, which knows CodeGen2's 8 groups."""

    key: ClassVar[str] = "ctranslate2"
    needs: ClassVar[tuple[str, ...]] = ("ctranslate2",)
    bytes_per_weight_at_most: ClassVar[int] = 1
    converts: ClassVar[bool] = True
    keeps_prompts: ClassVar[bool] = False  # only a prefix that is declared in advance

    def __init__(self, place: Place) -> None:
        self.place = place
        self._generator: Any = None
        self._tokens: list[str] = []

    @property
    def label(self) -> str:
        """What is run, and how."""
        return f"CTranslate2 {version('ctranslate2')}, int8"

    @property
    def _model(self) -> Path:
        return self.place.folder / "ctranslate2-int8"

    def convert(self) -> None:
        """Convert the checkpoint, unless that is already done."""
        if self._model.exists():
            return
        from ctranslate2.converters import TransformersConverter

        from cg2magic.models.causal import quiet_transformers

        unfinished = self._model.with_suffix(".part")
        with quiet_transformers():
            TransformersConverter(str(self.place.checkpoint), load_as_float16=False).convert(
                str(unfinished), quantization="int8", force=True
            )
        unfinished.rename(self._model)

    def start(self) -> None:
        """Import the packages that the memory baseline includes."""
        import ctranslate2  # noqa: F401

    def load(self) -> None:
        """Load the model."""
        import json

        import ctranslate2

        # It takes prompts as tokens, not as ids.
        self._tokens = json.loads((self._model / "vocabulary.json").read_text("utf-8"))
        self._generator = ctranslate2.Generator(
            str(self._model), compute_type="int8", inter_threads=1, intra_threads=self.place.threads
        )

    def unload(self) -> None:
        """Free the memory."""
        self._generator = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens."""

        def each_token(step: Any) -> bool:
            clock.tick(step.hypothesis_id)
            return False

        how: dict[str, Any] = {"sampling_topk": 1}
        if sequences > 1:
            how = {"sampling_topk": 0, "sampling_topp": TOP_P, "sampling_temperature": TEMPERATURE}
        self._generator.generate_batch(
            [[self._tokens[i] for i in ids]],
            max_length=new,
            min_length=new,
            num_hypotheses=sequences,
            include_prompt_in_result=False,
            callback=each_token,
            **how,
        )


class LlamaCpp:
    """llama.cpp's server engine in this process, with the same weights in Q8_0."""

    key: ClassVar[str] = "llama.cpp"
    needs: ClassVar[tuple[str, ...]] = ("xllamacpp", "gguf")
    bytes_per_weight_at_most: ClassVar[int] = 1
    converts: ClassVar[bool] = True
    keeps_prompts: ClassVar[bool] = True

    def __init__(self, place: Place) -> None:
        self.place = place
        self._server: Any = None

    @property
    def label(self) -> str:
        """What is run, and how."""
        return f"llama.cpp (xllamacpp {version('xllamacpp')}), Q8_0"

    @property
    def _model(self) -> Path:
        return self.place.folder / "model-q8_0.gguf"

    def convert(self) -> None:
        """Convert the checkpoint, unless that is already done."""
        from cg2magic.models.export import export

        if self._model.exists():
            return
        with tempfile.TemporaryDirectory(dir=self.place.folder) as folder:
            exported = Path(folder) / "exported"
            export(str(self.place.checkpoint), exported, gguf=True, outtype="q8_0")
            (exported / "model.gguf").replace(self._model)

    def start(self) -> None:
        """Import the packages that the memory baseline includes."""
        import xllamacpp  # noqa: F401

    def load(self) -> None:
        """Load the model."""
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._model)
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.place.threads
        params.n_parallel = 8
        params.kv_unified = True  # the sequences share the prompt
        params.n_ctx = 2 * self.place.shape.positions
        self._server = xllamacpp.Server(params)

    def unload(self) -> None:
        """Free the memory."""
        self._server = None
        gc.collect()

    def generate(self, ids: tuple[int, ...], new: int, sequences: int, clock: Clock) -> None:
        """Write exactly `new` tokens."""

        def each_chunk(chunk: dict[str, Any]) -> None:
            choice = chunk["choices"][0]
            if choice["finish_reason"] is None:
                clock.begin(choice["index"])
            else:
                # Half a character is not sent, so the number of chunks would be wrong.
                clock.tokens += chunk["usage"]["completion_tokens"]

        how: dict[str, Any] = {"temperature": 0.0}
        if sequences > 1:
            how = {"temperature": TEMPERATURE, "top_p": TOP_P, "top_k": 0, "n_cmpl": sequences}
        request = {"prompt": list(ids), "n_predict": new, "ignore_eos": True, "stream": True, **how}
        self._server.handle_completions(request, each_chunk)


def four_groups(shape: ModelShape) -> torch.Tensor:
    """Return the rows of ``qkv_proj`` in the order in which transformers' own class expects them."""
    import torch

    # (groups, q v k, heads of a group, rows of a head) → (4, q v k, the same heads, rows of a head)
    rows = torch.arange(3 * shape.width).view(shape.groups, 3, -1, shape.head_dim)
    return rows.transpose(0, 1).reshape(3, 4, -1, shape.head_dim).transpose(0, 1).flatten()


PEERS: tuple[type[Peer], ...] = (CardsWay, CardsWayBfloat16, CTranslate2, LlamaCpp)
