"""`%cg2 load` of a file: what a person sees, and that what goes wrong leaves the resident model."""

from __future__ import annotations

from pathlib import Path

import pytest

import cg2magic
from cg2magic.models.export import export
from cg2magic.service.manager import manager
from tests.needs import need_llama_cpp


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    need_llama_cpp()
    folder = tmp_path_factory.mktemp("gguf")
    export("mini", folder / "out", gguf=True, outtype="q8_0")
    return (folder / "out" / "model.gguf").rename(folder / "mini-Q8_0.gguf")


@pytest.fixture
def cg2(shell):
    shell.run_cell("%load_ext cg2magic")
    return shell


def said(shell, capsys, cell: str) -> str:
    capsys.readouterr()
    shell.run_cell(cell)
    out = capsys.readouterr()
    return (out.out + out.err).strip()


def test_a_file_is_loaded_by_its_path_and_writes(cg2, capsys, file):
    line = said(cg2, capsys, f"%cg2 load {file}")
    assert line.startswith(
        "mini-Q8_0: 8.9 M parameters, Q8_0 on cpu, 9.6 MB, context 1,024 tokens, loaded in"
    )
    assert line.splitlines()[0] in said(cg2, capsys, "%cg2 status")
    cg2.run_cell("%%infill -m 8 -n 2 -t 0.5 --seed 1 -o ideas\ndef hello_world():\n    |\n    return name\n")
    assert len(cg2.user_ns["ideas"]) == 2
    cg2.run_cell("%%score -o score\ndef mean(values):\n    return sum(values) / len(values)\n")
    assert cg2.user_ns["score"].perplexity < 200
    assert cg2magic.embed(["x = 1"]).shape[0] == 1
    assert said(cg2, capsys, "%cg2 unload").startswith("mini-Q8_0 unloaded")


def test_what_cant_be_loaded_is_one_line_and_the_resident_model_stays(cg2, capsys, file, tmp_path):
    cg2.run_cell(f"%cg2 load {file}")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:-1000])
    for name, why in (
        (cut, "cut off"),
        (tmp_path / "gone.gguf", "there is no file"),
        ("ollama:nothing", "Ollama has no model nothing"),
        (f"{file} --precision int8", "leave out --precision"),
        (f"{file} --device cuda", "use device='gpu' or 'cpu'"),
    ):
        line = said(cg2, capsys, f"%cg2 load {name}")
        assert why in line
        assert "\n" not in line
        assert manager().status().model.name == "mini-Q8_0"
    cg2.run_cell("%%complete -m 4 -o ideas\nimport numpy as np\nx = np.")
    assert cg2.user_ns["ideas"][0].tokens
