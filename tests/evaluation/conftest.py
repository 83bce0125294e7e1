"""A sandbox for the tests of this folder."""

from __future__ import annotations

from tests.sandboxes import nothing_is_left, sandbox

__all__ = ["nothing_is_left", "sandbox"]
