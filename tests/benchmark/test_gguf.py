"""The benchmark of real files: every engine does every task, and ours is compared with each."""

from __future__ import annotations

import pytest

from benchmarks.speed import gguf, report
from benchmarks.speed.__main__ import main
from benchmarks.speed.gguf import bars, markdown, measure
from benchmarks.speed.gguf_peers import Int8, PlainInt8
from benchmarks.speed.peers import Clock, Place
from benchmarks.speed.shapes import SHAPES
from cg2magic.models.export import export
from tests.needs import need_llama_cpp


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """`mini` as a folder of transformers, with a GGUF in it."""
    need_llama_cpp()
    folder = tmp_path_factory.mktemp("exported") / "out"
    export("mini", folder, gguf=True, outtype="q8_0")
    return folder


def test_a_file_is_measured_in_every_engine(exported, tmp_path, monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.chdir(tmp_path)  # for the logs
    monkeypatch.setattr(gguf, "_PAUSE", 0)
    steps = []
    results = measure(exported / "model.gguf", 1, steps.append)
    assert not results.missing
    assert list(results.peers) == ["ours", "alone", "server"]
    assert len(steps) == 6
    # Of a checkpoint, nothing was asked.
    assert [bar.what for bar in bars(results) if bar.is_met is None] == [
        "generation, against int8 on transformers' forward pass",
        "int8 on torch, against transformers' forward pass",
    ]
    text = markdown(results)
    rows = [line.split("|")[1].split(",")[0].strip() for line in text.splitlines() if line.startswith("|")]
    for row in ("prompt", "generation", "load again", "the next request", "4 candidates against 1"):
        assert row in rows
    report.draw_chart(results, tmp_path / "chart.svg")
    assert "generation" in (tmp_path / "chart.svg").read_text("utf-8")


@pytest.mark.parametrize("peer", [Int8, PlainInt8])
def test_a_checkpoint_is_measured_in_int8(exported, peer):
    run = peer(exported, Place(exported, SHAPES["tiny"], 1))
    run.load()
    assert run.engine.loaded.precision == "int8"
    clock = Clock(1)
    run.generate((300, 301, 302), 4, 1, clock)
    assert clock.tokens == 4


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
