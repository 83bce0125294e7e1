"""Following a job: often enough, never too often, and never without its end."""

from __future__ import annotations

import threading

from cg2magic.request import Request, Suggestion
from cg2magic.service.job import Job
from cg2magic.service.stream import snapshots

NEVER = 3600.0


def job_of(text="x"):
    return Job(1, Request((text,)))


def write(job, text):
    job.wrote((Suggestion(job.request.parts, (text,)),))


def test_a_burst_is_shown_by_its_newest_and_the_end_comes_at_once():
    job = job_of()
    seen = []
    for snapshot in snapshots(job, interval=NEVER):
        seen.append((snapshot.state, snapshot.suggestions[0].text if snapshot.suggestions else ""))
        if snapshot.state == "queued":
            write(job, "a")
        elif seen[-1] == ("writing", "a"):
            for i in range(100):
                write(job, "a" * i)
            job.update(state="done")
    assert seen == [("queued", ""), ("writing", "a"), ("done", "a" * 99)]


def test_a_new_state_does_not_wait_for_the_interval():
    job = job_of()
    states = []
    for snapshot in snapshots(job, interval=NEVER):
        states.append(snapshot.state)
        following = {"queued": "loading", "loading": "writing", "writing": "stopped"}
        if snapshot.state in following:
            threading.Timer(0.01, job.update, kwargs={"state": following[snapshot.state]}).start()
    assert states == ["queued", "loading", "writing", "stopped"]


def test_the_last_snapshot_is_never_lost_however_the_writing_falls():
    for _ in range(20):
        job = job_of()

        def worker(job=job):
            for i in range(50):
                write(job, str(i))
            job.update(state="done")

        threading.Thread(target=worker).start()
        *_, last = snapshots(job, interval=0.001)
        assert last.state == "done"
        assert last.suggestions[0].text == "49"


def test_a_job_that_is_over_is_shown_once():
    job = job_of()
    job.update(state="done")
    assert [snapshot.state for snapshot in snapshots(job)] == ["done"]


def test_who_stops_looking_is_not_called_any_more():
    job = job_of()
    looking = snapshots(job)
    next(looking)
    looking.close()
    assert job._listeners == []
