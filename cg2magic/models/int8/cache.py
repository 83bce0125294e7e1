"""Cache quantized weights on disk, so that a model loaded in int8 once loads in seconds the next time.

A file holds plain int8 with scales, so it does not depend on the kernel. Users never see problems with these
files: a file that can't be read is made again, and if it can't be written, there is no file.
"""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from cg2magic.models.int8.files import UNFINISHED
from cg2magic.models.int8.linear import HEAD, Int8Linear, set_tensor
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from cg2magic.progress import Watch

_log = logging.getLogger(__name__)

_DTYPES = {
    torch.int8: "I8",
    torch.int64: "I64",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.float32: "F32",
}
_CHECKSUMS = "checksums"  # the last tensor of a file: the CRC-32 of each of the others
_SPARE = 1 << 30  # bytes that must stay free on the disk


def read(path: Path, model: nn.Module, watch: Watch, what: str) -> int | None:
    """Load the weights from a file into a model.

    Parameters
    ----------
    path : Path
    model : nn.Module
        Without memory allocated for its weights.
    watch : Watch
    what : str
        Name of this step, shown to users.

    Returns
    -------
    int or None
        The number of groups that was verified when the file was written. None if there is no valid file; the
        model must not be used then.
    """
    from safetensors import SafetensorError

    if not path.is_file():
        return None
    try:
        return _fill(model, path, watch, what)
    except (SafetensorError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        _log.debug("%s is of no use: %s", path, one_line(error))
        return None


def _fill(model: nn.Module, path: Path, watch: Watch, what: str) -> int:
    from safetensors import safe_open

    total, done = path.stat().st_size, 0
    with safe_open(path, framework="pt", device="cpu") as handle:
        names = json.loads(handle.metadata()["names"])
        groups = int(handle.metadata()["groups"])
        checksums = handle.get_tensor(_CHECKSUMS).tolist()
    halves: dict[str, torch.Tensor] = {}
    for name, checksum in zip(names, checksums, strict=True):
        watch.report(done, total, what)
        # Reopen the file for each tensor: closing it releases the pages that were read.
        with safe_open(path, framework="pt", device="cpu") as handle:
            tensor = handle.get_tensor(name)
        if _checksum(tensor) != checksum:
            raise ValueError(f"{name} has changed")
        done += tensor.nbytes
        _put(model, name, tensor, halves)
        del tensor
    if halves or any(parameter.is_meta for parameter in model.parameters()):
        raise ValueError("weights are missing")
    watch.report(total, total, what)
    return groups


def write(path: Path, model: nn.Module, groups: int, watch: Watch, what: str) -> None:
    """Write a model's weights to a file; if that fails, there is no file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _save(path, model, groups, watch, what)
    except OSError as error:
        _log.debug("%s is not kept: %s", path, one_line(error))


def _save(path: Path, model: nn.Module, groups: int, watch: Watch, what: str) -> None:
    header, total = _header([spec for part in _parts(model) for spec in part.specs], groups)
    if shutil.disk_usage(path.parent).free < total + _SPARE:
        raise OSError("not enough space on the disk")
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(header)
            checksums = []
            for part in _parts(model):
                watch.report(file.tell(), total, what)
                for tensor in part.make():
                    checksums.append(_checksum(tensor))
                    file.write(_bytes(tensor))
            file.write(_bytes(torch.tensor(checksums)))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    watch.report(total, total, what)


class _Part(NamedTuple):
    """Tensors that are made together: their names, types and shapes, and a function that makes them."""

    specs: list[tuple[str, torch.dtype, tuple[int, ...]]]
    make: Callable[[], tuple[torch.Tensor, ...]]


def _parts(model: nn.Module) -> Iterator[_Part]:
    """Iterate over all weights of a model; each is unpacked only when needed."""
    for path, module in model.named_modules():
        if isinstance(module, Int8Linear):
            specs = [
                (f"{path}.weight", torch.int8, (module.out_features, module.in_features)),
                (f"{path}.scale", torch.float32, (module.out_features,)),
            ]
            bias = () if module.bias is None else (module.bias,)
            specs += [(f"{path}.bias", torch.float32, (module.out_features,)) for _ in bias]
            yield _Part(specs, partial(_unpacked, module, bias))
        else:
            own = dict(module.named_parameters(path, recurse=False))
            specs = [(name, weight.dtype, tuple(weight.shape)) for name, weight in own.items()]
            yield _Part(specs, partial(tuple, own.values()))


def _unpacked(layer: Int8Linear, bias: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (*layer.unpack(), *bias)


def _header(specs: list[tuple[str, torch.dtype, tuple[int, ...]]], groups: int) -> tuple[bytes, int]:
    """Return the header of a safetensors file, and the size of the whole file."""
    names = [name for name, _, _ in specs]
    fields: dict[str, object] = {"__metadata__": {"names": json.dumps(names), "groups": str(groups)}}
    end = 0
    for name, dtype, shape in (*specs, (_CHECKSUMS, torch.int64, (len(specs),))):
        begin, end = end, end + math.prod(shape) * dtype.itemsize
        fields[name] = {"dtype": _DTYPES[dtype], "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(fields).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, 8 + len(text) + end


def _put(model: nn.Module, name: str, tensor: torch.Tensor, halves: dict[str, torch.Tensor]) -> None:
    """Put a tensor from a file into the model; `halves` holds a weight until its scale is read."""
    path, _, leaf = name.rpartition(".")
    module = model.get_submodule(path)
    if leaf == "weight" and isinstance(module, nn.Linear):
        if module.weight.shape != tensor.shape:
            raise ValueError(f"{name} has another shape")
        halves[path] = tensor
    elif leaf == "scale":
        model.set_submodule(path, Int8Linear(halves.pop(path), tensor, is_head=path == HEAD))
    else:
        set_tensor(model, name, tensor)


def _bytes(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.detach().contiguous().view(torch.uint8).numpy()).cast("B")


def _checksum(tensor: torch.Tensor) -> int:
    return zlib.crc32(_bytes(tensor))
