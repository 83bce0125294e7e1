"""The benchmark of real files: every engine does every task, and ours is compared with each."""

from __future__ import annotations

import pytest

from benchmarks.speed.__main__ import main
from benchmarks.speed.gguf import measure
from cg2magic.models.export import export
from tests.needs import need_llama_cpp


def test_a_file_is_measured_in_every_engine(tmp_path):
    need_llama_cpp()
    pytest.importorskip("xllamacpp")
    export("mini", tmp_path / "out", gguf=True, outtype="q8_0")
    steps = []
    table = measure(tmp_path / "out" / "model.gguf", 1, steps.append)
    head, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    assert [name in head for name in ("cg2magic", "alone, greedy", "xllamacpp")] == [True] * 3
    assert [row.split(",")[0].strip("| ") for row in rows] == [
        "prompt",
        "generation",
        "generation",
        "the next request",
        "load again",
    ]
    assert all(row.count("(") == 2 for row in rows)
    assert len(steps) == 6


def test_what_draws_the_chart_of_random_weights_is_not_for_files(tmp_path, capsys):
    assert main(["--gguf", "x.gguf", "--chart", str(tmp_path / "c.png")]) == 1
    assert "leave them out with --gguf" in capsys.readouterr().err
