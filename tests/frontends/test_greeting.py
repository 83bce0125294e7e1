"""The one line of `%load_ext cg2magic`: what is loaded or will be, and how to begin."""

from __future__ import annotations

import pytest
from IPython.core.shellapp import InteractiveShellApp
from traitlets.config import Config, Configurable

import cg2magic


def lines(shell, capsys, cell: str = "%load_ext cg2magic") -> list[str]:
    """Run a cell and return what it printed."""
    capsys.readouterr()
    assert shell.run_cell(cell).success
    return capsys.readouterr().out.splitlines()


def test_it_says_what_will_be_loaded_and_how_to_begin(shell, capsys):
    (line,) = lines(shell, capsys)
    assert "the first request loads mini (a demonstration; %cg2 load names" in line
    for way in ("%%complete", "%%infill", "%config CG2.inline = True", "%cg2 help"):
        assert way in line


def test_it_says_what_is_loaded(shell, capsys):
    cg2magic.load("mini")
    (line,) = lines(shell, capsys)
    assert line.startswith("cg2magic: mini is loaded")


@pytest.mark.parametrize(
    ("configured", "said"),
    [
        ({"model": "codegen2-1B"}, "cg2magic: the first request loads codegen2-1B. Begin"),
        ({"inline": True}, "ghost text is on and loads mini"),
    ],
)
def test_it_follows_the_profile(shell, capsys, configured, said):
    shell.config.CG2 = Config(configured)
    (line,) = lines(shell, capsys)
    assert said in line
    assert ("suggests while you type" in line) is ("inline" not in configured)


def test_a_reload_prints_nothing(shell, capsys):
    lines(shell, capsys)
    assert lines(shell, capsys, "%reload_ext cg2magic") == []
    assert shell.find_cell_magic("complete")


def test_a_kernel_whose_profile_loads_the_extension_starts_quietly(shell, capsys):
    class App(InteractiveShellApp, Configurable):
        pass

    app = App()
    app.extensions = ["cg2magic"]
    shell.parent = app
    assert lines(shell, capsys) == []


def test_a_loaded_model_shows_itself_in_one_line(shell, capsys):
    shown = lines(shell, capsys, "import cg2magic\ncg2magic.load('mini')")
    (line,) = [each for each in shown if each]
    assert "<mini: 8.9 M parameters, fp32 on cpu, 36 MB, context 1,024 tokens, loaded in " in line
