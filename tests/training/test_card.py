"""The card says what was measured, and a part of that is measured again here."""

from __future__ import annotations

import copy
import json

import pytest

from cg2magic.models.loading import load_model
from training import card, evaluate
from training.evaluate import sample
from training.export import MINI


@pytest.fixture(scope="module")
def figures():
    return json.loads((MINI / "figures.json").read_text())


def test_the_tables_of_the_card_are_the_figures_that_were_kept(figures):
    text = (MINI / "README.md").read_text()
    assert f"{card.MARKS[0]}\n{card.table(figures)}\n{card.MARKS[1]}" in text


def test_a_model_that_is_only_measured_again_keeps_how_it_was_trained(figures, tmp_path):
    for name in ("figures.json", "README.md", "SOURCES.md"):
        (tmp_path / name).write_bytes((MINI / name).read_bytes())
    measured = copy.deepcopy({key: figures[key] for key in figures if key not in ("training", "measured")})
    one = next(iter(measured["bits per byte"]))
    others = {"a baseline": dict.fromkeys(measured["bits per byte"], 4.5)}
    card.write(tmp_path, tmp_path / "no such work", measured, others)
    now = json.loads((tmp_path / "figures.json").read_text())
    assert now["training"] == figures["training"]
    assert now["bits per byte"][one]["a baseline"] == 4.5
    assert card.table(now) in (tmp_path / "README.md").read_text()
    assert (tmp_path / "SOURCES.md").read_bytes() == (MINI / "SOURCES.md").read_bytes()


def test_the_model_in_the_package_still_gives_the_figures_of_the_fixed_sample(figures):
    kept, now = figures["sample"], sample(load_model("mini", device="cpu", precision="fp32"))
    assert now["bits per byte"] == pytest.approx(kept["bits per byte"], abs=0.005)
    assert now["bits per byte, seen before"] == pytest.approx(kept["bits per byte, seen before"], abs=0.01)
    # Greedy text can differ where two tokens are equally likely on another processor: by one case at most.
    infill, completions = now["infill"], now["completions of notebook openings"]
    assert infill["exact"] == pytest.approx(kept["infill"]["exact"], abs=1 / infill["cases"])
    assert infill["similarity"] == pytest.approx(kept["infill"]["similarity"], abs=0.1)
    assert completions["parse"] == pytest.approx(
        kept["completions of notebook openings"]["parse"], abs=1 / completions["cases"]
    )


def test_a_card_is_not_written_without_the_held_out_files(tmp_path, capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["--card", "--work", str(tmp_path)])
    assert "a card needs the held-out files" in capsys.readouterr().err.splitlines()[-1]


def test_without_the_corpus_a_model_is_measured_on_all_else(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "fetch_all", lambda *_: [])  # the packages are on the net
    assert evaluate.Unseen.read([], tmp_path).files == []
