"""What is found out about this machine, to estimate how fast a model will write on it."""

from __future__ import annotations

import pytest

from cg2magic.models.machine import Machine, this_machine


def test_this_machine_has_cores_memory_and_a_speed_that_memory_can_have():
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.free is None or machine.free > 10_000_000
    assert 1e8 < machine.read_speed < 1e14


@pytest.mark.parametrize(
    ("runs_in", "weights", "measured"),
    # Qwen2.5-Coder in int8 and in Q4_K_M, on two idle cores with AVX-512.
    [("torch", 494e6, 23.5), ("torch", 1544e6, 11), ("llama.cpp", 398e6, 41), ("llama.cpp", 986e6, 26)],
)
def test_the_estimate_is_near_what_was_measured(runs_in, weights, measured):
    machine = Machine("cpu", 2, None, 28e9)
    assert machine.tokens_per_second(int(weights), runs_in) == pytest.approx(measured, rel=0.35)


def test_twice_the_weights_take_almost_twice_as_long():
    machine = Machine("cpu", 2, None, 20e9)
    small, large = (machine.tokens_per_second(size, "torch") for size in (4_000_000_000, 8_000_000_000))
    assert 1.8 < small / large < 2
