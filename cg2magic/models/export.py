"""Export a CodeGen checkpoint as a Phi checkpoint, which plain transformers, vLLM and llama.cpp can run.

Tensors are read, converted and written one at a time, so a model much larger than memory can be exported. The
folder gets its final name only when the export is complete.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from cg2magic.errors import LoadError
from cg2magic.models.causal import load_tokenizer
from cg2magic.models.codegen import grouping
from cg2magic.models.codegen.checkpoint import (
    CodegenShape,
    check_tensors,
    codegen_config,
    expected_tensors,
    phi_config,
    phi_tensors,
    qkv_rows,
)
from cg2magic.models.codegen.gguf import OUTTYPES, write_gguf
from cg2magic.models.files import read_config
from cg2magic.models.loading import load_model
from cg2magic.models.locate import Located, locate
from cg2magic.models.placement import check_memory
from cg2magic.models.weights import Weights
from cg2magic.progress import Progress, Watch
from cg2magic.wording import gigabytes

if TYPE_CHECKING:
    from transformers import CodeGenConfig, PreTrainedTokenizerBase

#: Bytes of weights in one file, and in memory while the file is collected.
SHARD = 1 << 30

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_IN_FILES = {"F64": "fp32", "F32": "fp32", "BF16": "bf16", "F16": "fp16"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    folder : Path
    precision : {"fp32", "bf16", "fp16"}
    groups : int
        Number of groups that ``qkv_proj`` was read with.
    proven : bool
        Whether that number was verified; if the model doesn't fit into memory, the declared one is used.
    nbytes : int
        Size of all the weights.
    """

    folder: Path
    precision: str
    groups: int
    proven: bool
    nbytes: int


@dataclass(frozen=True, slots=True)
class PhiSource:
    """A CodeGen checkpoint, seen as a Phi checkpoint.

    Attributes
    ----------
    weights : Weights
    config : CodeGenConfig
    groups : int
        Number of groups in its ``qkv_proj``.
    dtype : torch.dtype
        Type that its tensors are converted to.
    """

    weights: Weights
    config: CodeGenConfig
    groups: int
    dtype: torch.dtype

    @property
    def shape(self) -> CodegenShape:
        """The numbers that determine the size of each tensor."""
        return CodegenShape.of(self.config)

    @property
    def nbytes(self) -> int:
        """Size of its tensors in bytes; a little too much if masks are saved with them."""
        return self.weights.numel * self.dtype.itemsize

    def tensors(self, watch: Watch, what: str) -> Iterator[tuple[str, torch.Tensor]]:
        """Read it tensor by tensor, with Phi's names; add zeros for the biases that CodeGen doesn't have."""
        shape, tied = self.shape, self.config.tie_word_embeddings
        expected = expected_tensors(shape, tied=tied)
        check_tensors(self.weights.infos, expected, spare=("lm_head.weight",) if tied else ())
        rows = qkv_rows(shape, self.groups)
        done = 0
        for name, tensor in self.weights.stream():
            watch.report(done, self.weights.nbytes, what)
            done += self.weights.infos[name].nbytes
            if name not in expected:
                continue
            for target, part in phi_tensors(name, tensor, rows).items():
                # Copy even if nothing changes: the tensor is a view of a file that is about to be closed.
                yield target, part.to(self.dtype, copy=part is tensor).contiguous()
                if name.endswith((".qkv_proj.weight", ".out_proj.weight")):
                    yield target.removesuffix("weight") + "bias", torch.zeros(shape.width, dtype=self.dtype)
        watch.report(done, self.weights.nbytes, what)


def export(
    name: str,
    folder: Path,
    *,
    precision: str = "auto",
    groups: int | None = None,
    gguf: bool = False,
    outtype: str = "auto",
    shard: int = SHARD,
    progress: Callable[[Progress], None] | None = None,
) -> Exported:
    """Write a model in CodeGen's layout as a checkpoint of `PhiForCausalLM`.

    Parameters
    ----------
    name : str
        A name of the catalog, an id of the Hugging Face Hub, or a local folder.
    folder : Path
        Where to write it; must not exist yet, or must be empty.
    precision : {"auto", "fp32", "bf16", "fp16"}
        ``"auto"`` is the checkpoint's precision.
    groups : int or None
        Number of groups in its ``qkv_proj``, if the checkpoint doesn't say.
    gguf : bool
        Also write a ``model.gguf`` to the folder, for llama.cpp.
    outtype : {"auto", "q8_0"}
        Precision of the GGUF, see `write_gguf`.
    shard : int
        Maximum size of one weight file in bytes.
    progress : callable, optional
        Receives the progress in bytes.

    Raises
    ------
    LoadError
        With a message of one line; nothing is left on the disk.
    """
    watch = Watch(progress)
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LoadError(f"{folder} exists and is not empty; give another folder, or empty it first")
    if precision not in ("auto", *_DTYPES):
        raise LoadError(f"can't export in precision {precision!r}; use auto, {', '.join(_DTYPES)}")
    if outtype not in OUTTYPES:
        raise LoadError(f"can't write a GGUF of outtype {outtype!r}; use {' or '.join(OUTTYPES)}")
    if outtype != "auto" and not gguf:
        raise LoadError(f"outtype {outtype} is only for a GGUF; add --gguf (gguf=True)")
    found = locate(name, watch)
    fields = read_config(found.folder)
    if fields["model_type"] != "codegen":
        raise LoadError(
            f"{found.name} is of type {fields['model_type']}, which needs no export: "
            f"serve {found.folder} as it is"
        )
    weights = Weights(found.folder)
    if precision == "auto":
        precision = _IN_FILES.get(max(weights.infos.values(), key=lambda info: info.nbytes).dtype, "fp32")
    groups, proven = _groups(found, weights, groups, watch)
    source = PhiSource(weights, codegen_config(fields), groups, _DTYPES[precision])
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    need = source.nbytes * (2 if gguf else 1)
    if free < need:
        raise LoadError(
            f"{found.name} needs {gigabytes(need)} in {folder.parent}, but only {gigabytes(free)} is free"
        )
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as place:
        unfinished = Path(place) / folder.name
        unfinished.mkdir()
        nbytes = _write(unfinished, source, load_tokenizer(found.folder), shard, watch)
        if gguf:
            write_gguf(unfinished, unfinished / "model.gguf", outtype)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    return Exported(folder, precision, groups, proven, nbytes)


def _groups(found: Located, weights: Weights, groups: int | None, watch: Watch) -> tuple[int, bool]:
    """Verify the number of groups by loading the model; if it doesn't fit, use the declared number."""
    try:
        check_memory(weights.numel, "bf16", "cpu")
    except LoadError as too_large:
        declared = groups or (found.entry and found.entry.groups) or grouping.declared_in(found.folder)
        if declared is None:
            raise LoadError(
                f"{too_large}; to export it without loading, give its number of groups with --groups"
            ) from None
        return declared, False
    loaded = load_model(
        str(found.folder),
        device="cpu",
        precision="bf16",
        groups=groups or (found.entry.groups if found.entry else None),
        progress=watch.progress,
    )
    assert loaded.groups is not None  # it has CodeGen's layout
    return loaded.groups, True


def _write(
    folder: Path, source: PhiSource, tokenizer: PreTrainedTokenizerBase, shard: int, watch: Watch
) -> int:
    files = _Shards(folder, shard)
    for name, tensor in source.tensors(watch, "writing the export"):
        files.add(name, tensor)
    nbytes = files.close()
    _write_config(folder, source)
    _write_tokenizer(folder, tokenizer, source.config)
    return nbytes


@dataclass(slots=True)
class _Shards:
    """Weight files with their index, or a single file if that is enough."""

    folder: Path
    limit: int
    _where: list[list[str]] = field(default_factory=list)
    _open: dict[str, torch.Tensor] = field(default_factory=dict)
    _total: int = 0

    def add(self, name: str, tensor: torch.Tensor) -> None:
        if self._open and self._size() + tensor.nbytes > self.limit:
            self._flush()
        self._open[name] = tensor
        self._total += tensor.nbytes

    def close(self) -> int:
        """Write the rest, name the files and index them; return the size of all the weights."""
        self._flush()
        if len(self._where) == 1:
            self._file(0).rename(self.folder / "model.safetensors")
            return self._total
        index: dict[str, str] = {}
        for i, names in enumerate(self._where):
            name = f"model-{i + 1:05}-of-{len(self._where):05}.safetensors"
            self._file(i).rename(self.folder / name)
            index |= dict.fromkeys(names, name)
        fields = {"metadata": {"total_size": self._total}, "weight_map": index}
        _write_json(self.folder / "model.safetensors.index.json", fields)
        return self._total

    def _size(self) -> int:
        return sum(tensor.nbytes for tensor in self._open.values())

    def _file(self, i: int) -> Path:
        return self.folder / f"{i}.part"

    def _flush(self) -> None:
        from safetensors.torch import save_file

        save_file(self._open, self._file(len(self._where)), metadata={"format": "pt"})
        self._where.append(list(self._open))
        self._open.clear()


def _write_config(folder: Path, source: PhiSource) -> None:
    config = phi_config(source.config, source.dtype)
    config.architectures = ["PhiForCausalLM"]
    # Also write the names used before transformers 5: llama.cpp's converter and older releases read them.
    older = {
        "rope_theta": config.rope_parameters["rope_theta"],
        "partial_rotary_factor": config.rope_parameters["partial_rotary_factor"],
        "torch_dtype": str(source.dtype).removeprefix("torch."),
    }
    _write_json(folder / "config.json", json.loads(config.to_json_string(use_diff=False)) | older)


def _write_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase, config: CodeGenConfig) -> None:
    """Write the tokenizer in a form that needs no custom class, and the tokens that end a text."""
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    special = ("bos_token", "eos_token", "unk_token", "pad_token")
    named = {name: str(token) for name in special if (token := getattr(tokenizer, name)) is not None}
    fields = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.n_positions,
        "clean_up_tokenization_spaces": False,
        "add_prefix_space": False,
    }
    _write_json(folder / "tokenizer_config.json", fields | named)
    # A server stops at these by default: the end of a text and the end of a fill.
    ends = [config.eos_token_id]
    end_of_fill = tokenizer.get_vocab().get("<eom>")
    if end_of_fill is not None:
        ends.append(end_of_fill)
    _write_json(
        folder / "generation_config.json", {"bos_token_id": config.bos_token_id, "eos_token_id": ends}
    )


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", "utf-8")
