"""``--check``: what is run, when, and what becomes of the order."""

from __future__ import annotations

import io
import os
import threading

import pytest

from cg2magic.errors import UsageError
from cg2magic.frontends import status_text
from cg2magic.frontends.panel.render import render_html, render_text
from cg2magic.frontends.terminal import stream
from cg2magic.request import Request, Sampling, Suggestion
from cg2magic.sandbox.sandbox import Sandbox
from cg2magic.service.checks import Checks, OwnConsent
from cg2magic.service.job import Job
from cg2magic.service.manager import manager
from tests.needs import need

PARTS = ("def add(a, b):\n    return ",)


@pytest.fixture
def checks():
    need("bubblewrap")
    checks = Checks()
    yield checks
    checks.close()
    assert not [thread for thread in threading.enumerate() if "cg2magic-check" in thread.name]


@pytest.fixture
def cg2(shell):
    shell.run_cell("%load_ext cg2magic")
    return shell


def written(*fills, check="assert add(2, 3) == 5", header=""):
    job = Job(1, Request(PARTS, Sampling(n=len(fills)), check=check, header=header))
    job.wrote(tuple(Suggestion(PARTS, (fill,), (), "stop", header=header) for fill in fills))
    job.update(model="mini")
    return job


def follow(job):
    """Let the test wait for states by name."""
    seen = {}
    job.listen(lambda now: seen.setdefault(now.state, threading.Event()).set())
    return lambda state: seen.setdefault(state, threading.Event()).wait(60)


def fills(job):
    return [(s.text, s.check and s.check.status) for s in job.snapshot().suggestions]


def test_what_passes_comes_first_and_the_rest_stays_in_its_order(checks):
    checks.allowed = "sandbox"
    job = written("a - b", "a + b", "(a", "b + a")
    checks.finish(job, ("a note",))
    job.result()
    assert fills(job) == [("a + b", "passed"), ("b + a", "passed"), ("a - b", "failed"), ("(a", "failed")]
    now = job.snapshot()
    assert (now.state, now.notes, now.progress) == ("done", ("a note",), None)
    assert status_text.verdict(now, 0) == "✓ passes the check · nothing written"
    assert status_text.verdict(now, 2).startswith("✗ AssertionError: assert add(2, 3) == 5")


def test_a_stored_card_says_what_passed_and_why_the_others_do_not(checks):
    checks.allowed = "sandbox"
    job = written("a - b", "a + b")
    checks.finish(job)
    job.result()
    assert "── 1 · ✓ passes the check" in render_text(job.snapshot())
    assert "── 2 · ✗ AssertionError: assert add(2, 3) == 5" in render_text(job.snapshot())
    assert "candidate 2 · ✗ AssertionError: assert add(2, 3) == 5" in render_html(job.snapshot())


def test_a_cell_magic_on_top_is_not_part_of_the_program(checks):
    checks.allowed = "sandbox"
    job = written("a + b", header="%%time\n")
    checks.finish(job)
    (checked,) = job.result()
    assert checked.check.passed
    assert checked.code.startswith("%%time\n")


def test_nothing_is_run_before_the_person_agrees(checks, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "run", None)
        job = written("a - b", "a + b")
        checks.finish(job)
        job.result()
    assert fills(job) == [("a - b", None), ("a + b", None)]
    assert job.snapshot().unchecked
    assert "%cg2 allow" in status_text.about(job.snapshot())


def test_a_job_that_waited_is_checked_once_the_person_agrees(checks):
    job = written("a - b", "a + b")
    checks.finish(job)
    ended = threading.Event()
    checks.agree(job)
    job.listen(lambda now: ended.set() if now.state == "done" else None)
    assert ended.wait(60)
    now = job.snapshot()
    assert fills(job)[0] == ("a + b", "passed")
    assert (now.unchecked, now.notes) == (False, ())

    other = written("a - b", "a + b")
    checks.finish(other)  # it is not asked for again
    other.result()
    assert fills(other)[0] == ("a + b", "passed")


def test_what_is_withdrawn_while_it_is_written_is_not_run(checks, monkeypatch):
    checks.allowed = "sandbox"
    job = written("a + b")
    checks.allowed = "nothing"
    monkeypatch.setattr(Sandbox, "run", None)
    checks.finish(job)
    assert job.result()[0].check is None
    assert job.snapshot().unchecked


def test_what_is_withdrawn_while_it_runs_is_ended_and_can_be_agreed_to_again(checks):
    checks.allowed = "sandbox"
    fills = ["(a", *["a + b"] * (2 * (os.cpu_count() or 1))]  # more than run at once
    job = written(*fills, check="import time; time.sleep(600)")
    found = threading.Event()
    job.listen(lambda now: found.set() if now.progress and now.progress.done else None)
    checks.finish(job, ("a note",))
    assert found.wait(60)
    checks.allowed = "nothing"
    job.result()
    now = job.snapshot()
    assert [s.check and s.check.status for s in now.suggestions] == [None] * (len(fills) - 1) + ["failed"]
    assert (now.state, now.unchecked, now.progress, checks.jobs()) == ("done", True, None, [])
    assert now.notes[0] == "a note"
    assert "%cg2 allow" in now.notes[1]

    checking = follow(job)
    checks.agree(job)
    assert checking("checking")
    assert job.snapshot().notes == ("a note",)


def test_what_may_no_longer_run_unconfined_runs_in_the_sandbox(checks, tmp_path):
    """The candidate that sees a file of the person's waits; in the sandbox it does not see it."""
    begun = tmp_path / "begun"
    check = (
        f"import os, time\nif os.path.exists({str(tmp_path)!r}):\n"
        f"    open({str(begun)!r}, 'w')\n    time.sleep(600)"
    )
    checks.allowed = "unconfined"
    job = written("a + b", check=check)
    checks.finish(job)
    while not begun.exists():
        assert checks.jobs()
    ended = threading.Event()
    checks.allowed = "sandbox"
    job.listen(lambda now: ended.set() if now.finished else None)
    assert ended.wait(60)
    assert job.snapshot().suggestions[0].check.passed


def test_without_a_check_nothing_is_run(checks, monkeypatch):
    monkeypatch.setattr(Sandbox, "run", None)
    checks.allowed = "sandbox"
    job = written("a + b", check="")
    checks.finish(job, ("a note",))
    assert job.result()[0].check is None
    assert job.snapshot().notes == ("a note",)


def test_a_check_that_is_stopped_keeps_what_it_found(checks):
    checks.allowed = "sandbox"
    job = written("a + b", "(a", check="import time; time.sleep(600)")
    checking = follow(job)
    found = threading.Event()
    job.listen(lambda now: found.set() if now.progress and now.progress.done else None)
    checks.finish(job)
    assert checking("checking")
    assert found.wait(60)
    assert checks.jobs() == [job]
    assert "checking · 1 of 2" in status_text.status(job.snapshot())
    job.cancel()
    job.result()
    assert job.snapshot().state == "stopped"
    assert fills(job) == [("a + b", None), ("(a", "failed")]


@pytest.mark.parametrize(
    ("check", "option", "least"),
    [("hog = bytearray(300 << 20)", "check_memory", 0.2), ("while True: pass", "check_seconds", 1)],
)
def test_what_a_candidate_may_use_is_an_option_and_its_end_names_it(checks, check, option, least):
    checks.consent = OwnConsent("sandbox", **{option: least})
    job = written("a + b", check=check)
    checks.finish(job)
    (checked,) = job.result()
    assert checked.check.reason.endswith(f"(%config CG2.{option} gives it more)")
    checks.consent = OwnConsent("sandbox")
    job = written("a + b", check="hog = bytearray(300 << 20)")
    checks.finish(job)
    assert job.result()[0].check.passed


def test_the_limits_are_those_of_the_configuration(cg2, capsys, checks):
    del checks
    cg2.run_cell("%cg2 allow")
    cell = "%%complete -m 1 --check 'hog = bytearray(300 << 20)' -o ideas\nx = 1"
    cg2.run_cell(cell)
    assert cg2.user_ns["ideas"][0].check.passed
    cg2.run_cell("%config CG2.check_memory = 0.2")
    cg2.run_cell(cell)
    assert "(%config CG2.check_memory gives it more)" in capsys.readouterr().out


def test_where_there_is_no_sandbox_the_card_says_what_to_do(checks, monkeypatch):
    def refuse(**_):
        raise UsageError("nothing is run, because bubblewrap is not installed")

    monkeypatch.setattr("cg2magic.service.checks.Sandbox", refuse)
    checks.allowed = "sandbox"
    job = written("a + b")
    checks.finish(job)
    assert job.result()[0].check is None
    (note,) = job.snapshot().notes
    assert note.startswith(
        "not checked: nothing is run, because bubblewrap is not installed; %cg2 allow unconf"
    )


def test_the_magic_asks_runs_and_ranks(cg2, capsys, checks):
    del checks
    cell = "-n 2 -t 0.9 --seed 3 -m 3 {} -o ideas\n{}"
    cg2.run_cell("%%complete " + cell.format('--check "assert x"', "x = "))
    assert "not checked: nothing is run until you allow it" in capsys.readouterr().out
    assert [idea.check for idea in cg2.user_ns["ideas"]] == [None, None]

    cg2.run_cell("%cg2 allow")
    assert "in a sandbox" in capsys.readouterr().out
    cg2.run_cell("tests = 'import sys\\nassert \"torch\" not in sys.modules'")
    cg2.run_cell("%%infill " + cell.format("--check tests --check 'y = 1'", "x = 1\n# |\n"))
    assert [idea.check.status for idea in cg2.user_ns["ideas"]] == ["passed", "passed"]
    assert manager().history[-1].job.request.check.startswith("import sys\n")

    cg2.run_cell("%cg2 allow nothing")
    assert manager().checks.allowed == "nothing"
    cg2.run_cell("%config CG2.allow_execution = 'sandbox'")
    assert manager().checks.allowed == "sandbox"


@pytest.mark.parametrize("withdraw", ["%cg2 allow nothing", "%config CG2.allow_execution = 'nothing'"])
def test_the_button_agrees_in_the_configuration_and_withdrawn_means_withdrawn(
    cg2, capsys, checks, monkeypatch, withdraw
):
    del checks
    cell = "%%complete -m 1 --check pass -o ideas\nx = 1"
    cg2.run_cell(cell)
    job = manager().history[-1].job
    assert job.snapshot().unchecked
    passed = threading.Event()
    manager().checks.agree(job)  # what the button calls
    job.listen(lambda now: passed.set() if now.suggestions[0].check else None)
    assert passed.wait(60)
    cg2_traits = cg2.magics_manager.registry["CG2"]
    assert cg2_traits.allow_execution == "sandbox"
    cg2.run_cell(cell)
    assert cg2.user_ns["ideas"][0].check.passed

    cg2.run_cell(withdraw)
    assert (cg2_traits.allow_execution, manager().checks.allowed) == ("nothing", "nothing")
    monkeypatch.setattr(Sandbox, "run", None)
    cg2.run_cell(cell)
    assert cg2.user_ns["ideas"][0].check is None
    assert "not checked: nothing is run until you allow it" in capsys.readouterr().out

    # It is not remembered by an extension that is loaded again, nor is what was withdrawn.
    manager().checks.allowed = "sandbox"
    cg2.run_cell("%reload_ext cg2magic")
    assert manager().checks.allowed == "nothing"


def test_what_a_profile_agrees_to_holds(shell):
    shell.config.CG2.allow_execution = "unconfined"
    shell.run_cell("%load_ext cg2magic")
    assert manager().checks.allowed == "unconfined"


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%complete --check 'assert ('\nx = 1", "--check is not Python"),
        ("%%complete --check 'assert\nx = 1", "there is no closing quote"),
        ("%%complete --check 'x' --language sql\nselect", "--check runs Python"),
        ("%cg2 allow everything", "invalid choice"),
    ],
)
def test_a_mistake_costs_one_line(cg2, capsys, cell, said):
    result = cg2.run_cell(cell)
    assert not result.success
    error = capsys.readouterr().err.strip()
    assert error.startswith("UsageError: ")
    assert said in error
    assert "\n" not in error


def test_the_terminal_shows_what_came_first_whole(shell, checks):
    """The first candidate was streamed, and then another one passed."""
    checks.allowed = "sandbox"
    job = written("a - b", "a + b")
    job.update(state="writing")
    out = io.StringIO()
    streaming = threading.Thread(target=stream, args=(job, shell), kwargs={"out": out})
    streaming.start()
    while "return a - b" not in out.getvalue():
        assert streaming.is_alive()
    checks.finish(job)
    streaming.join()
    assert out.getvalue().startswith(
        "def add(a, b):\n    return a - b\ncandidate 1\ndef add(a, b):\n    return a + b\n"
    )
    assert shell.rl_next_input == PARTS[0] + "a + b"
