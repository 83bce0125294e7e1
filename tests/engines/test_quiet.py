"""What libraries have to tell developers is not shown in a person's cell."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

from transformers.utils import logging as transformers_logging

from cg2magic.engines.local.quiet import quiet
from tests.engines import other_models

# More tokens than any tokenizer here says that its model takes.
CELLS = r"""
import sys, warnings
warnings.simplefilter("default")
from IPython.terminal.interactiveshell import TerminalInteractiveShell

shell = TerminalInteractiveShell.instance(simple_prompt=True)
shell.run_line_magic("load_ext", "cg2magic")
long = "x = 1\n" + "\n".join(f"value_{i} = function_{i}(x, {i}) + 'text'" for i in range(90))
shell.user_ns["long"] = long
for model in sys.argv[1:]:
    cells = [
        f"import cg2magic\ncg2magic.load({model!r})",
        "_a = cg2magic.complete(long, max_new_tokens=3)",
        "_a = cg2magic.complete(long, max_new_tokens=3, n=2, temperature=0.5)",
        "_a = cg2magic.score(long)",
        "_a = cg2magic.embed([long, 'x = 1'])",
        f"%%complete --wait -m 4\n{long}",
        f"%%score\n{long}",
    ]
    if model.endswith("window"):
        cells.append("_a = cg2magic.infill(long, long[:500], max_new_tokens=3)")
    for cell in (*cells, "%cg2 unload"):
        assert shell.run_cell(cell, store_history=True).success, (model, cell)
"""


def test_a_long_cell_shows_no_warnings_whatever_the_model(tmp_path):
    models = ["mini", *(str(other_models.write(name, tmp_path)) for name in ("llama", "window", "recurrent"))]
    ran = subprocess.run(
        [sys.executable, "-c", CELLS, *models], check=False, capture_output=True, text=True, timeout=600
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    lines = ran.stderr.replace("\r", "\n").splitlines()
    # Bars are what we show ourselves.
    assert [line for line in lines if line.strip() and "%|" not in line] == []


def test_only_the_thread_that_computes_is_quiet():
    logger = transformers_logging.get_logger("transformers.models.a_test")
    heard: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    root = logging.getLogger("transformers")
    handler = Handler()
    root.addHandler(handler)
    try:
        with quiet():
            logger.warning("ours")
            logger.error("an error")
            person = threading.Thread(target=logger.warning, args=("the person's",))
            person.start()
            person.join()
        logger.warning("afterwards")
    finally:
        root.removeHandler(handler)
    assert heard == ["an error", "the person's", "afterwards"]
