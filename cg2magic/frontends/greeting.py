"""What `%load_ext cg2magic` prints: one line that says what is loaded or will be, and how to begin."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from cg2magic.frontends.demonstration import MINI, WHAT
from cg2magic.service.manager import manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.frontends.config import Config

_greeted: weakref.WeakSet[InteractiveShell] = weakref.WeakSet()


def greet(shell: InteractiveShell, settings: Config) -> None:
    """Print the line, once in a shell, and only if a person loads the extension.

    Parameters
    ----------
    shell : InteractiveShell
    settings : Config
    """
    if shell not in _greeted and not _is_configured(shell):
        print(greeting(settings))  # noqa: T201 - a magic answers in the cell
    _greeted.add(shell)


def greeting(settings: Config) -> str:
    """Return the line."""
    loaded = manager().status().model
    name = loaded.name if loaded else settings.model
    if loaded:
        state = f"{name} is loaded"
    elif settings.inline:
        state = f"ghost text is on and loads {name}"
    else:
        state = f"the first request loads {name}"
    also = f" ({WHAT})" if name == MINI else ""
    ghosts = "" if settings.inline else "; %config CG2.inline = True suggests while you type"
    return f"cg2magic: {state}{also}. Begin a cell with %%complete or %%infill{ghosts}; %cg2 help"


def _is_configured(shell: InteractiveShell) -> bool:
    """Whether the profile loads the extension: then nobody reads a line, at the start of each kernel."""
    holder = shell.parent
    # An application that starts shells; importing its class here would bring a package more.
    while holder is not None and not hasattr(holder, "extra_extensions"):
        holder = holder.parent
    return holder is not None and "cg2magic" in (*holder.extensions, *holder.extra_extensions)
