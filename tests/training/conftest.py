"""A tokenizer trained on a few lines: everything here runs offline and in seconds."""

from __future__ import annotations

import importlib.util

import pytest

WANTED = "datasketch"

TEXTS = [
    (
        "import numpy as np\nimport pandas as pd\n\n\ndef mean(values):\n    total = 0\n"
        "    for value in values:\n        total += value\n    return total / len(values)\n\n"
        "x = np.linspace(0, 10, 100)\nprint(mean(x))\n"
    ),
    "for number in range(10):\n\tif number % 2:\n\t\tprint(number, end=' ')\n",
] * 20


@pytest.hookimpl(tryfirst=True)
def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Read none of these files where the recipe's own requirements are missing."""
    if not isinstance(collector, pytest.Module) or importlib.util.find_spec(WANTED):
        return None
    reason = f"no {WANTED}; `pip install -r training/requirements.txt` brings it"
    return pytest.CollectReport(collector.nodeid, "skipped", (str(collector.path), 1, reason), [])


@pytest.fixture(scope="session")
def tokens():
    """A small tokenizer with all added and special tokens."""
    from training import tokenizer

    return tokenizer.train(TEXTS)
