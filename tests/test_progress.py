"""The bar of a load may be switched off, as any of tqdm's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cg2magic

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
