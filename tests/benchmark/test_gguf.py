"""The benchmark of real files: every engine does every task, and ours is compared with each."""

from __future__ import annotations

import pytest

from benchmarks.speed import report
from benchmarks.speed.__main__ import main
from benchmarks.speed.gguf import bars, markdown, measure
from cg2magic.models.export import export
from tests.needs import need_llama_cpp


def test_a_file_is_measured_in_every_engine(tmp_path, monkeypatch):
    need_llama_cpp()
    pytest.importorskip("xllamacpp")
    monkeypatch.chdir(tmp_path)  # for the logs
    export("mini", tmp_path / "out", gguf=True, outtype="q8_0")
    steps = []
    results = measure(tmp_path / "out" / "model.gguf", 1, steps.append, tmp_path / "out")
    assert not results.missing
    assert list(results.peers) == ["ours", "alone", "server", "int8", "plain"]
    assert len(steps) == 10
    assert all(bar.is_met is not None for bar in bars(results))
    text = markdown(results)
    rows = [line.split("|")[1].split(",")[0].strip() for line in text.splitlines() if line.startswith("|")]
    for row in ("prompt", "generation", "load again", "the next request", "4 candidates against 1"):
        assert row in rows
    report.draw_chart(results, tmp_path / "chart.svg")
    assert "generation" in (tmp_path / "chart.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--json", "x.json"], "leave it out with --gguf"),
        (["--gguf", "y.gguf", "--chart", "c.png"], "give --gguf once"),
    ],
)
def test_what_is_not_for_files_is_refused(capsys, more, said):
    assert main(["--gguf", "x.gguf", *more]) == 1
    assert said in capsys.readouterr().err
