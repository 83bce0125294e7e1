"""Tab after `%cg2`: its commands, and after `%cg2 load` the models on this disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cg2magic.frontends import commands
from cg2magic.models import on_disk

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_HOOK, _MAGIC = "complete_command", "%cg2"


def enter(shell: InteractiveShell) -> None:
    """Complete names in this shell."""
    shell.set_hook(_HOOK, _complete, str_key=_MAGIC)


def leave(shell: InteractiveShell) -> None:
    """Undo `enter`."""
    shell.strdispatchers[_HOOK].strs.pop(_MAGIC, None)


def _complete(_: object, event: Any) -> list[str]:
    """Return how the word at the cursor may go on, from where IPython's word begins."""
    words = event.line.split(" ")
    word = words[-1]
    # IPython's word begins after the last colon.
    typed = word[: len(word) - len(event.symbol)]
    return [name.removeprefix(typed) for name in _known(words[1:-1]) if name.startswith(word)]


def _known(before: list[str]) -> Iterable[str]:
    words = [word for word in before if word]
    if not words:
        return commands.names()
    return on_disk.names() if words == ["load"] else ()
