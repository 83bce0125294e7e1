"""What runs in the sandbox: limits itself, gives up its rights, runs one program and reports how it ended.

It is started from its source (``python -I -c``), so it imports only the standard library. The job is one
JSON object on standard input: ``code``, ``nonce``, ``uid`` (or null), ``sites`` (further folders with
installed packages) and the numbers of `Limits`. The answer is two lines on standard output, each after the
nonce: ``started``, then ``passed`` or ``failed REASON``. The program itself has no standard streams. It runs
like a notebook's cell: it may await, and what it defines is in ``__main__``.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import random
import site
import sys
import traceback
import types
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment] # a module elsewhere

FILE = "<candidate>"


def limit(job: dict[str, Any]) -> None:
    """Set the limits that the kernel enforces for each process. Limits that a system lacks are skipped."""
    wanted = {
        "RLIMIT_CORE": (0, 0),
        "RLIMIT_FSIZE": (job["file_size"],) * 2,
        "RLIMIT_NOFILE": (job["files"],) * 2,
        # Linux counts writable memory as data. Others count the address space, if anything.
        "RLIMIT_DATA" if sys.platform == "linux" else "RLIMIT_AS": (job["memory"],) * 2,
        # At the first, the kernel sends a signal that shows the reason; at the second, it kills.
        "RLIMIT_CPU": (job["cpu_seconds"], job["cpu_seconds"] + 1),
    }
    if job["confined"]:
        # Outside a sandbox this would count all processes of the person.
        wanted["RLIMIT_NPROC"] = (job["processes"],) * 2
    for name, values in wanted.items():
        try:
            resource.setrlimit(getattr(resource, name), values)
        except (AttributeError, OSError, ValueError):
            continue


def see_few_cores(count: int) -> None:
    """Let the program see at most `count` cores, chosen at random each time."""
    try:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, random.sample(cores, min(count, len(cores))))
    except (AttributeError, OSError):
        pass
    seen = min(count, os.cpu_count() or 1)
    os.cpu_count = lambda: seen


def give_up_rights(uid: int) -> None:
    """Become a user id that nobody has: the kernel does not limit the processes of root."""
    for candidate in (uid, 65534):
        try:
            os.setgroups([])
            os.setresgid(candidate, candidate, candidate)
            os.setresuid(candidate, candidate, candidate)
        except OSError:  # not among the ids of this container
            continue
        return
    os._exit(70)


def reason(error: BaseException) -> str:
    """The exception in one line; if it has no message, with the line of the program that raised it."""
    try:
        if isinstance(error, SyntaxError) and error.filename == FILE:
            text = f"{error.msg} (line {error.lineno})"
        else:
            text = " ".join(str(error).split())
        if not text and error.__traceback__ is not None:
            own = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == FILE]
            text = (own[-1].line or "") if own else ""
    except BaseException:  # noqa: BLE001 - the exception is the program's own, and may do anything when it is read
        text = ""
    name = type(error).__name__
    return f"{name}: {text}"[:300] if text else name


def main() -> None:
    """Run the job on standard input."""
    job = json.load(sys.stdin)
    answer = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    if job["uid"] is not None:
        give_up_rights(job["uid"])
    if resource is not None:
        limit(job)
    see_few_cores(job["cores"])
    for folder in job["sites"]:
        site.addsitedir(folder)
    code = job["code"]
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    # Bound here, so that it does not matter if the program replaces os.write.
    write, leave, own = os.write, os._exit, os.getpid()

    def say(words: str) -> None:
        write(answer, f"{job['nonce']} {words}\n".encode("utf-8", "replace"))

    # Pickling, doctest and dataclasses look in __main__ for what the program defines.
    program = sys.modules["__main__"] = types.ModuleType("__main__")
    say("started")
    try:
        compiled = compile(code, FILE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(compiled, vars(program))  # noqa: S307 - what this file is for
        if waiting is not None:  # the program awaits, as a notebook's cell may
            import asyncio

            asyncio.run(waiting)
    except BaseException as error:  # noqa: BLE001 - leaving the program is an end to report, too
        verdict = f"failed {reason(error)}"
    else:
        verdict = "passed"
    # A child that the program forked also gets here; it must not report anything.
    if os.getpid() == own:
        say(verdict)
    leave(0)


if __name__ == "__main__":
    main()
