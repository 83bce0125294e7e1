"""Archives are fetched by any list that pins them, from a package index in a folder."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from training.sources import LIST, fetch_all, read_sources


@pytest.fixture
def listed(tmp_path, monkeypatch) -> Path:
    """A list with one archive, which the training's list does not have, and an index that has it."""
    index = tmp_path / "simple" / "tiny"
    index.mkdir(parents=True)
    with tarfile.open(index / "tiny-1.0.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("tiny-1.0/PKG-INFO")
        info.size = len(text := b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.addfile(info, io.BytesIO(text))
    (index / "index.html").write_text('<a href="tiny-1.0.tar.gz">tiny-1.0.tar.gz</a>')
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "simple").as_uri())
    digest = hashlib.sha256((index / "tiny-1.0.tar.gz").read_bytes()).hexdigest()
    path = tmp_path / "own.toml"
    path.write_text(
        f'[[source]]\nname = "tiny"\nversion = "1.0"\nlicense = "MIT"\n'
        f'file = "tiny-1.0.tar.gz"\nsha256 = "{digest}"\n'
    )
    return path


def test_an_archive_of_another_list_is_fetched_once(listed, tmp_path, monkeypatch):
    assert "tiny" not in {source.name for source in read_sources(LIST)}
    sources = read_sources(listed)
    ((source, path),) = fetch_all(sources, tmp_path / "archives", listed)
    assert (source.name, path.name) == ("tiny", "tiny-1.0.tar.gz")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == source.sha256
    monkeypatch.setattr(subprocess, "run", None)
    assert fetch_all(sources, tmp_path / "archives", listed) == [(source, path)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('sha256 = "', 'sha256 = "0', "tiny-1.0.tar.gz does not have the pinned sha256; it was not kept."),
        ("tiny-1.0", "tiny-2.0", "The package index has no tiny-2.0.tar.gz, or could not be asked; "),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(listed, tmp_path, capfd, old, new, said):
    listed.write_text(listed.read_text().replace(old, new))
    with pytest.raises(SystemExit):
        fetch_all(read_sources(listed), tmp_path / "archives", listed)
    error = capfd.readouterr().err
    assert error.startswith(said)
    assert error.count("\n") == 1
    assert not list((tmp_path / "archives").iterdir())


def test_a_name_that_is_in_no_list_is_not_passed_over():
    done = subprocess.run(
        [sys.executable, "-m", "training.sources", "nonsense"],
        cwd=LIST.parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode
    assert done.stderr.endswith("error: sources.toml does not list nonsense\n")
