"""A line that is wanted, and the kernel in which it has to run."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass, field
from typing import Any

#: Seconds that a suggested line may run.
SECONDS = 15


@dataclass(frozen=True)
class Case:
    """A line that is wanted.

    Attributes
    ----------
    cells : tuple of str
        The cells above, as the model sees them.
    prompt : str
        The cell to the cursor: what is above the line, and perhaps the beginning of the line.
    line : str
        The whole line.
    namespace : dict
        The variables of the kernel.
    """

    cells: tuple[str, ...]
    prompt: str
    line: str
    namespace: dict[str, Any] = field(repr=False)

    @property
    def begun(self) -> str:
        """What the prompt has of the line."""
        return self.prompt.rpartition("\n")[2]

    def runs(self, line: str) -> bool:
        """Whether another line runs in the place of the wanted one."""
        above = self.prompt[: len(self.prompt) - len(self.begun)]
        return runs(f"{above}{line}\n", self.namespace)


def begun(line: str, rng: random.Random) -> str:
    """Return the beginning of a line, up to a dot or a quote behind which a name comes."""
    opens = [
        i + 1
        for i, sign in enumerate(line)
        if (sign == "." and line[i + 1 : i + 2].isalpha()) or (sign in "\"'" and line[i - 1 : i] in "[(=")
    ]
    return line[: rng.choice(opens)] if opens else ""


def runs(code: str, namespace: dict[str, Any]) -> bool:
    """Whether code runs in a copy of this process, whose end leaves no trace here."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        try:
            exec(compile(code, "<line>", "exec"), dict(namespace))
        except BaseException:  # noqa: BLE001 - whatever it is, the line did not run
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
