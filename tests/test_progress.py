"""The bar of a load: one for all its stages, which may be switched off, as any of tqdm's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cg2magic
from cg2magic.models.loading import load_model
from cg2magic.progress import LoadCancelled, Progress, Watch
from tests.engines.other_models import write

DRAW = """
from cg2magic.progress import progress_bar
from cg2magic.progress import Progress

with progress_bar() as show:
    for what in ("reading", "packing"):
        for done in (1, 2, 4):
            show(Progress(done, 4, "B", what))
print("done")
"""


def test_switched_off_nothing_is_drawn_and_nothing_fails():
    # tqdm reads this when it is imported.
    environment = os.environ | {"TQDM_DISABLE": "1", "PYTHONPATH": str(Path(cg2magic.__file__).parents[1])}
    ran = subprocess.run(
        [sys.executable, "-c", DRAW], env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.stderr) == ("done\n", "")


def test_the_stages_of_a_load_go_on_in_one_bar_and_one_that_is_left_out_takes_no_room():
    told: list[float] = []
    whole = Watch(lambda progress: told.append(round(progress.fraction, 3)))
    download = whole.upto(0.7)
    for done in (0, 5, 10):
        download.report(done, 10, "downloading")
    reading = whole.upto(0.9)
    for done in (0, 1, 2):
        reading.report(done, 2, "reading")
    whole.upto(1.0).report(1, 1, "packing")
    assert told == [0, 0.35, 0.7, 0.7, 0.8, 0.9, 1.0]

    told.clear()
    whole = Watch(lambda progress: told.append(progress.fraction))
    whole.upto(0.7)  # nothing had to be downloaded
    whole.upto(1.0).report(1, 2, "reading")
    assert told == [0.5]


def test_a_stage_may_have_stages_of_its_own():
    told: list[float] = []
    outer = Watch(lambda progress: told.append(round(progress.fraction, 3)))
    made = outer.upto(0.8)
    made.upto(0.5).report(1, 1, "downloading")
    made.upto(1.0).report(1, 2, "converting")
    inner = Watch(made.send)  # of a function that knows nothing of the bar
    inner.upto(1.0).report(1, 1, "writing")
    outer.upto(1.0).report(1, 1, "reading")
    assert told == [0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress(3_000_000, 28_000_000, "B", "m"), "3 of 28 MB"),
        (Progress(2, 3, "texts", "m"), "2 of 3 texts"),
        (Progress(0, 0, "B", "m"), "0 of 0 bytes"),
    ],
)
def test_amounts_are_said_in_the_unit_that_fits_the_total(progress, said):
    assert progress.amounts == said
    assert 0 <= progress.fraction <= 1


def test_a_load_of_a_model_runs_once_through_the_bar(tmp_path):
    told: list[float] = []
    folder = write("llama", tmp_path)
    for precision in ("fp32", "bf16"):
        told.clear()
        load_model(str(folder), precision=precision, progress=lambda p: told.append(p.fraction))
        assert told == sorted(told)
        assert (told[0], told[-1]) == (0, 1)
        assert len(told) > 5
    told.clear()
    load_model("mini", precision="int8", progress=lambda p: told.append(p.fraction))
    assert told == sorted(told)
    assert told[-1] == 1


def test_a_load_that_is_cancelled_while_transformers_reads_ends(tmp_path):
    seen: list[Progress] = []
    folder = write("llama", tmp_path)
    with pytest.raises(LoadCancelled):
        load_model(str(folder), progress=seen.append, cancelled=lambda: len(seen) > 3)
    assert seen[-1].fraction < 1
