"""``python -m cg2magic eval``: the whole way, with the real model and the real sandbox."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from cg2magic.__main__ import main
from cg2magic.service.manager import manager

SAMPLED = ["eval", "humaneval", "--limit", "2", "-n", "3", "-t", "0.8", "-m", "6", "--batch", "2"]


@pytest.fixture(autouse=True)
def _own_manager():
    yield
    manager().close()
    manager.cache_clear()


def rows(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("arguments", "right", "nothing"),
    [
        (["humaneval", "--limit", "12"], "pass@1 100.0 % (12 passed)", "pass@1 0.0 % (12 failed)"),
        (["infill", "--split", "multi-line", "--limit", "12"], "pass@1 100.0 % (12 passed)", "pass@1 0.0 %"),
    ],
)
def test_the_right_answers_pass_and_no_answer_does_not(sandbox, capsys, arguments, right, nothing):
    del sandbox
    assert main(["eval", *arguments, "--proof", "--execute"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"canonical solutions: {right}"
    assert said[1].startswith(f"empty answers: {nothing}")


def test_nothing_is_run_unless_that_is_asked_for(capsys, monkeypatch):
    monkeypatch.setattr("cg2magic.sandbox.sandbox.Sandbox.run", None)
    assert main(["eval", "humaneval", "--limit", "2", "-m", "8"]) == 0
    assert "Nothing was run. --execute" in capsys.readouterr().out
    (folder,) = Path("cg2magic-eval").iterdir()
    assert folder.name == "humaneval-mini-greedy"
    assert not (folder / "results.jsonl").exists()
    samples = rows(folder / "samples.jsonl")
    assert [row["task_id"] for row in samples] == ["HumanEval/0", "HumanEval/82"]


def test_samples_are_written_once_then_run_and_scored(sandbox, capsys):
    del sandbox
    assert main([*SAMPLED, "--folder", "run"]) == 0
    before = Path("run/samples.jsonl").read_bytes()
    assert main([*SAMPLED, "--folder", "run", "--execute", "-k", "1,3,10"]) == 0
    assert Path("run/samples.jsonl").read_bytes() == before
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("pass@1 ")
    assert "pass@3 " in said
    assert "pass@10" not in said  # of three samples there is no estimate of it
    assert {(row["task_id"], row["sample"]) for row in rows("run/results.jsonl")} == {
        (name, i) for name in ("HumanEval/0", "HumanEval/82") for i in range(3)
    }
    assert [row["samples"] for row in rows("run/problems.jsonl")] == [3, 3]
    assert json.loads(Path("run/summary.json").read_text())["problems"] == 2


def test_a_run_that_was_killed_goes_on_and_ends_as_if_it_had_not_been():
    assert main([*SAMPLED, "--folder", "whole"]) == 0
    whole = Path("whole/samples.jsonl").read_bytes()
    # Cut within a batch, and within a line.
    for cut in (whole.index(b"\n") + 1, len(whole) // 2, len(whole) - 1):
        Path("whole/samples.jsonl").write_bytes(whole[:cut])
        assert main([*SAMPLED, "--folder", "whole"]) == 0
        assert Path("whole/samples.jsonl").read_bytes() == whole


def test_an_interrupt_ends_the_writing_and_costs_only_the_sample_being_written(capsys):
    path = Path("run/samples.jsonl").absolute()

    def press():
        while not (path.exists() and path.read_bytes().count(b"\n") >= 2):
            pressed.wait(0.01)
        pressed.set()
        signal.raise_signal(signal.SIGINT) if os.name == "nt" else os.kill(os.getpid(), signal.SIGINT)

    pressed = threading.Event()
    threading.Thread(target=press, daemon=True).start()
    assert main(["eval", "humaneval", "--folder", "run"]) == 130
    assert pressed.is_set()
    assert capsys.readouterr().err.splitlines()[-1].endswith("cg2magic: interrupted")
    # A process that ended while torch still worked in it would be aborted.
    assert manager().status().writing is None
    assert len(rows(path)) >= 2


def test_samples_of_other_weights_or_settings_are_not_mixed(capsys):
    greedy = ["eval", "humaneval", "--limit", "1", "-m", "4", "--folder", "run"]
    assert main(greedy) == 0
    assert main([*greedy, "-m", "5"]) == 1
    assert "made with a different max_new_tokens: choose another --folder, or start again with --fresh" in (
        capsys.readouterr().err
    )
    settings = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(settings | {"answer to a fixed prompt": "of others"}))
    assert main(greedy) == 1
    assert main([*greedy, "--fresh"]) == 0
    assert json.loads(Path("run/run.json").read_text()) == settings


def test_a_fill_is_scored_in_its_place(sandbox, capsys):
    del sandbox
    arguments = ["eval", "infill", "--split", "random-span", "--limit", "3", "-m", "8", "--execute"]
    assert main([*arguments, "--folder", "run"]) == 0
    assert "pass@1 " in capsys.readouterr().out
    assert len(rows("run/results.jsonl")) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "5"], "give a temperature"),
        (["-n", "0"], "--samples must be at least 1"),
        (["--limit", "0"], "--limit must be at least 1"),
        (["--proof"], "add --execute"),
        (["-t", "-1"], "temperature must be 0"),
        (["--model", "no-such-model"], "no-such-model"),
    ],
)
def test_a_mistake_costs_one_line(arguments, said, capsys):
    assert main(["eval", "humaneval", *arguments]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("cg2magic-eval").exists()


def test_without_a_sandbox_one_line_names_both_ways_on(monkeypatch, capsys):
    monkeypatch.setattr("cg2magic.evaluation.command.missing", lambda: "nothing is run, because")
    assert main(["eval", "humaneval", "--proof", "--execute"]) == 1
    assert capsys.readouterr().err == (
        "cg2magic: nothing is run, because; or add --unconfined (limits only: they can read your files)\n"
    )
    assert main(["eval", "humaneval", "--proof", "--execute", "--unconfined", "--limit", "1"]) == 0
    assert capsys.readouterr().err.startswith("Running without a sandbox")
