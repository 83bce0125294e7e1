"""Where quantized weights are kept on disk: one safetensors file a model, see `int8_cache`."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

#: Of what is in the files; those of another version are made again.
LAYOUT = 1
#: How the name of a file ends while it is being written.
UNFINISHED = ".part"

_SAMPLES, _SAMPLE = 64, 4096


def folder() -> Path:
    """Return where the files are, which may not exist."""
    import platformdirs

    return platformdirs.user_cache_path("cg2magic", appauthor=False) / "int8"


def path_for(name: str, files: tuple[Path, ...], *decisive: object) -> Path:
    """Return where the quantized weights of a checkpoint are kept.

    A checkpoint is known by its files' names, sizes, times of change and by samples of their bytes, its
    headers among them. Hashing all of them would take as long as reading them; training changes every
    weight, so that samples show it, and what edits a few of them sets the time.

    Parameters
    ----------
    name : str
        Of the model.
    files : tuple of Path
        Its weights.
    decisive
        What else decides what is in the file, with a `repr` that tells.
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
    return folder() / f"{plain}-{digest.hexdigest()[:24]}.safetensors"


def size() -> int:
    """Return the bytes of all files."""
    return sum(file.stat().st_size for file in _files())


def clear() -> int:
    """Remove all files; the bytes that are free now."""
    freed = 0
    for file in _files():
        with contextlib.suppress(OSError):  # another kernel was quicker, or is reading it (on Windows)
            held = file.stat().st_size
            file.unlink()
            freed += held
    return freed


def _files() -> list[Path]:
    """All files, with those that a kernel did not get to finish."""
    return [file for file in folder().glob("*") if file.suffix in (".safetensors", UNFINISHED)]
