"""Candidates that are run with a check, in the page: asked for once, ranked, and marked."""

from __future__ import annotations

import re

import pytest

from cg2magic.sandbox.sandbox import missing
from tests.browser.asking import ask, button
from tests.conftest import IN_CI

pytestmark = [pytest.mark.browser, pytest.mark.needs("bubblewrap")]

ADD = ("def add(a, b):\n    ", "")
FILLS = [["return a - b"], ["return a + b"], ["return (a"]]
CHECK = "assert add(2, 3) == 5"


@pytest.fixture
def nothing_allowed(notebook):
    """The kernel is shared, and what one test allows is not allowed in the next."""
    notebook.add_and_run("import slow_job\nslow_job.checks.allowed = 'nothing'")


def test_nothing_is_run_before_the_person_says_so_and_then_what_passes_comes_first(notebook, nothing_allowed):
    del nothing_allowed
    panel = notebook.panel(notebook.add_and_run(ask(*ADD, fills=FILLS, check=CHECK)))
    panel.get_by_text("not checked: nothing is run until you allow it").wait_for()
    tabs = panel.get_by_role("tab")
    assert tabs.all_inner_texts() == ["1", "2", "3"]

    button(panel, "Run the check").click()
    panel.get_by_role("status").get_by_text("passes the check").wait_for()
    assert tabs.all_inner_texts() == ["1 ✓", "2 ✗", "3 ✗"]
    assert panel.locator("pre").first.inner_text().rstrip("\n") == ADD[0] + "return a + b"
    assert button(panel, "Run the check").is_hidden()

    # Not colour alone: the tab's name says it, and the reason is a click or a key away.
    panel.get_by_role("tab", name="Candidate 1, passes the check").focus()
    notebook.page.keyboard.press("ArrowRight")
    status = panel.locator(".cg2-status")
    assert "✗ AssertionError: assert add(2, 3) == 5" in status.inner_text()
    panel.get_by_role("tab", name="Candidate 3, fails the check").click()
    assert "SyntaxError: '(' was never closed" in status.get_attribute("title")

    # Once agreed, the kernel does not ask again; what is inserted by itself is what passes.
    cell = notebook.add_and_run(ask(*ADD, fills=FILLS, check=CHECK, insert="below"))
    notebook.panel(cell).get_by_text("Inserted below").wait_for()
    assert notebook.sources()[-1] == ADD[0] + "return a + b"


def test_what_fails_its_check_is_not_inserted_by_itself(notebook, nothing_allowed):
    del nothing_allowed
    cell = notebook.add_and_run(ask(*ADD, fills=[["return a - b"]], check=CHECK, insert="below"))
    panel = notebook.panel(cell)
    button(panel, "Run the check").click()
    panel.get_by_role("status").get_by_text("AssertionError").wait_for()
    assert notebook.index(cell) == len(notebook.cells()) - 1
    assert button(panel, "Insert below").is_enabled()


def test_a_check_that_never_ends_is_stopped_by_stop(notebook, nothing_allowed):
    del nothing_allowed
    loop = "import time\ntime.sleep(600)"
    # The one that fails is first, so that it has its turn however few run at once.
    panel = notebook.panel(notebook.add_and_run(ask(*ADD, fills=FILLS[::-1], check=loop)))
    button(panel, "Run the check").click()
    panel.get_by_text(re.compile("^checking · 1 of 3")).wait_for()
    button(panel, "Stop").click()
    panel.get_by_text(re.compile("^stopped · ")).first.wait_for()
    assert panel.get_by_role("tab").all_inner_texts() == ["1", "2", "3 ✗"]


def test_what_the_button_allowed_can_be_withdrawn_in_a_cell(notebook):
    """The real magics: the button and `%cg2 allow` set the same thing."""
    if missing() and not IN_CI:
        pytest.skip(missing())
    notebook.add_and_run("%load_ext cg2magic")
    cell = "%%complete -m 1 --check pass\nx = 1"
    panel = notebook.panel(notebook.add_and_run(cell))
    button(panel, "Run the check").click(timeout=60_000)
    panel.get_by_role("status").get_by_text("passes the check").wait_for()
    asked = notebook.add_and_run("%config CG2.allow_execution\n%cg2 allow nothing")
    notebook.output(asked).get_by_text("--check runs nothing any more").wait_for()
    panel = notebook.panel(notebook.add_and_run(cell))
    panel.get_by_text("not checked: nothing is run until you allow it").wait_for()
    assert button(panel, "Run the check").is_visible()
