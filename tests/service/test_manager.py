"""The resident model: queue, cancel, load and unload, and what a failure leaves behind."""

from __future__ import annotations

import threading

import psutil
import pytest

from cg2magic.errors import FormatError, LoadError
from cg2magic.progress import Progress
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import Manager
from tests.checkpoints import make_config, make_weights, write_checkpoint
from tests.endless import GROUPS

#: Of `writing`, whose model finds no end.
LONG = Request(
    ("import numpy as np\n",), Sampling(n=4, max_new_tokens=1900, temperature=1.0, top_p=1.0, seed=5)
)
SHORT = Request(("import numpy as np\nx = np.",), Sampling(max_new_tokens=5))


@pytest.fixture
def manager():
    manager = Manager()
    yield manager
    manager.close()


@pytest.fixture
def writing(manager, endless):
    manager.load(endless, groups=GROUPS)
    return manager


def until_writing(job):
    """Wait until the job has written something."""
    wrote = threading.Event()
    forget = job.listen(lambda now: wrote.set() if now.tokens or now.finished else None)
    assert wrote.wait(60)
    forget()


def test_a_request_is_answered_by_the_model_that_comes_with_the_package(manager):
    job = manager.submit(SHORT)
    suggestions = job.result()
    now = job.snapshot()
    assert (now.state, now.model) == ("done", "mini")
    assert suggestions[0].code.startswith("import numpy as np\nx = np.")
    assert suggestions[0].tokens
    assert manager.status().model.name == "mini"


def test_loading_is_shown_before_writing(manager):
    seen, ended = [], threading.Event()

    def look(now):
        seen.append((now.state, now.progress))
        if now.finished:
            ended.set()

    with manager._changed:  # the worker begins when somebody looks
        job = manager.submit(SHORT)
        job.listen(look)
    assert ended.wait(60)
    states = [state for state, _ in seen]
    assert states.index("loading") < states.index("writing") < states.index("done")
    assert any(isinstance(progress, Progress) and progress.total > 0 for _, progress in seen)


def test_requests_wait_for_their_turn_and_know_how_many_are_ahead(writing):
    first = writing.submit(LONG)
    until_writing(first)
    second, third = writing.submit(SHORT), writing.submit(SHORT)
    assert (second.snapshot().position, third.snapshot().position) == (1, 2)
    assert writing.status().queued == 2
    writing.cancel(first.id)
    assert second.result()
    assert third.result()
    assert writing.status().queued == 0


def test_a_stopped_request_keeps_what_was_written(writing):
    job = writing.submit(LONG)
    until_writing(job)
    assert writing.cancel(job.id) == 1
    assert job.wait(30)
    now = job.snapshot()
    assert now.state == "stopped"
    assert any(s.tokens for s in now.suggestions)
    assert writing.cancel(job.id) == 0


def test_a_request_cancelled_in_the_queue_leaves_it_at_once(writing):
    first = writing.submit(LONG)
    until_writing(first)
    second = writing.submit(SHORT)
    second.cancel()
    assert second.snapshot().state == "stopped"
    assert first.snapshot().state == "writing"
    assert writing.status().queued == 0


def test_cancel_without_an_id_ends_everything(writing):
    jobs = [writing.submit(LONG) for _ in range(3)]
    until_writing(jobs[0])
    assert writing.cancel() == 3
    assert all(job.wait(30) for job in jobs)
    assert {job.snapshot().state for job in jobs} == {"stopped"}


def test_a_model_that_cannot_be_loaded_leaves_the_resident_one(manager):
    manager.load("mini")
    with pytest.raises(LoadError) as error:
        manager.load("minni")
    assert "mini" in str(error.value)
    assert "\n" not in str(error.value)
    assert manager.status().model.name == "mini"
    job = manager.submit(Request(("x = ",), SHORT.sampling, model="no-such-model"))
    with pytest.raises(LoadError):
        job.result()
    assert job.snapshot().state == "failed"
    assert manager.submit(SHORT).result()


def test_what_the_model_cannot_do_fails_the_job_and_not_the_worker(manager):
    job = manager.submit(Request(("x\n",) * 200, SHORT.sampling))
    with pytest.raises(FormatError, match="at most"):
        job.result()
    assert "at most" in job.snapshot().error
    assert manager.submit(SHORT).result()


def test_the_model_is_loaded_once_for_requests_that_name_it(manager):
    loaded = manager.load("mini")
    manager.submit(Request(SHORT.parts, SHORT.sampling, model="mini")).result()
    assert manager.status().model is loaded


def test_unloading_gives_the_memory_back(manager, tmp_path):
    # Larger than mini, so that its weights stand out from all else in the process.
    config = make_config(layers=4, width=1024)
    write_checkpoint(tmp_path / "large", config, make_weights(config))
    manager.load("mini")
    manager.load(str(tmp_path / "large"), groups=8)
    loaded = psutil.Process().memory_info().rss
    weights = manager.status().model.memory
    assert weights > 200e6
    assert manager.unload()
    freed = loaded - psutil.Process().memory_info().rss
    assert manager.status().model is None
    assert freed > 0.9 * weights
    assert not manager.unload()
    assert manager.submit(SHORT).result()  # and it comes back when it is needed


def test_closing_ends_the_thread_and_a_later_request_starts_another(manager):
    others = set(threading.enumerate())  # another test may have left the kernel's own manager
    manager.submit(SHORT).result()
    assert "cg2magic" in {thread.name for thread in set(threading.enumerate()) - others}
    manager.close()
    assert "cg2magic" not in {thread.name for thread in set(threading.enumerate()) - others}
    assert manager.submit(SHORT).result()


def test_the_history_remembers_what_became_of_a_candidate(manager):
    job = manager.submit(SHORT)
    job.wait()
    manager.record(job.id, 0, "inserted below")
    assert [(e.job.id, e.outcomes) for e in manager.history] == [(job.id, {0: "inserted below"})]


def test_a_listener_that_breaks_does_not_break_the_writing(manager):
    calls = []

    def broken(now):
        calls.append(now.state)
        if len(calls) > 1:
            raise RuntimeError("this front end is gone")

    with manager._changed:  # the worker begins when somebody looks
        job = manager.submit(SHORT)
        job.listen(broken)
    assert job.result()
    assert len(calls) == 2


def test_speed_and_tokens_are_counted(manager):
    job = manager.submit(Request(SHORT.parts, Sampling(n=2, max_new_tokens=12, temperature=1.0, seed=5)))
    job.wait()
    now = job.snapshot()
    assert now.tokens == sum(len(s.tokens) for s in now.suggestions)
    assert now.tokens_per_second > 0
    assert manager.status().tokens_per_second == now.tokens_per_second
