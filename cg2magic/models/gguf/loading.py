"""Load a model from a GGUF file."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cg2magic.errors import LoadError
from cg2magic.models.chat import notes_on_chat
from cg2magic.models.gguf.binding import binding
from cg2magic.models.gguf.header import Header, read_header
from cg2magic.models.gguf.llama import LlamaModel
from cg2magic.models.gguf.tokenizer import GgufTokenizer
from cg2magic.models.gguf.trial import prove
from cg2magic.models.loading import LoadedModel
from cg2magic.models.placement import free_memory
from cg2magic.progress import LoadCancelled, Watch
from cg2magic.prompts.families import family_of, register_format
from cg2magic.wording import gigabytes

if TYPE_CHECKING:
    from cg2magic.models.gguf.sources import GgufSource

#: The longest context: the KV cache is reserved as a whole, and notebooks need no more.
_CONTEXT = 8192
_KV_BYTES = 2  # of one number in the KV cache, float16


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GgufModel(LoadedModel):
    """A model in llama.cpp, ready for requests.

    Attributes
    ----------
    model : LlamaModel
    tokenizer : GgufTokenizer
    precision : str
        The quantization, such as ``"Q4_K_M"``.
    token_bytes : int
        Size of the keys and values of one token.
    """

    model: LlamaModel
    tokenizer: GgufTokenizer
    token_bytes: int = 0


def load_gguf(source: GgufSource, *, device: str, watch: Watch, precision: str | None = None) -> GgufModel:
    """Load a model from a file. This blocks, so call it on a worker thread.

    Parameters
    ----------
    source : GgufSource
    device : str
        ``"auto"``: a GPU if llama.cpp was built for one; ``"cpu"``, or ``"gpu"``.
    watch : Watch
    precision : str, optional
        What its precision was called when it was asked for; by default, what the file calls it.

    Raises
    ------
    LoadError
        With a message of one line that says what to try next.
    """
    started = time.perf_counter()
    try:
        header = read_header(source.path)
        gpu = _is_on_gpu(device)
        _check_memory(header, gpu=gpu)
        prove(source.path, watch)
        model = _load(source, header, watch, gpu=gpu)
        tokenizer = GgufTokenizer(header, model)
    except LoadCancelled:
        raise
    except LoadError as error:
        raise LoadError(f"{source.name}: {error}") from None
    return GgufModel(
        name=source.name,
        model=model,
        tokenizer=tokenizer,
        family=_family(tokenizer),
        device="gpu" if gpu else "cpu",
        precision=precision or header.precision,
        parameters=header.weights,
        memory=header.nbytes,
        seconds=time.perf_counter() - started,
        context=min(header.context or _CONTEXT, _CONTEXT),
        groups=None,
        source=source.origin,
        notes=(*source.notes, *_notes_on_chat(source.name, header, tokenizer)),
        token_bytes=_token_bytes(header),
    )


def _load(source: GgufSource, header: Header, watch: Watch, *, gpu: bool) -> LlamaModel:
    def told(part: float) -> bool:
        try:
            watch.report(int(part * header.nbytes), header.nbytes, f"reading {source.name}")
        except LoadCancelled:
            return False
        return True

    try:
        return LlamaModel(str(source.path), gpu=gpu, progress=told)
    except LoadError:
        watch.check()
        raise


def _is_on_gpu(device: str) -> bool:
    if device not in ("auto", "cpu", "gpu"):
        raise LoadError(f"llama.cpp chooses the GPU itself: use device='gpu' or 'cpu', not {device!r}")
    has_gpu = binding().has_gpu
    if device == "gpu" and not has_gpu:
        raise LoadError(
            f"this llama.cpp ({binding().package}) was not built for a GPU; use 'auto' or 'cpu', or install "
            "a llama-cpp-python that was"
        )
    return has_gpu and device != "cpu"


def _check_memory(header: Header, *, gpu: bool) -> None:
    free = None if gpu else free_memory("cpu")
    if free is not None and header.nbytes > free:
        raise LoadError(
            f"it needs {gigabytes(header.nbytes)}, but only {gigabytes(free)} of memory is free; take a file "
            "with fewer bits, or a smaller model"
        )


def _notes_on_chat(name: str, header: Header, tokenizer: GgufTokenizer) -> tuple[str, ...]:
    # What the file calls itself says more than the name of a file that somebody gave it.
    named = f"{name} {header.text('general.name')} {header.text('general.finetune')}"
    has_template = "tokenizer.chat_template" in header.fields
    return notes_on_chat(named, tokenizer.named("eos_token_id"), has_template=has_template)


def _token_bytes(header: Header) -> int:
    """Size of the keys and values of one token, from the shape of the model; roughly for unusual layouts."""

    def number(name: str) -> int:
        value = header.fields.get(f"{header.architecture}.{name}")
        return max(value) if isinstance(value, list) and value else value if isinstance(value, int) else 0

    heads = number("attention.head_count") or 1
    width = number("attention.key_length") or number("embedding_length") // heads
    return 2 * _KV_BYTES * number("block_count") * (number("attention.head_count_kv") or heads) * width


def _family(tokenizer: GgufTokenizer) -> str:
    """Find the family by the tokens; a file that names its tokens for infills makes one of its own."""
    family = family_of(tokenizer.get_vocab())
    prefix, suffix, middle = tokenizer.hole
    if family != "causal" or not (prefix and suffix and middle):
        return family
    name = f"{prefix}{suffix}{middle}"
    register_format(name, prefix=prefix, suffix=suffix, middle=middle)
    return name
