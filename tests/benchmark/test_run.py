"""A whole run on a tiny model, and what is made of its results."""

from __future__ import annotations

import json

import pytest

from benchmarks.speed import report, run
from benchmarks.speed.__main__ import main
from benchmarks.speed.results import Results
from benchmarks.speed.rows import meanings
from benchmarks.speed.shapes import WORKLOADS
from benchmarks.speed.worker import Worker, WorkerError
from tests.needs import need_package


class Fragile:
    """What a worker may hold."""

    def double(self, number):
        return 2 * number

    def fail(self):
        raise ValueError("two\nlines")

    def crash(self):
        import os

        os._exit(7)


@pytest.fixture
def worker(tmp_path):
    worker = Worker(Fragile, tmp_path / "log")
    yield worker
    worker.close()


def test_a_worker_answers_and_outlives_an_error(worker):
    with pytest.raises(WorkerError, match="two lines"):
        worker.ask("fail")
    assert worker.ask("double", 21) == 42


def test_an_engine_that_crashes_is_an_error_of_one_line(worker):
    with pytest.raises(WorkerError, match="ended with status 7"):
        worker.ask("crash")


def make_results():
    results = Results.empty(
        meanings(WORKLOADS["1B"]),
        when="2026-01-02 03:04 UTC",
        machine={"description": "a machine", "cpu": "a CPU", "cores": 2, "versions": {"torch": "2"}},
        model={"name": "1B", "layers": 16, "width": 2048, "vocabulary": 51200},
        rounds=3,
        peers={"ours": "cg2magic, int8", "card": "the model card's way, float32"},
        missing={"llama.cpp": "xllamacpp not installed"},
    )
    for mine, its in ((24.0, 4.0), (30.0, 3.0), (20.0, 5.0)):
        results.add("generation_1", "ours", mine)
        results.add("generation_1", "card", its)
    for mine, its in ((4.0, 8.0), (2.0, 20.0), (3.0, 9.0)):
        results.add("request", "ours", mine)
        results.add("request", "card", its)
    return results


def test_ratios_are_taken_round_by_round_and_the_better_way_is_above_one():
    rows = make_results().rows
    rate = rows["generation_1"].ratio("ours", "card")
    assert (rate.median, rate.least, rate.most) == (6.0, 4.0, 10.0)
    seconds = rows["request"].ratio("ours", "card")
    assert (seconds.median, seconds.least, seconds.most) == (3.0, 2.0, 10.0)


def test_a_bar_is_met_missed_or_not_measured():
    bars = {bar.what: bar.is_met for bar in make_results().bars()}
    assert bars["generation, 1 sequence, against the model card's way"] is True
    assert bars["typical request, against the model card's way"] is False
    assert bars["int8 on mini: top-1 agreement"] is None


def test_the_report_names_the_machine_the_date_and_what_is_missing():
    text = report.markdown(make_results())
    for part in ("a machine", "2026-01-02", "24.0 (20.0 to 30.0)", "xllamacpp not installed", "**no**"):
        assert part in text


def test_results_come_back_from_json(tmp_path):
    results = make_results()
    report.write_json(results, tmp_path / "results.json")
    assert report.read_json(tmp_path / "results.json") == results


def test_the_chart_is_a_picture(tmp_path):
    need_package("matplotlib", "bench")
    report.draw_chart(make_results(), tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_a_quick_run_measures_every_row_of_ours_and_of_the_cards_way(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "_PAUSE", 0)  # between two measurements, for figures that are not looked at here
    file = tmp_path / "results.json"
    arguments = ["--peers", "ours,card", "--rounds", "1", "--precision", "fp32"]
    status = main(["--quick", "--folder", str(tmp_path), "--json", str(file), *arguments])
    told = capsys.readouterr()
    assert status == 0, told.err
    rows = json.loads(file.read_text())["rows"]
    for key in ("prompt_64", "generation_1", "generation_2", "request", "next_request", "load_again"):
        assert len(rows[key]["values"]["ours"]) == len(rows[key]["values"]["card"]) == 1, key
    assert "ours" in rows["drafts_repeating"]["values"]
    assert "the model card's way, float32" in told.out
    assert "round 1 of 1" in told.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["--peers", "nobody"], "choose from ours"), (["--rounds", "0"], "at least 1")],
)
def test_a_mistake_is_one_line(arguments, hint, capsys):
    assert main(["--quick", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("benchmarks.speed: ")
    assert hint in error
    assert error.count("\n") == 1
