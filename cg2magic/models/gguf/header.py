"""The header of a GGUF file: its fields, and where its tensors are.

llama.cpp trusts a file more than a download deserves. So we read the header ourselves first, and check every
count, length and offset against the size of the file before anything else opens it. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cg2magic.errors import LoadError
from cg2magic.models.gguf.kinds import BLOCKS, FILE_TYPES

MAGIC: Final = b"GGUF"
_VERSIONS = (2, 3)
#: Formats of the numbers, by the number of their type.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself.

    Attributes
    ----------
    fields : dict of str to object
        Its metadata: numbers, bytes for strings, and lists of them.
    weights : int
        How many numbers its tensors have.
    nbytes : int
        Size of its tensors in bytes.
    types : dict of int to int
        How many weights it has of each type of tensor.
    embedded : int
        How many tokens have an embedding; 0 if that tensor is in another part.
    """

    fields: dict[str, Any]
    weights: int
    nbytes: int
    types: dict[int, int]
    embedded: int = 0

    def text(self, name: str) -> str:
        """Return a field that is a text; empty if there is none."""
        value = self.fields.get(name)
        return value.decode(errors="replace") if isinstance(value, bytes) else ""

    def number(self, name: str) -> int | None:
        """Return a field that is a whole number; None if there is none."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else None

    @property
    def architecture(self) -> str:
        """The layout of the model, such as ``qwen2``."""
        return self.text("general.architecture")

    @property
    def context(self) -> int | None:
        """How many tokens it was trained to read at once."""
        return self.number(f"{self.architecture}.context_length")

    @property
    def precision(self) -> str:
        """The name of its quantization, such as ``Q4_K_M``, or that of the type of most of its weights."""
        named = FILE_TYPES.get(self.fields.get("general.file_type", -1))
        if named is not None:
            return named
        most = max(self.types, key=self.types.__getitem__, default=-1)
        return {0: "F32", 1: "F16", 8: "Q8_0", 30: "BF16"}.get(most, "quantized")


def is_gguf(path: Path) -> bool:
    """Whether a file begins as a GGUF does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a model: the file itself, or all its parts if it is one of several.

    Raises
    ------
    LoadError
        If one of them is not there.
    """
    found = _SPLIT.fullmatch(path.name)
    if found is None:
        return (path,)
    count = int(found["count"])
    parts = tuple(
        path.with_name(f"{found['stem']}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)
    )
    gone = [part.name for part in parts if not part.is_file()]
    if gone:
        raise LoadError(
            f"{gone[0]} is missing, one of {count} parts of the model: put all into {path.parent}"
        )
    return parts


def read_header(path: Path) -> Header:
    """Read the header of a model, of all its parts if there are several.

    Raises
    ------
    LoadError
        If one of the files is no GGUF, or is damaged.
    """
    headers = [_read(part) for part in parts_of(path)]
    whole = headers[0] if len(headers) == 1 else _joined(headers)
    _check_vocabulary(whole, path.name)
    return whole


def _joined(headers: list[Header]) -> Header:
    """Return the header of a model from those of its parts; the first has all the fields."""
    types: dict[int, int] = {}
    for header in headers:
        for kind, weights in header.types.items():
            types[kind] = types.get(kind, 0) + weights
    return Header(
        headers[0].fields,
        sum(header.weights for header in headers),
        sum(header.nbytes for header in headers),
        types,
        max(header.embedded for header in headers),
    )


def _check_vocabulary(header: Header, name: str) -> None:
    """Check what llama.cpp takes for granted, and reads beyond the end of where it is wrong.

    Raises
    ------
    LoadError
    """
    tokens = header.fields.get("tokenizer.ggml.tokens")
    if not isinstance(tokens, list) or not tokens or not isinstance(tokens[0], bytes):
        raise LoadError(f"{name} has no vocabulary, so it is no language model; load another file")
    for field in ("token_type", "scores"):
        values = header.fields.get(f"tokenizer.ggml.{field}")
        if values is not None and (not isinstance(values, list) or len(values) != len(tokens)):
            raise LoadError(f"{name} is damaged: {field} does not fit its vocabulary; download it again")
    for field, value in header.fields.items():
        is_token = field.startswith("tokenizer.ggml.") and field.endswith("_token_id")
        if is_token and (not isinstance(value, int) or not 0 <= value < len(tokens)):
            raise LoadError(f"{name} is damaged: {field} is {value}; download it again")
    if header.embedded and header.embedded != len(tokens):
        raise LoadError(
            f"{name} is damaged: it has {len(tokens):,} tokens and {header.embedded:,} embeddings; "
            "download it again"
        )


def _read(path: Path) -> Header:
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise LoadError(f"{path.name} is not a GGUF file: it does not begin with GGUF")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return _Reader(content, path.name).header()
    except OSError as error:
        raise LoadError(f"{path} can't be read: {error.strerror}") from None


class _Reader:
    """Reads values from the bytes of a file, one after the other."""

    def __init__(self, content: mmap.mmap, name: str) -> None:
        self._content = content
        self._name = name
        self._size = len(content)
        self._at = len(MAGIC)

    def header(self) -> Header:
        version = self._number("I")
        if version not in _VERSIONS:
            raise LoadError(
                f"{self._name} is a GGUF of version {version}, and llama.cpp reads {_VERSIONS[0]} and "
                f"{_VERSIONS[1]}; convert it again"
            )
        tensors, fields = self._number("Q"), self._number("Q")
        values: dict[str, Any] = {}
        for _ in range(self._count(fields, least=13)):
            name = self._string().decode(errors="replace")
            values[name] = self._value(self._number("I"))
        alignment = values.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
            raise self._damaged(f"its alignment is {alignment!r}")
        infos = [self._tensor() for _ in range(self._count(tensors, least=24))]
        data = -(-self._at // alignment) * alignment
        types: dict[int, int] = {}
        embedded = 0
        for name, shape, kind, offset, nbytes in infos:
            weights = math.prod(shape)
            if name == "token_embd.weight":
                embedded = shape[-1]
            types[kind] = types.get(kind, 0) + weights
            if offset % alignment:
                raise self._damaged(f"{name} begins at {offset}, which is no multiple of {alignment}")
            if data + offset + nbytes > self._size:
                raise LoadError(
                    f"{self._name} is cut off: {name} ends at byte {data + offset + nbytes:,} of "
                    f"{self._size:,}; download it again"
                )
        return Header(values, sum(types.values()), sum(info[4] for info in infos), types, embedded)

    def _tensor(self) -> tuple[str, list[int], int, int, int]:
        """Return a tensor's name, its shape, the type of its weights, its offset and its size."""
        name = self._string().decode(errors="replace")
        dimensions = self._number("I")
        if not 1 <= dimensions <= 4:
            raise self._damaged(f"{name} has {dimensions} dimensions")
        shape = [self._number("Q") for _ in range(dimensions)]
        kind, offset = self._number("I"), self._number("Q")
        weights = math.prod(shape)
        in_block, block_bytes = BLOCKS.get(kind, (1, 0))
        if not weights or shape[0] % in_block:
            raise self._damaged(f"{name} has the shape {'×'.join(map(str, shape))}")
        return name, shape, kind, offset, weights // in_block * block_bytes

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._number(self._format(kind))
        kind, count = self._number("I"), self._number("Q")
        if kind == _STRING:
            return self._strings(self._count(count, least=8))
        each = self._format(kind)
        size = struct.calcsize(each)
        start = self._take(self._count(count, least=size) * size)
        return list(struct.unpack_from(f"<{count}{each}", self._content, start))

    def _format(self, kind: int) -> str:
        if kind not in _NUMBERS:
            raise self._damaged(f"it has a value of type {kind}")
        return _NUMBERS[kind]

    def _number(self, form: str) -> Any:
        start = self._take(struct.calcsize(form))
        return struct.unpack_from(f"<{form}", self._content, start)[0]

    def _string(self) -> bytes:
        length = self._number("Q")
        start = self._take(length)
        return self._content[start : start + length]

    def _strings(self, count: int) -> list[bytes]:
        """Read many strings: a vocabulary and its merges have 300,000, which take most of the time."""
        content, at, size = self._content, self._at, self._size
        length_at = struct.Struct("<Q").unpack_from
        found = []
        for _ in range(count):
            if at + 8 > size:
                break
            start = at + 8
            at = start + length_at(content, at)[0]
            if at > size:
                break
            found.append(content[start:at])
        else:
            self._at = at
            return found
        raise self._damaged(f"{count:,} strings at byte {self._at:,} go on beyond its end")

    def _count(self, count: int, least: int) -> int:
        """Check how many values follow, each of at least so many bytes."""
        if count * least > self._size - self._at:
            raise self._damaged(f"it says that {count:,} values follow at byte {self._at:,}")
        return count

    def _take(self, length: int) -> int:
        start = self._at
        if length > self._size - start:
            raise self._damaged(f"{length:,} bytes would follow at byte {start:,} of {self._size:,}")
        self._at += length
        return start

    def _damaged(self, what: str) -> LoadError:
        return LoadError(f"{self._name} is damaged: {what}; download it again")
