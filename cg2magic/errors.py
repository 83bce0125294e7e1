"""Errors a person can act on: one line that says what is wrong and what to try next."""

from __future__ import annotations


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
