"""The quantizations in the names of GGUF files, and which of them to take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from cg2magic.errors import LoadError

#: Taken unless another one is asked for: half the size of int8, and close to it in quality.
DEFAULT = "Q4_K_M"

_QUANT = re.compile(
    r"(?:^|[-._/])(?P<quant>(?:UD-)?I?Q\d+(?:_\w+?)?|TQ\d_\d|MXFP4\w*|BF16|F16|F32)(?=[-.]|$)", re.IGNORECASE
)
_PART = re.compile(r"-(?P<number>\d{5})-of-\d{5}\.gguf$", re.IGNORECASE)
#: Files beside a model that are no language model: what sees, what drafts, what only measured.
_OTHERS = re.compile(r"(?:^|[-._/])(?:mmproj|imatrix|mtp)(?=[-._])", re.IGNORECASE)


def quant_of(name: str) -> str:
    """Return the quantization in the name of a file, such as ``Q4_K_M``; empty if there is none."""
    found = _QUANT.search(_PART.sub(".gguf", name).removesuffix(".gguf"))
    return found["quant"].upper() if found else ""


def choose_quant(names: Iterable[str], wanted: str | None, of: str) -> tuple[tuple[str, ...], str]:
    """Choose a model from the names of files.

    Parameters
    ----------
    names : iterable of str
        Names of files, with their folders.
    wanted : str or None
        A quantization; None for the default, or what comes nearest to it.
    of : str
        Whose files they are, for errors.

    Returns
    -------
    files : tuple of str
        All parts of the model, in order.
    note : str
        What users should know about the choice; empty if it is what was asked for.

    Raises
    ------
    LoadError
        If there is no such file.
    """
    models: dict[str, list[str]] = {}
    for name in sorted(names):
        if PurePosixPath(name).suffix.lower() == ".gguf" and not _OTHERS.search(name):
            models.setdefault(quant_of(name), []).append(name)
    if not models:
        raise LoadError(f"{of} has no GGUF file; leave out the quantization, or load another model")
    if wanted is not None:
        if wanted.upper() not in models:
            raise LoadError(f"{of} has no {wanted.upper()}; it has {', '.join(sorted(filter(None, models)))}")
        return _parts(models[wanted.upper()]), ""
    quant = min(models, key=_distance)
    note = f"there is no {DEFAULT}: this is {quant}" if quant not in (DEFAULT, "") else ""
    return _parts(models[quant]), note


def _parts(files: list[str]) -> tuple[str, ...]:
    """Return the parts of one model, or the first file where several have the same quantization."""
    return tuple(files) if all(map(_PART.search, files)) else (files[0],)


def _distance(quant: str) -> tuple[float, bool, bool, str]:
    """How far a quantization is from the default: in bits, more of them rather than fewer."""
    found = re.search(r"\d+", quant)
    bits = int(found[0]) if found else 16
    off = bits - 4
    return (
        0 if quant == DEFAULT else abs(off) + (off < 0) / 2 + 0.25,
        not quant.endswith("K_M"),
        "_K" not in quant,
        quant,
    )
