"""mini says once in a kernel that it is a demonstration, with the way to a better model."""

from __future__ import annotations

import io

import pytest

from cg2magic.frontends import demonstration, terminal
from cg2magic.request import Request, Sampling, Suggestion
from cg2magic.service.job import Job
from cg2magic.service.manager import manager


@pytest.fixture(autouse=True)
def _fresh_manager():
    manager.cache_clear()
    yield
    manager().close()
    manager.cache_clear()


def finished(model: str) -> Job:
    job = Job(1, Request(("x = ", ""), Sampling()))
    job.update(model=model)
    job.wrote((Suggestion(("x = ", ""), ("1",), (), "stop"),))
    job.update(state="done")
    return job


def printed(job: Job, shell) -> str:
    out = io.StringIO()
    terminal.stream(job, shell, note=demonstration.note, out=out)
    return out.getvalue()


def test_below_the_first_suggestion_of_mini_and_no_other(shell):
    assert "demonstration" not in printed(finished("codegen2-1B"), shell)
    assert printed(finished("mini"), shell).splitlines()[-1] == demonstration.NOTE
    assert "demonstration" not in printed(finished("mini"), shell)
    assert "%cg2 load" in demonstration.NOTE


def test_a_suggestion_that_failed_says_nothing_of_it(shell):
    job = Job(1, Request(("x = ", ""), Sampling()))
    job.update(model="mini")
    job.fail(RuntimeError("broken"))
    assert "demonstration" not in printed(job, shell)
    assert demonstration.note("mini")


def test_the_advice_is_that_of_load_without_a_name(capsys, shell):
    shell.run_cell("%load_ext cg2magic")
    capsys.readouterr()
    shell.run_cell("%cg2 load")
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line for line in lines if line.startswith("%cg2 load")] == [
        line for line in demonstration.advise().splitlines() if line.startswith("%cg2 load")
    ]
