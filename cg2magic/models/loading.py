"""Load a model by name: find it, check it, read it, verify it."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cg2magic.errors import LoadError
from cg2magic.models import gpus, memory
from cg2magic.models.causal import context_length, load_causal, load_tokenizer, quiet_transformers
from cg2magic.models.chat import notes_on_chat
from cg2magic.models.files import read_config
from cg2magic.models.locate import Located, locate
from cg2magic.models.placement import place, resolve_device, resolve_precision, torch_dtype
from cg2magic.models.threads import import_torch, threads_for
from cg2magic.models.weights import Weights
from cg2magic.progress import LoadCancelled, Progress, Watch
from cg2magic.prompts.families import family_of
from cg2magic.wording import gigabytes, one_line, parameters

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


_log = logging.getLogger(__name__)

_RAN_OUT = (
    "there was no memory left; `%cg2 unload` frees the memory of the current model, and a smaller model or a "
    "lower precision needs less"
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LoadedModel:
    """A model in memory, ready for requests.

    A notebook keeps every object it shows, so a reference to this may live long. It is therefore emptied when
    the model is unloaded.

    Attributes
    ----------
    name : str
    model : PreTrainedModel
        In eval mode; a `PhiForCausalLM` if the checkpoint has CodeGen's layout. Available until the model is
        unloaded.
    tokenizer : PreTrainedTokenizerBase
        Available until the model is unloaded.
    family : str
        The format of its prompts: a key of `families.FORMATS`.
    device : str
    precision : str
        ``"fp32"``, ``"bf16"``, ``"fp16"`` or ``"int8"``.
    parameters : int
    memory : int
        Size of its weights and buffers in bytes.
    seconds : float
        How long loading took.
    context : int
        Maximum number of tokens that it can process at once.
    groups : int or None
        Number of groups in the checkpoint's ``qkv_proj``; None for other layouts.
    source : str
        The folder, or the Hub id and the commit.
    notes : tuple of str
        What users should know about it.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    family: str
    device: str
    precision: str
    parameters: int
    memory: int
    seconds: float
    context: int
    groups: int | None
    source: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Describe it in one line, with its commit if it is from the Hub."""
        commit = f", {self.source}" if "@" in self.source else ""
        return (
            f"{self.name}: {parameters(self.parameters)} parameters, {self.precision} on {self.device}, "
            f"{gigabytes(self.memory)}, context {self.context:,} tokens, "
            f"loaded in {self.seconds:.1f} s{commit}"
        )

    def __repr__(self) -> str:
        return f"<{self}>"

    def release(self) -> weakref.ref[PreTrainedModel]:
        """Release the weights and the tokenizer; keep the other attributes.

        Returns
        -------
        weakref.ref
            To the weights, which stay in memory as long as something else refers to them.
        """
        weights = weakref.ref(self.model)
        for name in _RELEASED:
            object.__delattr__(self, name)
        return weights

    def __getattr__(self, name: str) -> NoReturn:
        if name in _RELEASED:
            raise AttributeError(f"{self.name} is no longer loaded, and its {name} is gone: load it again")
        raise AttributeError(f"a loaded model has no attribute {name!r}", name=name, obj=self)


#: Attributes that an unloaded model no longer has.
_RELEASED = ("model", "tokenizer")


def load_model(
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    groups: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    resident: LoadedModel | None = None,
) -> LoadedModel:
    """Load a model. This blocks, so call it on a worker thread.

    Code in a checkpoint is never run.

    Parameters
    ----------
    name : str
        A name of the catalog, an id of the Hugging Face Hub, or a local folder.
    device : str
        ``"auto"``, or one of torch's: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    precision : {"auto", "fp32", "bf16", "fp16", "int8"}
    groups : int or None
        Number of groups in a CodeGen checkpoint's ``qkv_proj``, if the checkpoint doesn't say.
    progress : callable, optional
        Receives the progress in bytes.
    cancelled : callable
        Called between tensors; if it returns True, loading ends with `LoadCancelled`.
    resident : LoadedModel, optional
        The model that stays in memory during loading; if both don't fit, the error says so.

    Raises
    ------
    LoadError
        With a message of one line that says what to try next.
    """
    try:
        return _load(name, device, precision, groups, Watch(progress, cancelled), resident)
    except LoadError as error:
        _log.debug("loading %s failed", name, exc_info=True)
        failure = error
    except Exception as error:  # noqa: BLE001 - after any error the previous model stays loaded
        _log.debug("loading %s failed", name, exc_info=True)
        if memory.ran_out(error):
            said = _RAN_OUT
        elif isinstance(error, (OSError, RuntimeError)):
            said = one_line(error)
        else:
            said = f"{type(error).__name__}: {one_line(error)}"  # our bug, or an unknown file format
        failure = LoadError(f"{name} could not be loaded: {said}")
    # The frames of the traceback, and of its cause, would keep half a model in memory.
    failure.__cause__ = failure.__context__ = None
    raise failure.with_traceback(None)


#: How much of a load is done when the files are here, and when the weights are read that are then converted.
_DOWNLOADED, _READ, _KEPT = 0.7, 0.8, 0.9


@dataclass(frozen=True, slots=True)
class _Plan:
    """Everything known before anything large is read."""

    found: Located
    config: PreTrainedConfig
    weights: Weights
    device: str
    precision: str
    watch: Watch
    is_spread: bool = False  # over several GPUs; it is read into the CPU's memory first

    @property
    def what(self) -> str:
        return f"reading {self.found.name}"

    @property
    def reading(self) -> Watch:
        """The watch of the stage that reads the weights, after which int8 is packed."""
        return self.watch.upto(_READ if self.precision == "int8" else 1.0)


def _load(
    name: str,
    device: str,
    precision: str,
    groups: int | None,
    watch: Watch,
    resident: LoadedModel | None,
) -> LoadedModel:
    import_torch()
    from cg2magic.models.int8 import kernels as int8_kernels
    from cg2magic.models.int8 import linear as int8

    started = time.perf_counter()
    asked_device, device = device, resolve_device(device)
    found = locate(name, watch.upto(_DOWNLOADED))
    watch.check()
    with _naming(found.name), quiet_transformers():
        fields = read_config(found.folder)
        weights = Weights(found.folder)
        asked, precision = precision, resolve_precision(precision, device, weights.numel)
        is_codegen = fields["model_type"] == "codegen"
        # transformers reads the whole model before we quantize it; CodeGen is quantized while it is read.
        is_whole = precision == "int8" and not is_codegen
        held = "bf16" if is_whole else precision
        device, is_spread = place(
            weights.numel, held, device, is_free=asked_device == "auto", resident=resident
        )
        precision = resolve_precision(asked, device, weights.numel)
        config = _load_config(found.folder, fields)
        tokenizer = load_tokenizer(found.folder)
        plan = _Plan(found, config, weights, device, precision, watch, is_spread)
        with threads_for(weights.numel):
            if is_codegen:
                model, groups = _load_codegen(plan, tokenizer, groups)
            else:
                model, groups = _load_causal(plan), None
                if precision == "int8" and not _quantize(model, plan):
                    if asked == "int8":
                        raise LoadError("int8 does not support its layers; use precision='bf16'")
                    precision = "bf16"
        number, size = int8.count(model)
    return LoadedModel(
        name=found.name,
        model=model,
        tokenizer=tokenizer,
        family=family_of(tokenizer.get_vocab()),
        device=device,
        precision=precision,
        parameters=number,
        memory=size,
        seconds=time.perf_counter() - started,
        context=context_length(model),
        groups=groups,
        source=found.source,
        notes=(
            *(gpus.troubles() if asked_device == "auto" and device in ("cpu", "mps") else ()),
            *(int8_kernels.notices() if precision == "int8" else ()),
            *notes_on_chat(
                found.name,
                tokenizer.eos_token,
                has_template=bool(getattr(tokenizer, "chat_template", None)),
            ),
        ),
    )


def _load_config(folder: Path, fields: dict[str, Any]) -> PreTrainedConfig:
    if fields["model_type"] == "codegen":
        from cg2magic.models.codegen.checkpoint import codegen_config

        return codegen_config(fields)
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise LoadError(
            f"transformers can't use its config.json ({one_line(error)}); code that comes with a model is "
            "never run, so try another model"
        ) from error


def _load_codegen(
    plan: _Plan, tokenizer: PreTrainedTokenizerBase, groups: int | None
) -> tuple[PreTrainedModel, int]:
    """Read a CodeGen checkpoint into Phi's layout; return it with the verified number of groups."""
    from cg2magic.models import multi_gpu
    from cg2magic.models.codegen import grouping
    from cg2magic.models.codegen.checkpoint import CodegenShape, empty_phi, load_phi, phi_config
    from cg2magic.models.int8 import cache as int8_cache
    from cg2magic.models.int8 import files as int8_files

    shape = CodegenShape.of(plan.config)
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if not 0 <= highest < shape.vocabulary:
        raise LoadError(
            f"its tokenizer has ids up to {highest}, but the model's vocabulary size is {shape.vocabulary}; "
            "they belong to different models"
        )
    entry = plan.found.entry
    declared = groups or (entry and entry.groups) or grouping.declared_in(plan.found.folder)
    counts = grouping.possible_counts(shape, declared)
    if plan.precision == "int8":
        files = (plan.found.folder / "config.json", *plan.weights.files)
        kept = int8_files.path_for(plan.found.name, files, declared)
        model = empty_phi(phi_config(plan.config, torch_dtype("int8")))
        proven = int8_cache.read(kept, model, plan.reading, plan.what)
        if proven is not None:
            _pack(model, _told(plan, "packing"))
            return model, proven
        del model
    model = load_phi(
        plan.weights,
        plan.config,
        counts[0],
        precision=plan.precision,
        device="cpu" if plan.is_spread else plan.device,
        watch=plan.reading,
        what=plan.what,
    )
    proven = grouping.prove(model, tokenizer, shape, counts, declared)
    if plan.is_spread:
        model = multi_gpu.spread(model)
    if plan.precision == "int8":
        keeping = plan.watch.upto(_KEPT)
        int8_cache.write(kept, model, proven, keeping, f"keeping {plan.found.name} in int8")
        _pack(model, _told(plan, "packing"))
    return model, proven


def _quantize(model: PreTrainedModel, plan: _Plan) -> bool:
    """Convert a model in memory to int8; return False, and change nothing, if that would not pay."""
    from cg2magic.models.int8 import linear as int8
    from cg2magic.models.quick.forward import QuickForward

    if not int8.pays(model):
        return False
    swap = int8.swap_all if isinstance(model, QuickForward) else int8.swap_linears
    swap(model, _told(plan, "packing"))
    _pack(model)
    return True


def _pack(model: PreTrainedModel, report: Callable[[int, int], None] | None = None) -> None:
    """Join int8 layers and pack them for the fastest kernel; nothing can rearrange them afterwards."""
    from cg2magic.models.int8 import linear as int8
    from cg2magic.models.quick.forward import QuickForward

    if isinstance(model, QuickForward):
        model.join()
    int8.pack(model, report)


def _told(plan: _Plan, does: str) -> Callable[[int, int], None]:
    """Return what reports the bytes of the last stage: done, and their total."""
    watch, what = plan.watch.upto(1.0), f"{does} {plan.found.name}"
    return lambda done, total: watch.report(done, total, what)


def _load_causal(plan: _Plan) -> PreTrainedModel:
    """Load a causal language model that transformers supports."""
    from cg2magic.models.quick.llama import quick_class

    watch, total = plan.reading, plan.weights.nbytes

    def report(share: float) -> None:
        watch.report(int(share * total), total, plan.what)

    report(0.0)
    # With int8, everything except linear layers stays in 16 bits.
    dtype = torch_dtype("bf16" if plan.precision == "int8" else plan.precision)
    kind = quick_class(plan.config) if plan.device == "cpu" else None
    model = load_causal(
        plan.found.folder, plan.config, dtype, is_spread=plan.is_spread, report=report, kind=kind
    )
    report(1.0)
    if not plan.is_spread:
        model = model.to(plan.device)
    return model.eval().requires_grad_(requires_grad=False)


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Add the model's name to errors."""
    try:
        yield
    except LoadCancelled:
        raise
    except LoadError as error:
        raise LoadError(f"{name}: {error}") from error
