"""What ``--check CODE`` may be: each right form is run, and what would check nothing is refused."""

from __future__ import annotations

import pytest

from cg2magic.sandbox.sandbox import Sandbox
from cg2magic.service.manager import manager

#: What a person may have in their notebook; run as cells, so that IPython knows the sources.
CELLS = (
    "def test_add():\n    assert add(2, 3) == 5\n",
    "async def test_later():\n    import asyncio\n    await asyncio.sleep(0)\n    assert add(2, 3) == 5\n",
    "def says():\n    return add(2, 3) == 5\n",
    "def close(a, b):\n    assert abs(a - b) < 1e-9\n",
    "def test_default(x=2):\n    assert add(x, 3) == 5\n",
    "if True:\n    def test_indented():\n        assert add(2, 3) == 5\n",
    "def recursive(n=1):\n    assert add(2, 3) == 5\n    n and recursive(n - 1)\n",
    "other_name = test_add",
    "tests = '''def test_a():\n    assert add(2, 3) == 5\n\n\ndef helper():\n    return 1 / 0'''",
    "lines = ['total = add(2, 3)', 'assert total == 5']",
    "dropped = lambda: add(2, 3) == 5",
    "def forgot():\n    add(2, 3) == 5\n",
    "def generate():\n    yield add(2, 3) == 5\n",
    "def outer():\n    y = 5\n    def inner():\n        assert y\n    return inner\ninner = outer()\n",
    "exec('def unknown_source():\\n    pass')",
    "class TestAdd:\n    def test_it(self):\n        assert add(2, 3) == 5\n",
    "number, blank, mixed = 3, '  ', ['x = 1', 2]",
    "magic = '%timeit add(2, 3)'",
)
RIGHT = "def add(a, b):\n    return a + b"
WRONG = "def add(a, b):\n    return a - b"


@pytest.fixture
def cg2(shell):
    shell.run_cell("%load_ext cg2magic")
    for cell in CELLS:
        assert shell.run_cell(cell).success
    return shell


def program(cg2, options):
    """The check of the request that a cell with these options makes."""
    assert cg2.run_cell(f"%%complete -m 1 {options} -o ideas\ndef add(a, b):").success
    return manager().history[-1].job.request.check


@pytest.mark.parametrize(
    "options",
    [
        "--check test_add",
        "--check 'test_add'",
        "--check test_later",
        "--check says",
        "--check test_default",
        "--check test_indented",
        "--check recursive",
        "--check other_name",
        "--check tests",
        "--check lines",
        "--check close --check 'close(add(0.5, 0.25), 0.75)'",
        "--check test_add --check 'assert True'",
        '--check "def test_it(): assert add(2, 3) == 5"',
        r'--check "async def f(): return add(2, 3)\nassert await f() == 5"',
        '--check "assert add(2, 3) == 5"',
        r'--check "import unittest\nunittest.TestCase().assertEqual(add(2, 3), 5)"',
    ],
)
def test_each_form_lets_the_right_one_pass_and_the_wrong_one_fail(cg2, options):
    check = program(cg2, options)
    place = Sandbox(confined=False)  # they are our own programs
    assert place.run(f"{RIGHT}\n\n{check}\n").passed
    assert place.run(f"{WRONG}\n\n{check}\n").status == "failed"


def test_that_it_runs_at_all_may_be_the_check(cg2):
    assert program(cg2, "--check pass") == "pass"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--check tset_add", "there is no variable or function tset_add; did you mean test_add?"),
        ("--check qqq", "there is no variable or function qqq; run the cell that defines it first"),
        ("--check qqq --check 'assert True'", "no variable or function qqq"),
        ("--check print", "print is built into Python"),
        ("--check number", "number is of type int"),
        ("--check TestAdd", "TestAdd is a class"),
        ("--check blank", "blank is empty"),
        ("--check mixed", "mixed is of type list"),
        ("--check dropped", "a lambda: write it with def"),
        ("--check generate", "a generator: calling it runs nothing"),
        ("--check forgot", "write assert before add(2, 3) == 5"),
        ("--check inner", "defined inside another function"),
        ("--check unknown_source", "unknown_source: its source is not known"),
        ("--check close", "close takes arguments"),
        ("--check close --check 'assert True'", "close takes arguments"),
        ("--check magic", "--check magic is not Python: invalid syntax; it can't contain magics or shell"),
        ("--check '!ls'", "it can't contain magics or shell lines"),
        ("--check 'assert ('", "--check is not Python"),
        ("--check 'asert add(2, 3)'", "--check is not Python"),
        ("--check ''", "--check is empty"),
        ("--check '  '", "--check is empty"),
        ("--check '# later'", "checks nothing"),
        ("--check 'add(2, 3) == 5'", "write assert before add(2, 3) == 5"),
        ("--check 'add(2, 3) == 5 and add(0, 0) == 0'", "write assert before"),
        ("--check 'not add(0, 0)'", "write assert before"),
        ("--check 'isinstance(add(1, 2), int)'", "write assert before"),
        ("--check 'all(add(n, 0) == n for n in range(3))'", "write assert before"),
        ("--check 'assert (add(2, 3) == 5, \"wrong\")'", "is always true"),
        ("--check tests.py", "checks nothing"),
        ("--check tests.py --check 'assert True'", "checks nothing"),
        ("--check 'import math'", "checks nothing"),
        ("--check 'def helper(): pass'", "checks nothing"),
        ("--check 'def test_it(x): pass'", "test_it takes arguments"),
    ],
)
def test_what_would_check_nothing_is_refused_before_anything_is_written(cg2, capsys, options, said):
    assert not cg2.run_cell(f"%%complete {options}\ndef add(a, b):").success
    error = capsys.readouterr().err.strip()
    assert error.startswith("UsageError: ")
    assert said in error
    assert "\n" not in error
    assert not manager().history


def test_a_function_of_a_cell_that_the_model_completed_is_a_check(cg2):
    cg2.run_cell("%%complete -m 1 -o ideas\ndef test_it():\n    assert add(2, 3) == 5\n")
    cg2.run_cell("def test_it():\n    assert add(2, 3) == 5\n")
    assert program(cg2, "--check test_it").endswith("test_it()")
