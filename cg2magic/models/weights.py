"""The weight files of a checkpoint: inspected first, then read one tensor at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from cg2magic.errors import LoadError
from cg2magic.wording import one_line

if TYPE_CHECKING:
    import torch

# In order of preference: the first one that exists is used.
SINGLE_AND_INDEX = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_FLOATS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_ZIP = b"PK\x03\x04"  # start of files written by torch.save since torch 1.6


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a file's header says about a tensor; ``dtype`` as in safetensors (``F16``, ``BF16``, …)."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether it holds plain floating-point weights, not packed integers."""
        return self.dtype in _FLOATS

    @property
    def nbytes(self) -> int:
        """Size in the file in bytes, if floating-point; otherwise one byte per element."""
        return self.numel * _FLOATS.get(self.dtype, 1)


class Weights:
    """The tensors of a checkpoint.

    Opening reads only the headers. It detects files that are missing, truncated or not weights at all.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    infos : dict of str to TensorInfo
        By name of the tensor in the checkpoint, in the order of the files.

    Raises
    ------
    LoadError
        If there are no weights, or they can't be read safely.
    """

    def __init__(self, folder: Path) -> None:
        self.files = weight_files(folder)
        self.infos: dict[str, TensorInfo] = {}
        for file in self.files:
            is_safetensors = file.suffix == ".safetensors"
            self.infos |= _safetensors_infos(file) if is_safetensors else _pickle_infos(file)
        if not self.infos:
            raise LoadError(f"{self.files[0].name} in {folder} holds no tensors; download the model again")

    @property
    def numel(self) -> int:
        """Number of weights, without masks and packed integers."""
        return sum(info.numel for info in self.infos.values() if info.is_float)

    @property
    def nbytes(self) -> int:
        """Size of all tensors in the files in bytes."""
        return sum(info.nbytes for info in self.infos.values())

    def stream(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Read the tensors one at a time, on the CPU and in the type of the file.

        A tensor may be a view of the file: copy it before reading the next one.
        """
        for file in self.files:
            yield from _safetensors_stream(file) if file.suffix == ".safetensors" else _pickle_stream(file)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the weight files of a checkpoint, preferring safetensors to pickles.

    Raises
    ------
    LoadError
        If there are none, or the index names a missing file.
    """
    for name in SINGLE_AND_INDEX:
        path = folder / name
        if not path.is_file():
            continue
        return _shards(path) if name.endswith(".json") else (path,)
    raise LoadError(
        f"{folder} has a config.json but no weights; expected {SINGLE_AND_INDEX[0]} or {SINGLE_AND_INDEX[2]}"
    )


def _shards(index: Path) -> tuple[Path, ...]:
    """Return the files an index names, in its order; they must be in the same folder."""
    try:
        names = tuple(dict.fromkeys(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        plain = bool(names) and all(name == Path(name).name for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        plain = False
    if not plain:
        raise LoadError(f"{index} is not an index of weight files; download the model again")
    for name in names:
        if not (index.parent / name).is_file():
            raise LoadError(f"{name} is missing in {index.parent}; download the model again")
        if name.endswith(".safetensors") != index.name.endswith(".safetensors.index.json"):
            raise LoadError(f"{index} names {name}, which is in another format; download the model again")
    return tuple(index.parent / name for name in names)


def _safetensors_infos(file: Path) -> dict[str, TensorInfo]:
    from safetensors import safe_open

    try:
        # safetensors checks that the offsets in the header cover the file exactly.
        with safe_open(file, framework="pt", device="cpu") as handle:
            names = handle.keys()
            slices = ((name, handle.get_slice(name)) for name in names)
            return {name: TensorInfo(tuple(part.get_shape()), part.get_dtype()) for name, part in slices}
    except Exception as error:
        raise _damaged(file, error) from error


def _safetensors_stream(file: Path) -> Iterator[tuple[str, torch.Tensor]]:
    from safetensors import safe_open

    for name in _safetensors_infos(file):
        # Reopen the file for each tensor: closing it releases the pages that were read.
        with safe_open(file, framework="pt", device="cpu") as handle:
            tensor = handle.get_tensor(name)
        yield name, tensor
        del tensor


def _pickle_infos(file: Path) -> dict[str, TensorInfo]:
    import torch

    names = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    return {
        name: TensorInfo(tuple(tensor.shape), names.get(tensor.dtype, str(tensor.dtype)))
        for name, tensor in _unpickle(file).items()
    }


def _pickle_stream(file: Path) -> Iterator[tuple[str, torch.Tensor]]:
    tensors = _unpickle(file)
    for name in list(tensors):
        yield name, tensors.pop(name)


def _unpickle(file: Path) -> dict[str, torch.Tensor]:
    """Read a ``.bin`` with torch's weights-only unpickler, which builds tensors and runs no code."""
    import pickle

    import torch

    with file.open("rb") as handle:
        is_zip = handle.read(4) == _ZIP
    try:
        # Only the zip format can be memory-mapped, so that tensors are read when needed.
        loaded = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zip)
    except pickle.UnpicklingError as error:
        raise LoadError(
            f"{file.name} is not a plain file of weights and was not read, because reading it could run "
            "code; look for the model in safetensors format"
        ) from error
    except Exception as error:
        raise _damaged(file, error) from error
    is_state = isinstance(loaded, dict) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout is torch.strided
        for name, value in loaded.items()
    )
    if not is_state:
        raise LoadError(
            f"{file.name} is a pickle, but not of named weights; give the folder of a model saved by "
            "save_pretrained"
        )
    return dict(loaded)


def _damaged(file: Path, error: Exception) -> LoadError:
    return LoadError(
        f"{file.name} in {file.parent} is cut short or damaged ({one_line(error)}); download the model again"
    )
