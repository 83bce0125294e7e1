"""Find the GGUF file that a name means: on this disk, in the store of another program, or on the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cg2magic.errors import LoadError
from cg2magic.models import hub
from cg2magic.models.gguf.header import is_gguf, parts_of
from cg2magic.models.gguf.quants import choose_quant
from cg2magic.models.gguf.stores import OLLAMA, lm_studio_files, ollama_file
from cg2magic.models.locate import split_revision
from cg2magic.progress import Watch

_ON_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+?)(?::(?P<quant>[\w-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class GgufSource:
    """A GGUF file on this disk.

    Attributes
    ----------
    name : str
        Name to show.
    path : Path
        The file; the first one if it is split.
    origin : str
        Where it comes from: its path, or the Hub id and the commit.
    notes : tuple of str
        What users should know about the choice of the file.
    """

    name: str
    path: Path
    origin: str
    notes: tuple[str, ...] = ()


def find_gguf(name: str, watch: Watch) -> GgufSource | None:
    """Find the file that a name means; None if it is not the name of a GGUF.

    Parameters
    ----------
    name : str
        A file, a folder that has nothing but GGUF files, ``ollama:NAME``, or the id of a model on the Hub
        whose name ends in ``GGUF``, or that a colon and a quantization follow.
    watch : Watch

    Raises
    ------
    LoadError
        If it is the name of a GGUF, but there is none.
    """
    if name.startswith(OLLAMA):
        path = ollama_file(name.removeprefix(OLLAMA))
        return GgufSource(name, path, str(path))
    path = Path(name).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _file(path) if path.suffix.lower() == ".gguf" or is_gguf(path) else None
    if path.suffix.lower() == ".gguf":
        raise LoadError(f"there is no file {name}; check the path")
    wanted, revision = split_revision(name) if ":" not in name else _split(name)
    found = _ON_HUB.fullmatch(wanted)
    if found is None or (found["quant"] is None and not found["repo"].lower().endswith("gguf")):
        return None
    return _in_lm_studio(name, found["repo"], found["quant"], revision) or _on_hub(
        name, found["repo"], found["quant"], revision, watch
    )


def _split(name: str) -> tuple[str, str | None]:
    """Split the revision from ``owner/name:QUANT@revision``."""
    wanted, _, revision = name.partition("@")
    return wanted, revision or None


def _file(path: Path) -> GgufSource:
    path = path.resolve()
    return GgufSource(path.stem if path.suffix else path.name, parts_of(path)[0], str(path))


def _in_folder(folder: Path) -> GgufSource | None:
    """Choose the file in a folder, unless it is the folder of a checkpoint."""
    files = sorted(path for path in folder.glob("*.gguf") if path.is_file())
    if not files or (folder / "config.json").is_file():
        return None
    first = {parts_of(path)[0]: None for path in files}
    if len(first) > 1:
        raise LoadError(
            f"{folder} has several GGUF files; give the path of one: {', '.join(path.name for path in first)}"
        )
    return _file(next(iter(first)))


def _in_lm_studio(name: str, repo: str, quant: str | None, revision: str | None) -> GgufSource | None:
    files = lm_studio_files(repo)
    if not files or revision:
        return None
    try:
        chosen, note = choose_quant(files, quant, repo)
    except LoadError:
        return None  # LM Studio has another one; the Hub may have this
    path = files[chosen[0]]
    return GgufSource(name, parts_of(path)[0], str(path), (note,) if note else ())


def _on_hub(name: str, repo: str, quant: str | None, revision: str | None, watch: Watch) -> GgufSource:
    folder = hub.snapshot(repo, revision)
    if folder is not None:
        there = {file.relative_to(folder).as_posix() for file in folder.rglob("*.gguf")}
        try:
            chosen, note = choose_quant(there, quant, repo)
            path = parts_of(folder / chosen[0])[0]
        except LoadError:
            pass  # it is not on this disk yet, or not all of it
        else:
            return GgufSource(name, path, f"{repo}@{folder.name[:12]}", (note,) if note else ())
    files: tuple[str, ...] = ()
    note = ""

    def choose(names: Iterable[str]) -> tuple[str, ...]:
        nonlocal files, note
        files, note = choose_quant(names, quant, repo)
        return files

    folder = hub.download(repo, watch, revision, choose)
    return GgufSource(name, folder / files[0], f"{repo}@{folder.name[:12]}", (note,) if note else ())
