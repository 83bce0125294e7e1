"""Models of the Hugging Face Hub: read from the cache on this machine, or downloaded into it."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cg2magic.errors import LoadError
from cg2magic.models.catalog import closest, did_you_mean, knows
from cg2magic.models.files import check_tokenizer_files
from cg2magic.models.weights import weight_files
from cg2magic.wording import gigabytes, one_line

if TYPE_CHECKING:
    from cg2magic.progress import Watch

# modeling_codegen.py is downloaded for one number in it. It is read as text and never run.
_TEXTS = (".json", ".txt", ".model")
_CODE_TO_READ = "modeling_codegen.py"
_SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLES = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")


def fetch(repo: str, watch: Watch, revision: str | None = None) -> Path:
    """Return the folder of a model of the Hub; download it if it is not in the cache.

    A cached model stays at the commit that was downloaded first, whatever changes on the Hub, until another
    revision is requested. An interrupted download is resumed. If a download is cancelled, complete files stay
    in the cache.

    Parameters
    ----------
    repo : str
        ``"owner/name"``.
    watch : Watch
        Receives the progress in bytes.
    revision : str, optional
        A branch, a tag or a commit; by default the main branch.

    Raises
    ------
    LoadError
        If there is no such model, or it can't be downloaded.
    """
    return cached(repo, revision) or download(repo, watch, revision, choose_files)


def download(
    repo: str, watch: Watch, revision: str | None, choose: Callable[[Iterable[str]], tuple[str, ...]]
) -> Path:
    """Download the files of a model that `choose` picks from all their names, and return its folder.

    Raises
    ------
    LoadError
        As in `fetch`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    near = "" if knows(repo) or not closest(repo) else f"; {did_you_mean(repo)}"
    if is_offline():
        raise LoadError(
            f"{repo} is not in this machine's cache and HF_HUB_OFFLINE forbids the network; unset it to "
            f"download, or load 'mini' or a local folder{near}"
        )
    try:
        sizes = _list(repo, revision)
        wanted = choose(sizes)
        total = sum(sizes[name] for name in wanted)
        _check_room(repo, total)
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(wanted),
                tqdm_class=_counter(total, f"downloading {repo}", watch),
            )
        )
    except LoadError:
        raise
    except GatedRepoError as error:
        raise LoadError(
            f"you must accept the terms of {repo} first: do so on its Hub page, then run `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise LoadError(
            f"{repo} has no revision {revision!r} on the Hub; leave out @{revision}, or use another branch, "
            "tag or commit"
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        do = "`hf auth login` logs in" if knows(repo) else did_you_mean(repo)
        raise LoadError(f"the Hub has no model {repo}, or shows it only to logged-in users; {do}") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise _no_room(repo) from error
        raise LoadError(
            f"{repo} could not be fetched from the Hub ({one_line(error)}); without a network, load 'mini', "
            f"a local folder, or a model in the cache (HF_HOME){near}"
        ) from error


def cached(repo: str, revision: str | None = None) -> Path | None:
    """Return the folder of a model in the cache, if it is complete."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(repo, "config.json", revision=revision)
    except HFValidationError as error:
        raise LoadError(f"{repo!r} is not the name of a model; {did_you_mean(repo)}") from error
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    try:
        weight_files(folder)
        check_tokenizer_files(folder)
    except LoadError:
        return None
    return folder


def snapshot(repo: str, revision: str | None = None) -> Path | None:
    """Return the folder of a model in the cache at a revision, whatever files are there."""
    from huggingface_hub import constants

    revision = revision or constants.DEFAULT_REVISION
    folder = Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
    try:
        commit = (folder / "refs" / revision).read_text().strip()
    except OSError:
        commit = revision
    found = folder / "snapshots" / commit
    return found if found.is_dir() else None


def snapshots() -> Iterator[tuple[str, Path]]:
    """Iterate over the models in the cache, ``(id, folder)``, each at the commits that were downloaded."""
    from huggingface_hub import constants

    for folder in sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*/snapshots/*")):
        _, owner, name = folder.parts[-3].split("--", 2)
        yield f"{owner}/{name}", folder


def is_offline() -> bool:
    """Whether the user has disabled the network, even if after the library was imported."""
    from huggingface_hub import constants

    said = os.environ.get("HF_HUB_OFFLINE", "").upper()
    return constants.HF_HUB_OFFLINE or said in {"1", "ON", "YES", "TRUE"}


def choose_files(names: Iterable[str]) -> tuple[str, ...]:
    """Choose the files that loading needs: text files and one set of weights, preferably safetensors."""
    top = [name for name in names if len(PurePosixPath(name).parts) == 1]
    texts = [name for name in top if name.endswith(_TEXTS) or name == _CODE_TO_READ]
    safetensors = [name for name in top if _SAFETENSORS.fullmatch(name)]
    pickles = [name for name in top if _PICKLES.fullmatch(name)]
    return (*texts, *(safetensors or pickles))


def _check_room(repo: str, total: int) -> None:
    """Refuse a download that the disk has no room for, before it fills it up."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    kept = (cache / f"models--{repo.replace('/', '--')}").rglob("*")
    there = sum(path.lstat().st_size for path in kept if path.is_file() and not path.is_symlink())
    disk = next(path for path in (cache, *cache.absolute().parents) if path.is_dir())
    if shutil.disk_usage(disk).free < total - there:
        raise _no_room(repo, total - there)


def _no_room(repo: str, missing: int = 0) -> LoadError:
    from huggingface_hub import constants

    size = f" for {gigabytes(missing)}" if missing else ""
    return LoadError(
        f"{repo} does not fit: the disk of {constants.HF_HUB_CACHE} has no room{size}; free some, set "
        "HF_HOME to a folder on another disk, or load a smaller model"
    )


def _list(repo: str, revision: str | None) -> dict[str, int]:
    from huggingface_hub import HfApi

    files = HfApi().model_info(repo, revision=revision, files_metadata=True).siblings or []
    return {file.rfilename: file.size or 0 for file in files}


def _counter(total: int, what: str, watch: Watch) -> type:
    """Make a progress bar class for the Hub's library that reports bytes to `watch` and draws nothing."""
    from huggingface_hub.utils import tqdm

    done = 0

    class Counter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # The library also has bars for whole files, and another one for the bytes on the network.
            description = str(kwargs.get("desc") or "")
            self._counts = kwargs.get("unit") == "B" and not description.startswith("Downloading bytes")
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> None:
            nonlocal done
            watch.check()
            if self._counts:
                done += int(n or 0)
                watch.report(done, total, what)

    return Counter
