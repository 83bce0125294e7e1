"""A small model takes one core, a large one what there is, and the person gets theirs back."""

from __future__ import annotations

import pytest
import torch

from cg2magic.threads import threads_for


@pytest.fixture
def three():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three")
def test_a_small_model_runs_on_one_thread_and_gives_the_others_back():
    with threads_for(9_000_000):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three")
def test_a_large_model_runs_on_as_many_as_the_person_set(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with threads_for(1_000_000_000):
        assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three")
def test_without_a_choice_a_large_model_runs_on_the_physical_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("psutil.cpu_count", lambda **_: 2)
    with threads_for(1_000_000_000):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three")
def test_the_threads_come_back_after_a_failure_too():
    with pytest.raises(ValueError, match="boom"), threads_for(1):
        raise ValueError("boom")
    assert torch.get_num_threads() == 3
