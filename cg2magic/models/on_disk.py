"""The names of the models on this disk, for the completion of names; nothing is opened, and nothing asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cg2magic.models import hub
from cg2magic.models.catalog import CATALOG
from cg2magic.models.gguf.quants import quant_of
from cg2magic.models.gguf.stores import OLLAMA, lm_studio_names, ollama_names


def names() -> list[str]:
    """Return everything that `%cg2 load` finds on this disk by a name, in alphabetical order."""
    return sorted({*_of_hub(), *_elsewhere(), *(path.name for path in Path().glob("*.gguf"))})


def _of_hub() -> Iterator[str]:
    """Iterate over what the Hub's cache holds, under the names of the catalog where it has them."""
    called = {entry.repo: entry.name for entry in CATALOG}
    yield called[None]  # the model in the package
    for repo, folder in hub.snapshots():
        files = [path.name for path in folder.rglob("*.gguf")]
        for quant in map(quant_of, files):
            yield f"{repo}:{quant}" if quant else repo
        if not files and (folder / "config.json").is_file():
            yield called.get(repo, repo)


def _elsewhere() -> Iterator[str]:
    yield from lm_studio_names()
    for name in ollama_names():
        yield f"{OLLAMA}{name}"
