"""A tokenizer trained on a few lines: everything here runs offline and in seconds."""

from __future__ import annotations

import pytest

pytest.importorskip(
    "datasketch", reason="the training recipe has requirements of its own: training/requirements.txt"
)

TEXTS = [
    (
        "import numpy as np\nimport pandas as pd\n\n\ndef mean(values):\n    total = 0\n"
        "    for value in values:\n        total += value\n    return total / len(values)\n\n"
        "x = np.linspace(0, 10, 100)\nprint(mean(x))\n"
    ),
    "for number in range(10):\n\tif number % 2:\n\t\tprint(number, end=' ')\n",
] * 20


@pytest.fixture(scope="session")
def tokens():
    """A small tokenizer with all added and special tokens."""
    from training import tokenizer

    return tokenizer.train(TEXTS)
