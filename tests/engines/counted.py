"""Sees what goes through an engine's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.request import Request, Sampling

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


def check_a_shared_beginning_is_read_once(engine: LocalEngine, prompt: str, monkeypatch: pytest.MonkeyPatch):
    """Two prompts begin alike: the second is read from where it differs, and what is written is the same."""
    first = Request((prompt + "        total",), Sampling(max_new_tokens=8))
    second = Request((prompt + "        print",), Sampling(max_new_tokens=8))
    fresh = engine.generate(second)
    engine.prefixes.clear()
    counted = Counted(engine, monkeypatch)
    engine.generate(first)
    whole = counted.passes[0]
    counted.passes.clear()
    again = engine.generate(second)
    assert counted.passes[0] < whole / 4
    assert again.suggestions[0].spans == fresh.suggestions[0].spans
