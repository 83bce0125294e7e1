"""A real kernel, and a page's part of the talk with it."""

from __future__ import annotations

import sys
import time

import pytest
from jupyter_client.manager import start_new_kernel

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


class Page:
    """What a page does: it finds the comm, listens, and sends on a subshell of its own."""

    def __init__(self, client) -> None:
        self.client = client
        self.session = client.session
        self.told = []
        self.printed = []
        self.comm = self.subshell = self.status = None

    def request(self, kind, content, channel="shell"):
        """Send a request, and give the content of its reply."""
        message = self.session.msg(kind, content)
        sender = getattr(self.client, f"{channel}_channel")
        sender.send(message)
        while True:
            reply = sender.get_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def run(self, code):
        """Run a cell to its end, and give what it printed."""
        reply = self.client.execute_interactive(code, timeout=120, output_hook=self._hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        printed, self.printed = "".join(self.printed), []
        return printed.strip()

    def start(self, code, cell):
        """Run a cell of this page's notebook, and don't wait for its end."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True}
        message = self.session.msg("execute_request", content | {"user_expressions": {}})
        self.client.shell_channel.send(message | {"metadata": {"cellId": cell}})

    def connect(self):
        """Find the kernel's comm; None where there is none."""
        found = self.request("comm_info_request", {"target_name": "cg2magic.inline"})["comms"]
        self.comm = next(iter(found), None)
        return self.comm

    def send(self, **data):
        """Send over the comm."""
        message = self.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)

    def ask(self, name, prefix, **more):
        """Ask for a suggestion."""
        self.send(do="ask", ask={"id": name, "prefix": prefix, "suffix": "", "document": {}, **more})

    def until(self, wanted):
        """Listen until something is told that `wanted` is true of, and give it."""
        deadline = time.monotonic() + 100
        while True:
            for told in self.told:
                if wanted(told):
                    self.told.clear()
                    return told
            self._hear(self.client.iopub_channel.get_msg(timeout=max(0.1, deadline - time.monotonic())))

    def _hear(self, message):
        if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == self.comm:
            self.told.append(message["content"]["data"])
        elif message["msg_type"] == "stream":
            self.printed.append(message["content"]["text"])
        elif message["msg_type"] == "status":
            self.status = message["content"]["execution_state"]


@pytest.fixture(scope="module")
def page():
    kernel, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        page = Page(client)
        assert page.run("import sys; print(sys.executable)") == sys.executable
        yield page
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


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
    # At the end of the question's message the kernel said that it is idle; but the cell still runs.
    assert page.status == "busy"
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
NOTES = "from cg2magic.manager import manager; print(*manager().history[-1].job.snapshot().notes)"


@pytest.fixture
def waiting(page):
    """A page without a subshell, in a kernel in which something was executed; it is still to say hello."""
    page.subshell = None
    page.run("%load_ext cg2magic")
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
    beside.start(WAITS, "b")
    asked = beside.until(lambda told: "document" in told)
    if answers:
        beside.send(do="document", id=asked["document"], document=None)
    assert "executed = 1" in beside.run("%cg2 prompt")
    assert beside.run(NOTES) == "executed cells only"
    # An answer that comes too late changes nothing, and nothing of it is left for the next cell.
    beside.send(do="document", id=asked["document"], document=NOTEBOOK)
    beside.start(WAITS + "  # again", "b")
    again = beside.until(lambda told: "document" in told)
    assert again["document"] != asked["document"]
    beside.send(do="document", id=again["document"], document=None)
    assert "above = 1" not in beside.run("%cg2 prompt")


def test_unloading_takes_the_comm_away(page):
    page.subshell = None
    page.run("%unload_ext cg2magic")
    assert page.connect() is None
