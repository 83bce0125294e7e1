"""Errors a person can act on: one line that says what is wrong and what to try next."""

from __future__ import annotations

import copy
import traceback
from typing import TypeVar


class Cg2Error(Exception):
    """Base of every error we raise on purpose; a magic shows it as one line, with no traceback."""


class UsageError(Cg2Error, ValueError):
    """What the person wrote in the cell or its options can't be understood."""


class LoadError(Cg2Error):
    """A model can't be loaded; the one that was resident stays in place."""


class FormatError(Cg2Error):
    """The model can't do what is asked of it, for example fill holes."""


class GenerationError(Cg2Error):
    """Writing failed; what was written so far is kept."""


class Trace(Exception):  # noqa: N818 - the cause of an error, never raised itself
    """Where an error of somebody else's code came from, as text."""


Ours = TypeVar("Ours", bound=Cg2Error)


def without_frames(error: Exception) -> Cg2Error:
    """Make an error one of ours, in one line, that may be kept for as long as anybody likes.

    Python, IPython, debuggers and our history all keep errors. The frames of an error's traceback, and of the
    errors that led to it, hold what their functions worked with: a model, for those of the worker's thread.
    So where one of other code came from is kept as text.
    """
    frames = traceback.format_tb(error.__traceback__)
    error.__traceback__ = error.__cause__ = error.__context__ = None
    if isinstance(error, Cg2Error):
        return error
    # A bug or torch itself: the type helps whoever reports it.
    ours = GenerationError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    ours.__cause__ = Trace("\n" + "".join(frames).rstrip())
    return ours


def again(error: Ours) -> Ours:
    """Copy a kept error, to be raised: raising the kept one would add the frames of whoever asks for it."""
    fresh = copy.copy(error)
    fresh.__cause__ = error.__cause__
    return fresh
