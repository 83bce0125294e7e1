"""Find the folder of a model from its name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cg2magic.errors import LoadError
from cg2magic.models.catalog import Entry, did_you_mean, find
from cg2magic.models.hub import fetch
from cg2magic.progress import Watch

MINI = Path(__file__).parent / "mini"

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_REVISION = re.compile(r"(?P<name>[\w./-]+)@(?P<revision>[\w./-]+)")


@dataclass(frozen=True, slots=True)
class Located:
    """A model on this disk.

    Attributes
    ----------
    name : str
        Name to show: the catalog's name, the Hub id, or the folder's name.
    folder : Path
    source : str
        Where it comes from: the folder, or the Hub id and the commit.
    entry : Entry or None
        Its entry in the catalog.
    """

    name: str
    folder: Path
    source: str
    entry: Entry | None


def locate(name: str, watch: Watch) -> Located:
    """Find a model by its name in the catalog, as a local folder, or by its id on the Hub.

    Parameters
    ----------
    name : str
        A Hub id may end in ``@`` and a branch, tag or commit: ``"owner/name@v1.0"``. Without one, it means
        the main branch, as it was when the model was downloaded.
    watch : Watch

    Raises
    ------
    LoadError
        If it can't be found; the message names the closest known names.
    """
    path = Path(name).expanduser()
    if name and path.is_dir() and (find(name) is None or "/" in name):
        path = path.resolve()
        return Located(path.name, path, str(path), None)
    name, revision = split_revision(name)
    entry = find(name)
    if entry is not None and entry.refusal:
        raise LoadError(f"{entry.name} can't be loaded: {entry.refusal}")
    if entry is not None and entry.repo is None:
        return Located(entry.name, MINI, str(MINI), entry)
    if path.is_file():
        raise LoadError(f"{name} is a file; give the folder that holds config.json and the weights")
    repo = entry.repo if entry is not None else name
    assert repo is not None  # only the embedded model has none
    if entry is None and not (_HUB_ID.fullmatch(name) and not name.startswith((".", "~"))):
        if name.startswith((".", "~", os.sep)) or os.sep in name:
            raise LoadError(f"there is no folder {name}; check the path, or load 'mini'")
        raise LoadError(
            f"there is no model {name!r}; {did_you_mean(name)} A model on the Hub is named owner/name, "
            "a folder by its path"
        )
    folder = fetch(repo, watch, revision)
    # In the Hub's cache, the name of a folder is its commit.
    called = (entry.name if entry else repo) + (f"@{revision}" if revision else "")
    return Located(called, folder, f"{repo}@{folder.name[:12]}", entry)


def split_revision(name: str) -> tuple[str, str | None]:
    """Split the revision from a name: ``"owner/name@v1"`` gives ``("owner/name", "v1")``."""
    found = _REVISION.fullmatch(name)
    return (found["name"], found["revision"]) if found else (name, None)
