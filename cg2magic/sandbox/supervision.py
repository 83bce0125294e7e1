"""Watches one program from outside: the clock, all its processes, and its answer."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from cg2magic.request import CheckResult
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from cg2magic.sandbox.limits import Limits

#: Seconds within which the interpreter has to start, even on a busy machine.
_START = 60.0
#: Seconds between two looks at the program's processes.
_LOOK = 0.05
#: How many times we look for remaining processes and kill them.
_ROUNDS = 100
#: The most bytes of an answer; anything longer is not an answer.
_ANSWER = 1 << 16
#: Exit statuses of a process that ran out of processor time: its own, and as bubblewrap passes it on.
_OUT_OF_TIME = (-24, 128 + 24)


def supervise(
    process: subprocess.Popen[bytes],
    job: bytes,
    nonce: str,
    limits: Limits,
    cancelled: Callable[[], bool],
) -> CheckResult:
    """Give a guest its job and watch it until it ends; none of its processes remains afterwards."""
    answer = _Answer(nonce)
    pipes = (
        threading.Thread(target=_feed, args=(process, job), daemon=True),
        threading.Thread(target=answer.listen, args=(process,), daemon=True),
    )
    for pipe in pipes:
        pipe.start()
    try:
        return _follow(process, answer, limits, cancelled)
    finally:
        _end(process)
        for pipe in pipes:
            pipe.join()


def _follow(
    process: subprocess.Popen[bytes], answer: _Answer, limits: Limits, cancelled: Callable[[], bool]
) -> CheckResult:
    deadline = time.monotonic() + _START
    started = False
    while True:
        result = answer.verdict() if answer.wait() else _over(process.pid, limits)
        if result is not None:
            return result
        if answer.ended:
            return _silent(process.wait(), answer)
        if answer.started and not started:
            started, deadline = True, time.monotonic() + limits.seconds
        if cancelled():
            return CheckResult("stopped", "stopped")
        if time.monotonic() > deadline:
            return CheckResult("timed out", f"longer than {limits.seconds:.0f} s")


class _Answer:
    """What the guest reports; only what follows the nonce counts."""

    def __init__(self, nonce: str) -> None:
        self.said = b""
        self.ended = False
        self._nonce = nonce.encode()
        self._heard: queue.Queue[bytes] = queue.Queue()

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        """Read to the end, or until the answer is too long; runs on a thread of its own."""
        assert process.stdout is not None
        left = _ANSWER
        with process.stdout:
            while left > 0 and (data := process.stdout.read1(_ANSWER)):  # type: ignore[attr-defined] # buffered
                left -= len(data)
                self._heard.put(data)
        self._heard.put(b"")

    def wait(self) -> bool:
        """Wait a moment, and return whether there was something new."""
        try:
            data = self._heard.get(timeout=_LOOK)
        except queue.Empty:
            return False
        self.said += data
        self.ended = not data
        return True

    @property
    def started(self) -> bool:
        return self._nonce + b" started\n" in self.said

    def verdict(self) -> CheckResult | None:
        """What the guest reports about the program; None until it does."""
        for line in self.said.split(b"\n")[:-1]:
            if line == self._nonce + b" passed":
                return CheckResult("passed")
            if line.startswith(self._nonce + b" failed "):
                return CheckResult("failed", line[len(self._nonce) + 8 :].decode("utf-8", "replace"))
        if len(self.said) > _ANSWER:
            return CheckResult("failed", "tampered with its answer")
        return None


def _silent(status: int, answer: _Answer) -> CheckResult:
    """The result when a guest ended without an answer."""
    if status in _OUT_OF_TIME:
        return CheckResult("timed out", "out of processor time")
    if answer.started:
        return CheckResult("failed", "ended before its last line" if status == 0 else f"crashed ({status})")
    words = one_line(answer.said.decode("utf-8", "replace"), tail=True)
    return CheckResult("failed", f"could not be started: {words or status}")


def _over(pid: int, limits: Limits) -> CheckResult | None:
    """The limit that all processes together exceed; None if they exceed none."""
    family = _family(pid)
    # Two of them are bubblewrap's own.
    if len(family) > limits.processes + 2:
        return CheckResult("failed", f"more than {limits.processes} processes")
    # First count shared memory in full for each process; if that is too much, count it in parts.
    if sum(map(_resident, family)) > limits.memory and sum(map(_share, family)) > limits.memory:
        return CheckResult("failed", f"more than {limits.memory >> 20} MiB of memory")
    return None


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:
        return 0


def _share(process: psutil.Process) -> int:
    """The memory of a process, with its part of what it shares, or all of that if the part is unknown."""
    try:
        return process.memory_full_info().pss
    except (psutil.Error, AttributeError):
        return _resident(process)


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.Error:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the remaining processes, and wait until they are gone."""
    # The head comes last: it is bubblewrap, which waits for its child, and when that child dies the kernel
    # ends the whole sandbox. Without bubblewrap a program may fork while it is being killed.
    for _ in range(_ROUNDS):
        alive = [each for each in _family(process.pid)[1:] if _lives(each)]
        if not alive:
            break
        for each in alive:
            with suppress(psutil.Error):
                each.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_LOOK)
    process.kill()
    process.wait()


def _feed(process: subprocess.Popen[bytes], job: bytes) -> None:
    assert process.stdin is not None
    with suppress(OSError), process.stdin:  # the process may have died at once
        process.stdin.write(job)
