"""A small model takes one core, a large one what may be used, and the person gets theirs back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.models import cgroups, threads
from cg2magic.models.threads import threads_for, usable_cores
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import Manager

LARGE = 1_000_000_000


@pytest.fixture(autouse=True)
def three(monkeypatch):
    """A machine with eight cores, and torch on three of them."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "_cores", lambda: 8)
    monkeypatch.setattr(cgroups, "processors", lambda: None)
    yield
    torch.set_num_threads(before)


def given(parameters: int = LARGE) -> int:
    """How many threads a model of this size gets."""
    with threads_for(parameters):
        return torch.get_num_threads()


def test_a_small_model_runs_on_one_thread_and_gives_the_others_back():
    assert given(9_000_000) == 1
    assert torch.get_num_threads() == 3


def test_a_large_model_runs_on_as_many_as_the_person_set(monkeypatch):
    assert given() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert given() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert given() == 3
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    assert given() == 1
    monkeypatch.setenv("MKL_NUM_THREADS", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", " 2,4")
    assert given() == 2
    assert torch.get_num_threads() == 3


def test_a_large_model_runs_on_no_more_than_the_cores_there_are_for_it(monkeypatch):
    monkeypatch.setattr(threads, "_cores", lambda: 2)
    assert given() == 2
    monkeypatch.setattr(cgroups, "processors", lambda: 1.9)
    assert given() == 1
    monkeypatch.setattr(cgroups, "processors", lambda: 0.3)
    assert given() == 1
    monkeypatch.setattr(cgroups, "processors", lambda: 16.0)
    assert given() == 2


def test_the_threads_come_back_after_a_failure_too():
    with pytest.raises(ValueError, match="boom"), threads_for(1):
        raise ValueError("boom")
    assert torch.get_num_threads() == 3


def test_what_the_person_sets_in_a_cell_holds_on_the_thread_that_began_before(monkeypatch, request):
    used = []
    write = LocalEngine._write
    # As large as it has to be to run on several threads.
    monkeypatch.setattr(threads, "is_small", lambda _: False)

    def watched(self, *args):
        used.append(torch.get_num_threads())
        return write(self, *args)

    monkeypatch.setattr(LocalEngine, "_write", watched)
    manager = Manager()
    request.addfinalizer(manager.close)
    wish = Request(("x = ",), Sampling(max_new_tokens=1))
    for number in (3, 1, 2):
        torch.set_num_threads(number)
        manager.submit(wish).result()
    assert used == [3, 1, 2]


def test_what_the_person_sets_meanwhile_is_not_undone():
    def person():
        torch.set_num_threads(2)

    with threads_for(1):
        thread = threading.Thread(target=person)
        thread.start()
        thread.join()
    numbers = []
    thread = threading.Thread(target=lambda: numbers.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert numbers == [2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no way to bind a process on this system")
@pytest.mark.parametrize("bound", ["before", "by the person, in a cell"])
def test_a_process_that_is_bound_to_one_processor_uses_one(bound):
    bind = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    ask = (
        "import threading\nfrom cg2magic.models.threads import usable_cores\n"
        "now, later = threading.Event(), []\n"
        "worker = threading.Thread(target=lambda: (now.wait(), later.append(usable_cores())))"
    )
    first, then = (bind, "worker.start()") if bound == "before" else ("", f"worker.start(); {bind}")
    code = f"{first}\n{ask}\n{then}\nnow.set(); worker.join(); print(later[0])"
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100
    )
    assert told.stdout.strip() == "1"


def test_two_halves_of_a_core_are_one(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(cgroups, "processors", lambda: None)
    monkeypatch.setattr(threads, "_TOPOLOGY", tmp_path)
    monkeypatch.setattr(threads, "_affinity", lambda: {0, 1, 4})
    for number, siblings in enumerate(("0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7")):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert usable_cores() == 2
    # Where the system doesn't tell which share one: no more than there are in all, nor than are allowed.
    monkeypatch.setattr(threads, "_TOPOLOGY", tmp_path / "none")
    monkeypatch.setattr("psutil.cpu_count", lambda **_: 32)
    assert usable_cores() == 3
    monkeypatch.setattr("psutil.cpu_count", lambda **_: None)
    assert usable_cores() == 3
    monkeypatch.setattr(threads, "_affinity", lambda: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6


@pytest.mark.parametrize(("own", "said"), [(None, ["10000", "None"]), ("77", ["77", "77"])])
def test_how_openmp_waits_is_set_only_while_torch_is_imported(tmp_path, own, said):
    (tmp_path / "torch.py").write_text("import os; print(os.environ.get('GOMP_SPINCOUNT'))")
    code = (
        "import os; from cg2magic.models.threads import import_torch; import_torch();"
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    environment = {key: value for key, value in os.environ.items() if key not in threads._WAITING}
    environment["PYTHONPATH"] = os.pathsep.join((str(tmp_path), *filter(None, sys.path)))
    given = environment if own is None else {**environment, "GOMP_SPINCOUNT": own}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    assert done.stdout.split() == said
