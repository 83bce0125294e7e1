"""``python -m cg2magic``: the same suggestions without a notebook."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cg2magic.__main__ import main


@pytest.fixture(autouse=True)
def _own_manager():
    from cg2magic.manager import manager

    yield
    manager().close()
    manager.cache_clear()


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert "codegen2-1B" in printed
    assert "This machine: cpu" in printed


def test_a_file_is_completed_and_the_whole_code_printed(capsys):
    Path("cell.py").write_text("def hello_world():\n")
    assert main(["complete", "cell.py", "-m", "8"]) == 0
    assert capsys.readouterr().out.startswith("def hello_world():")


def test_holes_of_standard_input_are_filled(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("def hello_world():\n    |\n    return name\n"))
    assert main(["infill", "-m", "8", "-n", "2", "-t", "0.5", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("    return name") >= 2
    assert "# candidate 2 of 2" in printed


@pytest.mark.parametrize("arguments", [["complete", "no-such-file.py"], ["complete", "empty.py"]])
def test_what_cannot_be_done_is_said_in_one_line(arguments, capsys):
    Path("empty.py").write_text("\n")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("cg2magic: ")
    assert error.count("\n") == 1
