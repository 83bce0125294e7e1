"""Tab after `%cg2` completes its commands and the models on this disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants


def completions(shell, line: str) -> list[str]:
    """Return what Tab makes of a line, whole lines."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return [line[: c.start] + c.text for c in shell.Completer.completions(line, len(line))]


@pytest.fixture
def cg2(shell, tmp_path, monkeypatch):
    """A shell with the extension, and a disk with a model of Ollama's, one of the Hub's, and a file."""
    store = tmp_path / "ollama"
    monkeypatch.setenv("OLLAMA_MODELS", str(store))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for file in (
        store / "manifests/registry.ollama.ai/library/codegemma/2b",
        tmp_path / "cache/models--a--b-GGUF/snapshots/0123/b-Q4_K_M.gguf",
        Path("here.gguf").absolute(),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    shell.run_cell("%load_ext cg2magic")
    return shell


def test_the_commands_are_completed(cg2):
    assert completions(cg2, "%cg2 stat") == ["%cg2 status"]
    assert {"%cg2 load", "%cg2 unload", "%cg2 status"} <= set(completions(cg2, "%cg2 "))


def test_after_load_the_models_on_this_disk_are(cg2):
    assert completions(cg2, "%cg2 load mi") == ["%cg2 load mini"]
    assert "%cg2 load here.gguf" in completions(cg2, "%cg2 load he")
    assert "%cg2 load a/b-GGUF:Q4_K_M" in completions(cg2, "%cg2 load a/b")
    assert completions(cg2, "%cg2 load oll") == ["%cg2 load ollama:codegemma:2b"]


@pytest.mark.parametrize("begun", ["ollama:", "ollama:code", "ollama:codegemma:", "ollama:codegemma:2"])
def test_a_colon_in_a_name_is_no_obstacle(cg2, begun):
    assert "%cg2 load ollama:codegemma:2b" in completions(cg2, f"%cg2 load {begun}")


def test_nothing_of_it_stays_when_the_extension_goes(cg2):
    cg2.run_cell("%unload_ext cg2magic")
    assert "%cg2 status" not in completions(cg2, "%cg2 stat")
