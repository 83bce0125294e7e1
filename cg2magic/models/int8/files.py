"""Where quantized weights are cached on disk: a file per model, see `int8.cache` and `gguf.conversion`."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

#: Version of the file format; files of another version are made again.
LAYOUT = 1
#: Suffix of a file while it is being written.
UNFINISHED = ".part"

_SAMPLES, _SAMPLE = 64, 4096


def folder() -> Path:
    """Return the folder of the files, which may not exist."""
    import platformdirs

    return platformdirs.user_cache_path("cg2magic", appauthor=False) / "int8"


def path_for(name: str, files: tuple[Path, ...], *decisive: object, suffix: str = ".safetensors") -> Path:
    """Return the path for the quantized weights of a checkpoint.

    A checkpoint is identified by the names, sizes and modification times of its files, and by samples of
    their bytes, including the headers. Hashing all bytes would take as long as reading them. Samples are
    enough: training changes every weight, and a smaller edit changes the modification time.

    Parameters
    ----------
    name : str
        Name of the model.
    files : tuple of Path
        Its weights.
    decisive
        Other values that the file's contents depend on; each `repr` must identify the value.
    suffix : str
    """
    digest = hashlib.sha256(repr((LAYOUT, decisive)).encode())
    for file in files:
        stat = file.stat()
        digest.update(repr((file.name, stat.st_size, stat.st_mtime_ns)).encode())
        with file.open("rb") as handle:
            for i in range(_SAMPLES + 1):
                handle.seek(max(0, (stat.st_size - _SAMPLE) * i // _SAMPLES))
                digest.update(handle.read(_SAMPLE))
    plain = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name)
    return folder() / f"{plain}-{digest.hexdigest()[:24]}{suffix}"


def size() -> int:
    """Return the total size of all files in bytes."""
    return sum(file.stat().st_size for file in _files())


def clear() -> int:
    """Remove all files; return how many bytes were freed."""
    freed = 0
    for file in _files():
        with contextlib.suppress(OSError):  # another kernel removed it, or is reading it (on Windows)
            held = file.stat().st_size
            file.unlink()
            freed += held
    return freed


def _files() -> list[Path]:
    """Return all files, including those that a kernel did not finish."""
    return [file for file in folder().glob("*") if file.suffix in (".safetensors", ".gguf", UNFINISHED)]
