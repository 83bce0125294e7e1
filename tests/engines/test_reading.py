"""How the engine reads a prompt: what is known already not again, and in passes that it can stop between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.request import Request, Sampling
from tests.engines.counted import Counted, check_a_shared_beginning_is_read_once

PLAIN = "import numpy as np\n\n\ndef mean(values):\n    total = 0\n    for value in values:\n"
LONG = Request(("".join(f"x{i} = {i}\n" for i in range(90)),), Sampling(max_new_tokens=1))


@pytest.fixture
def engine(mini):
    return LocalEngine(mini)


def test_a_prompt_that_shares_a_beginning_is_read_from_where_it_differs(engine, monkeypatch):
    check_a_shared_beginning_is_read_once(engine, PLAIN, monkeypatch)


def test_what_was_read_of_a_prompt_that_was_given_up_is_not_read_again(engine, monkeypatch):
    counted = Counted(engine, monkeypatch)
    engine.generate(LONG, cancelled=lambda: len(counted.passes) == 2)
    read = sum(counted.passes)
    counted.passes.clear()
    engine.generate(LONG)
    rest = sum(counted.passes)
    engine.prefixes.clear()
    counted.passes.clear()
    engine.generate(LONG)
    assert 0 < read < read + rest == sum(counted.passes)


def test_the_prefix_cache_stays_within_its_bound(engine):
    engine.generate(Request((PLAIN,), Sampling(max_new_tokens=2)))
    one = engine.prefixes.memory
    assert one > 0
    engine.prefixes.limit = 3 * one
    for i in range(10):
        engine.generate(Request((f"value_{i} = {i}\n" + PLAIN,), Sampling(max_new_tokens=2)))
    assert 0 < engine.prefixes.memory <= 3 * one


@pytest.mark.parametrize(
    ("billions", "device", "longest"),
    [(0.009, "cpu", 48), (1.5, "cpu", 256), (7, "cpu", 64), (7, "cuda", 256)],
)
def test_a_pass_is_as_short_as_somebody_who_stops_would_wait(engine, monkeypatch, billions, device, longest):
    """The model is the embedded one, and only its size and its place are said to be others."""
    engine.loaded = replace(engine.loaded, parameters=int(billions * 1e9), device=device)
    counted = Counted(engine, monkeypatch)
    engine.generate(LONG)
    assert max(counted.passes) == longest
    # While somebody types, one prompt after another is given up.
    engine.prefixes.clear()
    engine.generate(LONG, cancelled=lambda: True)
    counted.passes.clear()
    engine.generate(LONG)
    assert max(counted.passes) == 48
