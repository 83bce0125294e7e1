"""Errors a person can act on: one line that says what is wrong and what to try next."""

from __future__ import annotations

import copy
import traceback
from typing import TypeVar

from cg2magic.wording import one_line


class Cg2Error(Exception):
    """Base of every error we raise on purpose; a magic shows it as one line, with no traceback."""


class UsageError(Cg2Error, ValueError):
    """What the person wrote in the cell or its options can't be used."""


class LoadError(Cg2Error):
    """A model can't be loaded; the one that was resident stays in place."""


class FormatError(Cg2Error):
    """The model can't do what it is asked to do, for example fill holes."""


class GenerationError(Cg2Error):
    """Writing failed; what was written so far is kept."""


class Trace(Exception):  # noqa: N818 - the cause of an error, never raised itself
    """Where an error in other people's code came from, as text."""


Ours = TypeVar("Ours", bound=Cg2Error)


def without_frames(error: Exception) -> Cg2Error:
    """Turn an error into one of ours, in one line, that may be kept indefinitely.

    Python, IPython, debuggers and our history all keep errors. The traceback frames of an error, and of the
    errors that led to it, hold the variables of their functions: on the worker's thread, a model. So for an
    error from other code we keep its traceback as text.
    """
    frames = traceback.format_tb(error.__traceback__)
    error.__traceback__ = error.__cause__ = error.__context__ = None
    if isinstance(error, Cg2Error):
        return error
    # A bug, or an error of torch itself: the type helps whoever reports it.
    ours = GenerationError(f"{type(error).__name__}: {one_line(str(error), 300)}")
    ours.__cause__ = Trace("\n" + "".join(frames).rstrip())
    return ours


def again(error: Ours) -> Ours:
    """Copy a kept error to raise the copy: raising the kept one would add the caller's frames to it."""
    fresh = copy.copy(error)
    fresh.__cause__ = error.__cause__
    return fresh
