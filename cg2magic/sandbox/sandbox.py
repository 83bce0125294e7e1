"""Runs a program that nobody has read, so that it can harm nothing, and reports how it ended.

There are three layers, and each works without the others:

- bubblewrap gives the program namespaces of its own: no network, no other processes, and of the disk only
  ``/usr``, the interpreter's folders and what is installed elsewhere (`imports`), all read-only. It may write
  only to a small ``/tmp`` and a small ``/dev/shm``, in memory.
- The kernel's limits, which `guest` sets before it runs the program: processor time, writable memory (not
  address space: jax and others reserve gigabytes of that and never use them), processes, open files, size of
  a file. The kernel does not limit the processes of root; so if the person is root, the guest first switches
  to a user id of its own, without any capability.
- `supervision`, from outside: the clock, the memory and the number of all its processes together.

Without bubblewrap (on another system, or if it is not installed) the first layer is missing, and nothing is
run unless the person explicitly asks for that.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path

from cg2magic.errors import UsageError
from cg2magic.request import CheckResult
from cg2magic.sandbox import imports
from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.supervision import supervise
from cg2magic.wording import one_line

#: Above the ids that systems and containers assign; each run gets its own, so that counts stay separate.
_FIRST_UID, _UIDS = 1_900_000_000, 90_000_000

_GUEST = Path(__file__).with_name("guest.py")


class Sandbox:
    """A place to run programs in.

    Parameters
    ----------
    confined : bool
        Whether to use bubblewrap. False is for systems without it: then only the limits apply, and a program
        can read what the person can read, and use the network.
    limits : Limits

    Raises
    ------
    UsageError
        If there is no working bubblewrap; with a message of one line.
    """

    def __init__(self, *, confined: bool = True, limits: Limits | None = None) -> None:
        if confined and (trouble := missing()):
            raise UsageError(trouble)
        self.confined = confined
        self.limits = limits or Limits()
        self._sites = imports.user_sites()
        self._imports = imports.places(self._sites, [*_interpreter()]) if confined else []

    def run(self, code: str, cancelled: Callable[[], bool] = lambda: False) -> CheckResult:
        """Run a program until it ends or exceeds a limit; safe to call from several threads.

        Parameters
        ----------
        code : str
            Python. It passes if it reaches its end, without an exception and without exiting early.
        cancelled : callable
            Called about twenty times a second; once it returns true, the program is stopped.
        """
        nonce = secrets.token_hex(16)
        job = {
            **asdict(self.limits),
            "code": code,
            "nonce": nonce,
            "confined": self.confined,
            "sites": self._sites,
            "uid": _fresh_uid() if self.confined and _is_root() else None,
        }
        with self._place() as (command, folder):
            process = subprocess.Popen(  # noqa: S603 - the program is in the job; it is confined above
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_environment(folder or "/tmp"),  # noqa: S108 - the sandbox's own
                start_new_session=True,
            )
            return supervise(process, json.dumps(job).encode(), nonce, self.limits, cancelled)

    def around(self, places: Sequence[Path]) -> tuple[list[str], dict[str, str]]:
        """Return what to put before a command to run it here, and its environment.

        That is for work that is longer than a program of `run`. It has no network, and can write nothing, but
        of the kernel's limits it has to set those that it wants itself.

        Parameters
        ----------
        places : sequence of Path
            What it may read, besides what programs may import.
        """
        bwrap = shutil.which("bwrap") or "bwrap"
        command = _bubblewrap(bwrap, self.limits, [*self._imports, *places])
        return command, _environment("/tmp")  # noqa: S108 - the sandbox's own

    @contextmanager
    def _place(self) -> Iterator[tuple[list[str], str | None]]:
        """The command that starts the guest, and the folder it starts in."""
        guest = [sys.executable, "-I", "-c", _guest_source()]
        if self.confined:
            bwrap = shutil.which("bwrap") or "bwrap"
            yield [*_bubblewrap(bwrap, self.limits, self._imports), *guest], None
            return
        with tempfile.TemporaryDirectory(prefix="cg2magic-run-", ignore_cleanup_errors=True) as folder:
            yield guest, folder


def missing() -> str:
    """Why programs can't be confined on this machine, in one line; empty if they can."""
    if not sys.platform.startswith("linux"):
        return "nothing is run, because there is no sandbox for this system"
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "nothing is run, because bubblewrap is not installed: apt install bubblewrap (or dnf, pacman)"
    return _trouble(bwrap)


@cache
def _trouble(bwrap: str) -> str:
    """Why this bubblewrap can't be used; empty if it can."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program
            [*_bubblewrap(bwrap, Limits()), sys.executable, "-I", "-c", "print('works')"],
            capture_output=True, text=True, timeout=60, check=False, env=_environment("/tmp"),  # noqa: S108
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nothing is run, because bubblewrap does not work here: {error}"
    if done.stdout.strip() != "works":
        said = one_line(done.stderr) or f"it ended with {done.returncode}"
        return f"nothing is run, because bubblewrap does not work here: {said}"
    return ""


def _bubblewrap(bwrap: str, limits: Limits, places: Sequence[Path] = ()) -> list[str]:
    """The command before the guest's, with bubblewrap's full path, because it runs with a PATH of its own."""
    command = [bwrap, "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
    if _is_root():
        # Kept until the guest has changed its user id; that needs a user namespace with more than one id.
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user"]
    return [*command, *_file_system(limits, places)]


def _file_system(limits: Limits, places: Sequence[Path]) -> list[str]:
    """Bubblewrap's options for a nearly empty file system with two writable folders."""
    options = ["--ro-bind", "/usr", "/usr"]
    for name in ("/lib", "/lib64", "/lib32", "/bin", "/sbin"):
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            options += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/nix/store"):
        options += ["--ro-bind-try", name, name]
    options += ["--proc", "/proc", "--dev", "/dev"]
    for name in ("/tmp", "/dev/shm"):  # noqa: S108 - the second is for multiprocessing's locks
        options += ["--perms", "1777", "--size", str(limits.folder_size), "--tmpfs", name]
    made = {Path("/tmp")}  # noqa: S108 - an interpreter may be somewhere in there
    for folder in _outermost([*_interpreter(), *places]):
        for parent in reversed(folder.parents[:-1]):
            if parent not in made:
                # Otherwise only their owner could enter them, and the program runs as another user.
                options += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        options += ["--ro-bind", str(folder), str(folder)]
    return [*options, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]  # noqa: S108


def _interpreter() -> set[Path]:
    """The folders that this Python runs from."""
    binary = Path(sys.executable)
    folders = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)}
    folders |= {folder.resolve() for folder in folders}
    # A virtual environment's python is often a chain of links.
    while binary.is_symlink():
        binary = binary.parent / binary.readlink()
        folders.add(Path(os.path.normpath(binary)).parent)
    return folders


def _outermost(places: Iterable[Path]) -> list[Path]:
    """The places that are not inside another one or ``/usr``."""
    chosen: list[Path] = []
    for place in sorted(places, key=lambda place: len(place.parts)):
        if not any(place.is_relative_to(other) for other in (Path("/usr"), *chosen)):
            chosen.append(place)
    return chosen


@cache
def _guest_source() -> str:
    return _GUEST.read_text("utf-8")


def _environment(folder: str) -> dict[str, str]:
    """Nothing of the person's; one thread for libraries that would start one per core."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    needed = {"SYSTEMROOT": os.environ["SYSTEMROOT"]} if "SYSTEMROOT" in os.environ else {}  # Windows
    return {
        **needed,
        **dict.fromkeys(threads, "1"),
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
    }


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _fresh_uid() -> int:
    return _FIRST_UID + random.randrange(_UIDS)  # noqa: S311 - no secret
