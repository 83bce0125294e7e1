"""The model in the package is a demonstration: it says so once in a kernel, with the way to a better one."""

from __future__ import annotations

import weakref

from cg2magic.service.manager import Manager, manager

#: The model that comes with the package.
MINI = "mini"
#: What is said of it, and below its first suggestion.
WHAT = "a demonstration; %cg2 load names models that write better code"
NOTE = "mini is a demonstration; %cg2 load names models for this machine that write better code"

_told: weakref.WeakSet[Manager] = weakref.WeakSet()


def note(model: str) -> str:
    """Return what to say below a suggestion of this model: of mini the note, the first time; else nothing."""
    if model != MINI or manager() in _told:
        return ""
    _told.add(manager())
    return NOTE


def advise() -> str:
    """Name models that suit this machine, and servers that run on it."""
    from cg2magic.engines.remote.nearby import running
    from cg2magic.frontends.model_table import advice
    from cg2magic.models.survey import survey

    return "\n".join((advice(survey()), *running()))
