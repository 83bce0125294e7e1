"""The sources of the training text: pinned archives, fetched by package name with pip's own client.

pip itself finds and downloads the archives, so its configuration (index, mirrors, certificates) is the only
place where an address is written. Nothing of an archive is built or executed: it is only unpacked.

    python -m training.sources            # fetch what sources.toml lists, check every sha256
    python -m training.sources --pin NAME # print an entry for the newest release of NAME
"""

from __future__ import annotations

import argparse
import email.parser
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pip._internal.models.candidate import InstallationCandidate

HERE = Path(__file__).parent
LIST = HERE / "sources.toml"
WORK = HERE / "work"
HELD_OUT = ("plotnine", "lifelines", "skorch", "altair", "pingouin")
PERMISSIVE = ("BSD", "MIT", "Apache", "PSF", "ISC", "Python Software Foundation")


@dataclass(frozen=True)
class Source:
    """One archive of the package index.

    Attributes
    ----------
    name, version : str
        As the package index knows them.
    license : str
        SPDX expression, read from the archive's own metadata when the entry was pinned.
    file, sha256 : str
        The archive's name and digest.
    role : str
        ``train``, ``evaluate`` for what training must never see, ``baseline`` for a model to compare with.
    weight : float
        How much more often than others its documents are drawn.
    """

    name: str
    version: str
    license: str
    file: str
    sha256: str
    role: str = "train"
    weight: float = 1.0


def read_sources(path: Path = LIST) -> list[Source]:
    """Read the pinned list."""
    with path.open("rb") as file:
        return [Source(**entry) for entry in tomllib.load(file)["source"]]


class Index:
    """The package index as pip is configured to see it."""

    def __init__(self, *, wheels: bool = False) -> None:
        # pip has no public interface for "fetch, but do not build": `pip download` runs a sdist's setup.py.
        # These three calls are what its own `download` command begins with.
        from pip._internal.commands import create_command

        binary = ["--only-binary", ":all:"] if wheels else ["--no-binary", ":all:"]
        self._command = create_command("download")
        options, _ = self._command.parse_args(["--no-deps", *binary, "unused"])
        self._context = self._command.main_context()
        self._context.__enter__()
        self._session = self._command.get_default_session(options)
        build = self._command._build_package_finder  # noqa: SLF001
        self._finder = build(options=options, session=self._session)

    def newest(self, name: str) -> InstallationCandidate:
        """Return pip's candidate of the newest final release."""
        found = self._finder.find_all_candidates(name)
        final = [candidate for candidate in found if not candidate.version.is_prerelease]
        if not final:
            raise LookupError(f"The package index has no archive of {name}.")
        return max(final, key=lambda candidate: candidate.version)

    def fetch(self, source: Source, folder: Path) -> Path:
        """Download one pinned archive and check its digest; an archive that is there already is kept."""
        path = folder / source.file
        if _is_there(source, folder):
            return path
        for candidate in self._finder.find_all_candidates(source.name):
            if candidate.link.filename == source.file:
                break
        else:
            raise LookupError(
                f"The package index has no {source.file}, or could not be asked; "
                f"if it can be, pin {source.name} again."
            )
        self.download(candidate, path)
        if _digest(path) != source.sha256:
            path.unlink()
            raise ValueError(f"{source.file} does not have the pinned sha256; it was not kept.")
        return path

    def download(self, candidate: InstallationCandidate, path: Path) -> None:
        """Stream an archive to ``path``."""
        with self._session.get(candidate.link.url_without_fragment, stream=True) as response:
            response.raise_for_status()
            partial = path.with_suffix(".part")
            with partial.open("wb") as file:
                for chunk in response.iter_content(1 << 20):
                    file.write(chunk)
            partial.rename(path)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def members(path: Path, *, largest: int = 2_000_000) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each file of a sdist or wheel, without the sdist's leading folder."""
    if path.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and info.file_size <= largest:
                    name = info.filename
                    yield name if path.suffix == ".whl" else name.partition("/")[2], archive.read(info)
        return
    with tarfile.open(path) as sdist:
        for member in sdist:
            if member.isfile() and member.size <= largest:
                file = sdist.extractfile(member)
                assert file is not None
                yield member.name.partition("/")[2], file.read()


def license_of(path: Path) -> str:
    """Return what the archive's own metadata says of its licence."""
    for name, data in members(path):
        if name == "PKG-INFO" or name.endswith(".dist-info/METADATA"):
            meta = email.parser.BytesParser().parsebytes(data, headersonly=True)
            if meta["License-Expression"]:
                return meta["License-Expression"]
            classifiers = [c for c in meta.get_all("Classifier", []) if c.startswith("License ::")]
            said = "; ".join(c.rpartition(":: ")[2] for c in classifiers)
            return said or (meta["License"] or "unknown").strip().splitlines()[0][:60]
    return "unknown"


def fetch_all(
    sources: list[Source], folder: Path = WORK / "archives", listed: Path = LIST
) -> list[tuple[Source, Path]]:
    """Fetch what is missing and return where each archive is; a second run works offline.

    Parameters
    ----------
    sources : list of Source
    folder : Path
        Where the archives are kept.
    listed : Path
        The list that the sources were read from.

    Raises
    ------
    SystemExit
        If an archive can't be had, once its line is printed.
    """
    missing = [source.name for source in sources if not _is_there(source, folder)]
    if missing:
        # In a process of its own: pip's insides bring the standard library's distutils with them, and
        # torch.compile needs that of setuptools.
        options = ["--list", str(listed.resolve()), "--to", str(folder.resolve())]
        command = [sys.executable, "-m", "training.sources", *options, *missing]
        if failed := subprocess.run(command, check=False, cwd=HERE.parent).returncode:
            raise SystemExit(failed)
    return [(source, folder / source.file) for source in sources]


def _is_there(source: Source, folder: Path) -> bool:
    path = folder / source.file
    return path.exists() and _digest(path) == source.sha256


def fetch(sources: list[Source], folder: Path) -> None:
    """Fetch archives with pip; see `fetch_all`."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheels in (False, True):
        wanted = [source for source in sources if source.file.endswith(".whl") == wheels]
        if not wanted:
            continue
        index = Index(wheels=wheels)
        for source in wanted:
            path = index.fetch(source, folder)
            print(f"{source.name} {source.version}: {path.stat().st_size / 1e6:.1f} MB", flush=True)


def pin(names: list[str], *, wheels: bool = False, folder: Path = WORK / "archives") -> None:
    """Print an entry of ``sources.toml`` for the newest release of each name."""
    folder.mkdir(parents=True, exist_ok=True)
    index = Index(wheels=wheels)
    for name in names:
        try:
            candidate = index.newest(name)
        except LookupError as error:
            print(f"# {error}", flush=True)
            continue
        path = folder / candidate.link.filename
        if not path.exists():
            index.download(candidate, path)
        license_ = license_of(path)
        if not any(word in license_ for word in PERMISSIVE):
            print(f"# not on the list of licences: {name} {license_}", flush=True)
        role = "evaluate" if name in HELD_OUT else "train"
        print(
            f'[[source]]\nname = "{name}"\nversion = "{candidate.version}"\nlicense = "{license_}"\n'
            f'file = "{candidate.link.filename}"\nsha256 = "{_digest(path)}"\nrole = "{role}"\n',
            flush=True,
        )


def main() -> None:
    """Fetch the list, or pin a name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="fetch these of the list only")
    parser.add_argument("--list", type=Path, default=LIST, metavar="FILE", help="another list of archives")
    parser.add_argument("--to", type=Path, default=WORK / "archives", help="folder of the archives")
    parser.add_argument("--pin", nargs="+", metavar="NAME", help="print an entry for the newest release")
    parser.add_argument("--wheel", action="store_true", help="with --pin: a wheel instead of a sdist")
    arguments = parser.parse_args()
    if arguments.pin:
        pin(arguments.pin, wheels=arguments.wheel)
        return
    if not arguments.list.is_file():
        parser.error(f"there is no {arguments.list}")
    listed = read_sources(arguments.list)
    if unknown := set(arguments.names) - {source.name for source in listed}:
        parser.error(f"{arguments.list.name} does not list {', '.join(sorted(unknown))}")
    try:
        fetch([s for s in listed if not arguments.names or s.name in arguments.names], arguments.to)
    except (LookupError, ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
