"""What a program in the sandbox may import from outside the interpreter's own folders.

That is what was installed for this person alone (``pip install --user``), and what was installed from a
folder of theirs (``pip install -e``). We start an interpreter to find out, because only it knows what its
``.pth`` files do. The sandbox shows only the packages and modules in a source folder, read-only, and nothing
else that a person has there (data, notebooks, ``.env``, ``.git``).
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import all_suffixes
from pathlib import Path

#: Prints where imports come from: the path, and what the finders of editable installs map names to.
_PROBE = """
import json, site, sys

for folder in json.loads(sys.argv[1]):
    site.addsitedir(folder)
places = []
for finder in sys.meta_path:
    module = sys.modules.get(getattr(finder, "__module__", ""))
    tables = [getattr(module, name, None) for name in ("MAPPING", "NAMESPACES")]  # setuptools
    tables.append(getattr(finder, "known_source_files", None))  # scikit-build-core
    for table in tables:
        for value in table.values() if isinstance(table, dict) else ():
            places += [value] if isinstance(value, str) else value
print("\\n" + json.dumps([sys.path, places]))
"""


def user_sites() -> list[str]:
    """Return the folder of what was installed for this person alone, if this interpreter uses it."""
    folder = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    return [folder] if folder and Path(folder).is_dir() else []


def places(sites: list[str], known: Sequence[Path]) -> list[Path]:
    """Return the folders and files that imports need.

    Parameters
    ----------
    sites : list of str
        See `user_sites`.
    known : sequence of Path
        Folders that the program sees anyway.
    """
    command = [sys.executable, "-I", "-B", "-c", _PROBE, json.dumps(sites)]
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command, capture_output=True, text=True, timeout=60, check=True, stdin=subprocess.DEVNULL
        )
        entries, mapped = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return []
    found = [place for name in mapped for place in _of_target(Path(name))]
    for entry in entries:
        with suppress(OSError):  # what the person can't read, the program does not need
            found += _of_entry(Path(entry), known)
    # A link may be broken.
    return [place for place in found if place.exists()]


def _of_entry(entry: Path, known: Sequence[Path]) -> Iterator[Path]:
    """What the sandbox shows of an entry of ``sys.path``."""
    if entry.is_dir() and _is_for_installs(entry):
        yield entry
        # `flit install --symlink` and the like.
        with os.scandir(entry) as content:
            yield from (Path(os.path.realpath(each.path)) for each in content if each.is_symlink())
    elif any(entry.is_relative_to(folder) for folder in known):
        return
    elif entry.is_file():  # a zip file
        yield entry
    elif entry.is_dir():
        yield from (each for each in entry.iterdir() if _is_importable(each) or each.suffix == ".egg-info")


def _of_target(target: Path) -> Iterator[Path]:
    """What the sandbox shows of a finder's target: a package, or a module with or without its suffix."""
    if target.name.startswith("__init__."):
        yield target.parent
    else:
        yield target
        yield from (target.with_name(target.name + suffix) for suffix in all_suffixes())


def _is_for_installs(folder: Path) -> bool:
    """Whether an installer fills the folder, and not a person."""
    return folder.name in ("site-packages", "dist-packages") or any(folder.glob("*.dist-info"))


def _is_importable(path: Path, *, deeper: bool = True) -> bool:
    """Whether it is a module or a package, including a namespace package."""
    if path.is_dir():
        content = path.iterdir() if path.name.isidentifier() else ()
        return any(each.is_file() or deeper for each in content if _is_importable(each, deeper=False))
    return path.name.split(".")[0].isidentifier() and path.name.endswith(tuple(all_suffixes()))
