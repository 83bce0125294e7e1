"""A real kernel, and a page's part of the talk with it."""

from __future__ import annotations

import pytest

from tests.frontends.inline.page import kernel_and_page
from tests.needs import need_package

PLOT = """
import pathlib, time
import matplotlib.pyplot as plt
get_ipython().run_line_magic("matplotlib", "inline")
plt.plot([1, 2])
print("begun", flush=True)
while not pathlib.Path("free.gate").exists():
    time.sleep(0.02)
print(len(plt.get_fignums()))
"""


@pytest.fixture(scope="module")
def page():
    with kernel_and_page() as page:
        yield page


def test_before_the_extension_is_loaded_there_is_nothing_to_find(page):
    assert page.connect() is None
    page.run("%load_ext cg2magic")
    assert page.connect()


def test_off_means_that_no_question_is_answered_and_no_model_loaded(page):
    page.run("%load_ext cg2magic")
    page.connect()
    page.send(do="hello")
    assert page.until(lambda told: "state" in told)["state"] == "off"
    page.ask("1", "import numpy as")
    page.send(do="hello")
    page.until(lambda told: "state" in told)
    assert page.run("import sys; print('torch' in sys.modules)") == "False"


def test_switched_on_it_loads_the_model_and_then_answers(page):
    page.run("%load_ext cg2magic\n%config CG2.inline = True\n%config CG2.inline_floor = 0.0")
    page.connect()
    page.send(do="hello")
    page.until(lambda told: told.get("state") == "ready")
    page.ask("2", "import numpy as")
    answer = page.until(lambda told: told.get("id") == "2" and told["done"])
    assert answer["texts"][0].strip()
    assert page.run("%cg2 history") == "no suggestions yet"


def test_while_a_cell_runs_questions_are_answered_and_its_figures_stay_open(page, tmp_path):
    if "kernel subshells" not in page.request("kernel_info_request", {}).get("supported_features", ()):
        pytest.skip("no subshells in this ipykernel; `pip install -U ipykernel` brings them")
    need_package("matplotlib", "bench")
    page.subshell = page.request("create_subshell_request", {}, "control")["subshell_id"]
    page.run(f"import os; os.chdir({str(tmp_path)!r})")
    page.client.execute(PLOT)
    while "begun" not in "".join(page.printed):
        page._hear(page.client.iopub_channel.get_msg(timeout=60))
    page.printed = []
    page.ask("3", "import numpy as")
    assert page.until(lambda told: told.get("id") == "3" and told["done"])["texts"][0].strip()
    # At the end of the question's message the kernel says that it is idle; but the cell still runs.
    page.until_handled()
    page.until_status("busy")
    (tmp_path / "free.gate").touch()
    while not page.printed:
        page._hear(page.client.iopub_channel.get_msg(timeout=60))
    assert "".join(page.printed).strip() == "1"


NOTEBOOK = {
    "cells": [
        {"id": "a", "cell_type": "code", "source": "above = 1"},
        {"id": "b", "cell_type": "code", "source": ""},
        {"id": "c", "cell_type": "code", "source": "below = 1"},
    ],
    "active": 1,
    "metadata": {},
}
WAITS = "%%infill -m 2 --wait\nprint(|)"
NOTES = "from cg2magic.service.manager import manager; print(*manager().history[-1].job.snapshot().notes)"


def wait_for_pages(page, seconds):
    """Let the kernel wait so long for a page's answer."""
    page.run(f"from cg2magic.frontends.pages import Page\nPage.__init__.__defaults__ = ({seconds},)")


@pytest.fixture
def waiting(page):
    """A page without a subshell, in a kernel in which something was executed; it is still to say hello."""
    page.subshell = None
    page.run("%load_ext cg2magic")
    wait_for_pages(page, 60.0)
    page.run("%config CG2.inline = False\nexecuted = 1")
    page.connect()
    page.told.clear()
    return page


def test_a_page_that_said_no_hello_is_not_asked_by_a_cell_that_waits(waiting):
    waiting.start(WAITS, "b")
    assert "executed = 1" in waiting.run("%cg2 prompt")
    # A page that answers only between the cells is as if it were none, and so is another one.
    for hello in ({"session": None}, {"session": "another"}):
        waiting.send(do="hello", **hello)
        waiting.start(WAITS, "b")
        assert "executed = 1" in waiting.run("%cg2 prompt")
    assert waiting.run(NOTES) == "executed cells only"
    assert not [told for told in waiting.told if "document" in told]


@pytest.fixture
def beside(waiting):
    """The same with a subshell, and it has said so."""
    if "kernel subshells" not in waiting.request("kernel_info_request", {}).get("supported_features", ()):
        pytest.skip("no subshells in this ipykernel; `pip install -U ipykernel` brings them")
    waiting.subshell = waiting.request("create_subshell_request", {}, "control")["subshell_id"]
    waiting.send(do="hello", session=waiting.session.session)
    waiting.until(lambda told: told.get("state") == "off")
    yield waiting
    waiting.request("delete_subshell_request", {"subshell_id": waiting.subshell}, "control")
    waiting.subshell = None


def test_a_cell_that_waits_sees_what_its_page_tells_above_and_below(beside):
    beside.start(WAITS, "b")
    asked = beside.until(lambda told: "document" in told)
    assert (asked["session"], asked["cell"]) == (beside.session.session, "b")
    beside.send(do="document", id="of another question", document=None)
    beside.send(do="document", id=asked["document"], document=NOTEBOOK)
    prompt = beside.run("%cg2 prompt")
    assert "above = 1" in prompt
    assert "below = 1" in prompt
    assert "executed = 1" not in prompt
    assert beside.run(NOTES) == ""


@pytest.mark.parametrize("answers", [True, False])
def test_where_the_cell_is_gone_or_the_page_is_silent_what_was_executed_is_seen(beside, answers):
    if not answers:
        wait_for_pages(beside, 0.2)
    beside.start(WAITS, "b")
    asked = beside.until(lambda told: "document" in told)
    if answers:
        beside.send(do="document", id=asked["document"], document=None)
    assert "executed = 1" in beside.run("%cg2 prompt")
    assert beside.run(NOTES) == "executed cells only"
    # An answer that comes too late changes nothing, and nothing of it is left for the next cell.
    beside.send(do="document", id=asked["document"], document=NOTEBOOK)
    wait_for_pages(beside, 60.0)
    beside.start(WAITS + "  # again", "b")
    again = beside.until(lambda told: "document" in told)
    assert again["document"] != asked["document"]
    beside.send(do="document", id=again["document"], document=None)
    assert "above = 1" not in beside.run("%cg2 prompt")


HOLE = "%%infill -m 2 --wait --context none"
PARTS = "from cg2magic.service.manager import manager; print(manager().history[-1].job.request.parts)"


def test_a_cell_without_a_mark_is_filled_in_where_its_page_has_the_cursor(beside):
    beside.start(f"{HOLE}\nf(1)\nx = 2", "b")
    asked = beside.until(lambda told: "document" in told)
    beside.send(do="document", id=asked["document"], document=None, before=f"{HOLE}\nf(")
    assert beside.run(PARTS) == "('f(', '1)\\nx = 2')"


def test_a_command_of_the_page_says_by_itself_where_it_is(waiting):
    waiting.start(f"{HOLE}\nf()", "b", cg2magic={"asked": "f()", "before": f"{HOLE}\nf("})
    assert waiting.run(PARTS) == "('f(', ')')"
    waiting.start(f"{HOLE}\ng(|)", "b", cg2magic={"asked": "g(|)", "before": f"{HOLE}\ng"})
    assert waiting.run(PARTS) == "('g(', ')')"


@pytest.mark.parametrize("before", ["", "%%infill", HOLE + "\n", HOLE + "\nchanged ("])
def test_a_cursor_that_is_not_in_the_code_is_none(waiting, before):
    requests = "from cg2magic.service.manager import manager; print(len(manager().history))"
    count = waiting.run(requests)
    waiting.start(f"{HOLE}\nf()", "b", cg2magic={"before": before})
    assert waiting.run(requests) == count


def test_unloading_takes_the_comm_away(page):
    page.subshell = None
    page.run("%unload_ext cg2magic")
    assert page.connect() is None
