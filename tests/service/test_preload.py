"""`%config CG2.preload`: torch is there before it is asked for, and nothing waits for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SESSION = """
import sys, threading
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

config = Config()
config.HistoryManager.enabled = False
{config}
shell = InteractiveShell.instance(config=config)
shell.run_cell("%load_ext cg2magic")
{then}
threads = [t for t in threading.enumerate() if t.name == "cg2magic preload"]
for thread in threads:
    thread.join()
print(len(threads), "torch" in sys.modules, "cg2magic.models.codegen.checkpoint" in sys.modules)
"""


@pytest.mark.parametrize(
    ("config", "then", "expected"),
    [
        ("", "", "0 False False"),
        ("config.CG2.preload = True", "", "1 True True"),
        ("", 'shell.run_cell("%config CG2.preload = True")', "1 True True"),
    ],
    ids=["not by itself", "in a profile", "in a cell"],
)
def test_torch_is_imported_in_the_background_when_that_is_configured(config, then, expected):
    script = SESSION.format(config=config, then=then)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == expected
