"""A real kernel: the cell returns at once, the kernel stays free, an interrupt ends what is written."""

from __future__ import annotations

import sys

import pytest
from jupyter_client.manager import start_new_kernel

from tests.endless import ENDLESS, LOAD_MINI, load_endless

pytestmark = pytest.mark.usefixtures("loaded")

# Still going on while the test does something else, with the model that is loaded in `writing`.
LONG = f"%%complete {ENDLESS}\nimport numpy as np\n\nvalues = [\n"
JOB = "from cg2magic.service.manager import manager\njob = manager().history[-1].job"
STATE = f"{JOB}\nprint(job.snapshot().state)"


class Client:
    """A front end: runs cells and collects what they show."""

    def __init__(self, kernel, client) -> None:
        self.kernel = kernel
        self.client = client

    def run(self, code, *, allow_stdin=True, then=None):
        """Run a cell; its reply and its outputs. `then` is called once, when it has said something."""
        outputs, waits = [], [then] * (then is not None)

        def hook(message):
            outputs.append(message["content"] | {"kind": message["msg_type"]})
            if waits and message["msg_type"] == "stream":
                waits.pop()()

        reply = self.client.execute_interactive(
            code, allow_stdin=allow_stdin, timeout=120, output_hook=hook, stdin_hook=lambda _: None
        )
        return reply["content"], outputs

    def printed(self, code):
        """What a cell prints."""
        reply, outputs = self.run(code)
        assert reply["status"] == "ok", reply
        return "".join(output.get("text", "") for output in outputs if output["kind"] == "stream").strip()

    def state(self):
        """State of the last job."""
        return self.printed(STATE)

    def until(self, condition):
        """Wait in the kernel until a condition on `now`, the last job's snapshot, holds."""
        return self.printed(
            f"import threading\n{JOB}\nmet = threading.Event()\n"
            f"forget = job.listen(lambda now: met.set() if now.finished or ({condition}) else None)\n"
            "assert met.wait(100)\nforget()\nprint(job.snapshot().state)"
        )


@pytest.fixture(scope="module")
def client():
    kernel, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        client = Client(kernel, client)
        assert client.printed("import sys; print(sys.executable)") == sys.executable
        yield client
    finally:
        client.client.stop_channels()
        kernel.shutdown_kernel(now=True)


@pytest.fixture
def loaded(client):
    client.run("%load_ext cg2magic")
    yield client
    client.printed(
        "from cg2magic.service.manager import manager\nmanager().cancel()\n"
        "assert all(entry.job.wait(100) for entry in manager().history)"
    )


@pytest.fixture
def writing(loaded, endless):
    """The client, in whose kernel a model is loaded that writes without end."""
    assert loaded.run(load_endless(endless))[0]["status"] == "ok"
    yield loaded
    loaded.run(LOAD_MINI)


def test_the_cell_returns_while_the_model_still_writes(writing):
    reply, outputs = writing.run(LONG)
    assert reply["status"] == "ok"
    assert writing.state() in ("queued", "loading", "writing")
    (panel,) = [output for output in outputs if output["kind"] == "display_data"]
    assert "application/vnd.jupyter.widget-view+json" in panel["data"]
    assert "text/plain" in panel["data"]


def test_other_cells_run_while_the_model_writes(writing):
    writing.run(LONG)
    assert writing.until("now.tokens > 0") == "writing"
    assert writing.printed("print(6 * 7)") == "42"
    assert writing.state() == "writing"


def test_an_interrupt_between_cells_ends_the_writing_and_keeps_the_text(writing):
    writing.run(LONG)
    assert writing.until("now.tokens > 0") == "writing"
    writing.kernel.interrupt_kernel()
    assert writing.until("False") == "stopped"
    assert int(writing.printed("print(job.snapshot().tokens)")) > 0
    assert writing.printed("print('alive')") == "alive"


def test_an_interrupt_of_another_cell_ends_the_writing_too(writing):
    writing.run(LONG)
    assert writing.until("now.tokens > 0") == "writing"
    reply, _ = writing.run(
        "import time\nprint('running', flush=True)\ntime.sleep(100)", then=writing.kernel.interrupt_kernel
    )
    assert reply["ename"] == "KeyboardInterrupt"
    assert writing.until("False") == "stopped"


def test_an_interrupt_before_the_panel_is_there_stops_the_writing(writing):
    writing.run(
        "import sys\nname = 'cg2magic.frontends.panel.standby'\nmodule = sys.modules.pop(name, None)\n"
        "class Interrupted:\n    def find_spec(self, wanted, *_):\n"
        "        if wanted == name:\n            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())"
    )
    try:
        reply, _ = writing.run(LONG)
    finally:
        writing.run("del sys.meta_path[0]\nif module:\n    sys.modules[name] = module")
    assert reply["status"] == "ok"
    assert writing.until("False") == "stopped"


def test_a_cell_that_waits_is_interrupted_and_keeps_what_was_written(writing):
    code = LONG.replace("%%complete", "%%complete --wait -o kept")
    # The interrupt comes once the cell waits, and something is written.
    writing.run(
        "import threading\nfrom cg2magic.service.job import Job\nwait, wrote = Job.wait, threading.Event()\n"
        "def waiting(self, *seconds):\n    if not wrote.is_set():\n"
        "        self.listen(lambda now: wrote.set() if now.tokens else None)\n"
        "        wrote.wait(100)\n        print('waiting', flush=True)\n"
        "    return wait(self, *seconds)\n"
        "Job.wait = waiting"
    )
    try:
        reply, _ = writing.run(code, then=writing.kernel.interrupt_kernel)
    finally:
        writing.run("Job.wait = wait")
    assert reply["status"] == "ok"
    assert writing.state() == "stopped"
    assert writing.printed("print(len(kept), any(s.tokens for s in kept))") == "4 True"


def test_a_console_that_waits_gets_the_finished_text_and_accepts_it_into_the_next_prompt(client):
    _, outputs = client.run("%%complete --wait -m 4\nimport numpy as np\nx = np.")
    texts = [output["data"]["text/plain"] for output in outputs if output["kind"] == "display_data"]
    assert "mean probability" in texts[-1]
    assert "%cg2 accept puts it into the next prompt" in texts[-1]
    reply, _ = client.run("%cg2 accept")
    (payload,) = reply["payload"]
    assert (payload["source"], payload["replace"]) == ("set_next_input", False)
    assert payload["text"] == client.printed(f"{JOB}\nprint(job.snapshot().suggestions[0].code)")


def test_a_score_is_text_for_a_console(client):
    _, outputs = client.run("%%score\nimport numpy as np")
    (text,) = [output["data"]["text/plain"] for output in outputs if output["kind"] == "display_data"]
    assert "perplexity" in text


def test_a_client_without_a_person_gets_the_finished_card_as_text(client):
    cell = "%%complete -m 8\nimport numpy as np\nx = np."
    reply, outputs = client.run(cell, allow_stdin=False)
    assert reply["status"] == "ok"
    (card,) = [output["data"] for output in outputs if output["kind"] == "display_data"]
    assert set(card) == {"text/plain", "text/html"}
    assert "x = np." in card["text/plain"]


def test_a_client_without_a_person_is_told_of_a_failure(client):
    reply, _ = client.run("%%complete --model no-such-model\nx = 1", allow_stdin=False)
    assert reply["status"] == "error"


def test_a_mistake_is_one_line_in_the_cell(client):
    reply, outputs = client.run("%%infill\nx = a | b")
    assert reply["status"] == "error"
    (said,) = [output for output in outputs if output["kind"] == "stream"]
    assert said["text"].count("\n") == 1


def test_unloading_the_extension_puts_the_interrupt_back(client):
    # What ipykernel found between the cells, and will put back after this one.
    handler = "print(repr(get_ipython().kernel.saved_sigint_handler))"
    assert "function _interrupted" in client.printed(handler)
    client.run("%unload_ext cg2magic")
    put_back = client.printed(handler)
    client.run("%load_ext cg2magic")
    assert "SIG_IGN" in put_back
