"""Sees what goes through an engine's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cg2magic.engines.local.engine import LocalEngine

if TYPE_CHECKING:
    import pytest


class Counted:
    """Counts what goes through the model."""

    def __init__(self, engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passes: list[int] = []
        forward = engine._forward

        def counting(ids, cache, keep=1):
            self.passes.append(ids.shape[1])
            return forward(ids, cache, keep)

        monkeypatch.setattr(engine, "_forward", counting)
