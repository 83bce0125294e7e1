"""Try a file in another process first: what is wrong with it may end llama.cpp, and its process with it.

llama.cpp checks less than it trusts: a head count of zero, or a token id beyond the vocabulary, ends the
process rather than raising an error. `read_header` finds what is wrong with the file's form. The rest shows
when a process that nobody misses loads the file, reads a text with it, and survives. That takes about as long
as loading, so a file that has passed is remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cg2magic.errors import LoadError
from cg2magic.models.gguf.binding import binding
from cg2magic.models.gguf.header import parts_of
from cg2magic.progress import Watch
from cg2magic.wording import one_line

_FAILED = 3  # exit status of a trial that ended with an error of llama.cpp
_SPARE = 6 << 30  # bytes that a trial may use beyond the file's size
#: Seconds that a trial may take, and bytes of the file that it reads in one of them, on a slow disk.
_PATIENCE, _SLOW = 60, 20_000_000
_GLANCE = 0.02
_KEPT = 200


def prove(path: Path, watch: Watch) -> None:
    """Check that a file can be loaded and used without harm; a file that was is not tried again.

    Raises
    ------
    LoadError
        If it can't, or the trial was cancelled.
    """
    identity = _identity(path)
    if identity in _proven():
        return
    _try(path, watch)
    _remember(identity)


def _identity(path: Path) -> str:
    """Identify the files and the library: their names, sizes and times."""
    files = [(str(part.resolve()), *_stamp(part)) for part in parts_of(path)]
    library = binding()
    of_library = (library.package, *_stamp(Path(library.c.__file__)))
    return hashlib.sha256(repr((files, of_library)).encode()).hexdigest()


def _stamp(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns


def _try(path: Path, watch: Watch) -> None:
    size = sum(part.stat().st_size for part in parts_of(path))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", __name__, str(path), str(2 * size + _SPARE)]
    until = time.monotonic() + _PATIENCE + size / _SLOW
    with tempfile.TemporaryFile() as said:
        trial = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=environment
        )
        try:
            while (status := _status(trial)) is None:
                watch.report(0, size, f"checking {path.name}")
                if time.monotonic() > until:
                    raise LoadError(
                        "llama.cpp does not finish loading it; download it again, or load another"
                    )
        finally:
            trial.kill()
            trial.wait()
        said.seek(0)
        text = said.read()[-10_000:].decode(errors="replace")
    if status == _FAILED:
        raise LoadError(one_line(text.strip().splitlines()[-1]))
    if status:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        raise LoadError(f"llama.cpp breaks down on it ({how}): it is damaged; download it again")


def _status(trial: subprocess.Popen[bytes]) -> int | None:
    try:
        return trial.wait(_GLANCE)
    except subprocess.TimeoutExpired:
        return None


def _notes() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("cg2magic", appauthor=False) / "gguf-proven.json"


def _proven() -> list[str]:
    try:
        known = json.loads(_notes().read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [str(each) for each in known] if isinstance(known, list) else []


def _remember(identity: str) -> None:
    try:
        _notes().parent.mkdir(parents=True, exist_ok=True)
        _notes().write_text(json.dumps([*_proven(), identity][-_KEPT:]), "utf-8")
    except OSError:
        pass  # it is tried again next time


def _limit(memory: int) -> None:
    """Limit the memory that a damaged file may ask for; a GPU's driver maps more than there is."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if not binding().has_gpu:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ImportError, OSError, ValueError):
        pass  # the system has no such limits


def main() -> int:
    """Load the file, split a text and read it; the exit status says how that went."""
    import faulthandler

    from cg2magic.models.gguf.header import read_header
    from cg2magic.models.gguf.llama import LlamaContext, LlamaModel
    from cg2magic.models.gguf.tokenizer import GgufTokenizer

    faulthandler.disable()
    path, memory = Path(sys.argv[1]), int(sys.argv[2])
    try:
        _limit(memory)
        header = read_header(path)
        model = LlamaModel(str(path))
        GgufTokenizer(header, model)
        ids = model.tokenize("def hello(name):\n    return 1", opening=True) or [0]
        context = LlamaContext(model, cells=512, threads=1)
        context.logits([ids[:64]], [1], 0, 1)
        context.states(ids[:64])
    except Exception as error:  # noqa: BLE001 - told to the process that waits
        sys.stderr.write(f"\n{one_line(error)}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.stderr.flush()
    status = main()
    # Don't free anything: a damaged file may end the process even then.
    os._exit(status)
