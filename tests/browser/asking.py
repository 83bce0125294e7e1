"""What the tests of the panel share: what they ask for, and how they read a card."""

from __future__ import annotations

import re

# What most tests ask for: three lines in a hole, held after some tokens.
MEAN = ("def mean(values):\n    ", "\n    return total / len(values)")
FILL = "total = 0\n    for value in values:\n        total += value"
WHOLE = MEAN[0] + FILL + MEAN[1]


def ask(*parts, fills, **options):
    """Source of a cell that shows a panel."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    return f"import slow_job\nslow_job.panel({', '.join(map(repr, parts))}, fills={fills!r}{given})"


def button(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def wrote(panel, tokens):
    """Wait until so many tokens are written; it is not the speed that is looked at."""
    panel.get_by_text(re.compile(rf"^{tokens} tokens? ·")).wait_for()


def cursor_in_new_cell(notebook):
    """Wait until the inserted cell has the cursor."""
    in_cell = "() => document.activeElement.closest('.jp-CodeCell')?.innerText.includes('return total')"
    notebook.page.wait_for_function(in_cell)
