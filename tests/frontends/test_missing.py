"""Where Python lacks what we need: one line that says what, and what to try."""

from __future__ import annotations

import sys

import pytest

import cg2magic
from cg2magic.service.manager import Manager


def test_python_in_a_browser_is_refused_when_the_extension_is_loaded(shell, monkeypatch, capsys):
    shell.run_line_magic("unload_ext", "cg2magic")
    monkeypatch.setattr(sys, "platform", "emscripten")
    shell.run_cell("%load_ext cg2magic")
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("UsageError: cg2magic needs threads and torch")
    assert "complete" not in shell.magics_manager.magics["cell"]


def test_without_torch_a_load_says_so_and_names_a_server(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    manager = Manager()
    with pytest.raises(cg2magic.LoadError, match=r"needs torch, .* %cg2 load http://HOST:8000/v1$"):
        manager.load("mini")
    manager.close()
