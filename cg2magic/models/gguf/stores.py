"""Where other programs keep GGUF files: Ollama's store and LM Studio's folder, which we only read."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cg2magic.errors import LoadError

#: In front of the name of a model in Ollama's store.
OLLAMA = "ollama:"
_REGISTRY, _LIBRARY = "registry.ollama.ai", "library"
_MODEL_LAYER = "application/vnd.ollama.image.model"
#: A word of a name becomes a folder, so it must not lead out of the store.
_WORD = re.compile(r"(?!\.)[\w.-]+")
_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")


def ollama_file(name: str) -> Path:
    """Return the file of a model in Ollama's store, by its name there: ``qwen2.5-coder:1.5b``.

    Raises
    ------
    LoadError
        If Ollama has no such model here.
    """
    path, _, tag = name.partition(":")
    words = path.split("/")
    if len(words) == 1:
        words = [_LIBRARY, *words]
    if len(words) == 2:
        words = [_REGISTRY, *words]
    words.append(tag or "latest")
    if not all(map(_WORD.fullmatch, words)):
        raise LoadError(f"{name!r} is not the name of a model in Ollama; it looks like qwen2.5-coder:1.5b")
    for store in _ollama_stores():
        manifest = store.joinpath("manifests", *words)
        if manifest.is_file():
            return _blob(store, manifest, name)
    known = sorted(ollama_names())
    has = f"it has {', '.join(known[:8])}" if known else "its store is empty, or elsewhere (OLLAMA_MODELS)"
    raise LoadError(f"Ollama has no model {name} on this disk: {has}; `ollama pull {name}` downloads one")


def ollama_names() -> Iterator[str]:
    """Iterate over the names of the models in Ollama's store."""
    for store in _ollama_stores():
        manifests = store / "manifests"
        for manifest in sorted(manifests.glob("*/*/*/*")):
            *words, tag = manifest.relative_to(manifests).parts
            if words[0] == _REGISTRY:
                words = words[2:] if words[1] == _LIBRARY else words[1:]
            yield f"{'/'.join(words)}:{tag}"


def lm_studio_files(repo: str) -> dict[str, Path]:
    """Return the GGUF files that LM Studio has of a model of the Hub, by their names."""
    return {
        file.name: file
        for folder in _lm_studio_folders()
        for file in sorted((folder / repo).glob("*.gguf"))
        if _WORD.fullmatch(repo.replace("/", "-"))
    }


def lm_studio_names() -> Iterator[str]:
    """Iterate over the models in LM Studio's folder, by their ids on the Hub."""
    for folder in _lm_studio_folders():
        yield from sorted(
            {f"{file.parent.parent.name}/{file.parent.name}" for file in folder.glob("*/*/*.gguf")}
        )


def _blob(store: Path, manifest: Path, name: str) -> Path:
    """Return the weights that a manifest names."""
    try:
        layers = json.loads(manifest.read_text("utf-8"))["layers"]
        digest = next(layer["digest"] for layer in layers if layer["mediaType"] == _MODEL_LAYER)
        found = _DIGEST.fullmatch(digest)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        found = None
    if found is None:
        raise LoadError(f"Ollama's manifest of {name} names no weights: `ollama pull {name}` again")
    blob = store / "blobs" / f"sha256-{found['hex']}"
    if not blob.is_file():
        raise LoadError(f"Ollama's store lacks the weights of {name}: `ollama pull {name}` again")
    return blob


def _ollama_stores() -> Iterator[Path]:
    own = os.environ.get("OLLAMA_MODELS")
    if own:
        yield Path(own)
        return
    yield Path.home() / ".ollama" / "models"
    yield Path("/usr/share/ollama/.ollama/models")  # where it runs as a service of Linux


def _lm_studio_folders() -> Iterator[Path]:
    yield Path.home() / ".lmstudio" / "models"
    yield Path.home() / ".cache" / "lm-studio" / "models"  # of releases before 0.3.6
