"""A console on a kernel: it draws no widgets and takes nothing back that it has printed."""

from __future__ import annotations

import os
import sys

import pytest

pexpect = pytest.importorskip("pexpect")
pytest.importorskip("jupyter_console")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect drives terminals of POSIX systems")


@pytest.fixture
def console():
    """`jupyter console`, as it is started in a terminal."""
    environment = os.environ | {"TERM": "dumb", "PROMPT_TOOLKIT_NO_CPR": "1"}
    command = [
        "-m", "jupyter_console", "--simple-prompt", "--ZMQTerminalInteractiveShell.banner=",
        "--JupyterConsoleApp.confirm_exit=False",
    ]  # fmt: skip
    started = pexpect.spawn(
        sys.executable, command, env=environment, encoding="utf-8", timeout=120, dimensions=(60, 160)
    )
    started.expect(r"In \[1\]")
    yield started
    started.close(force=True)


def run(console, code, number):
    console.sendline(code)
    console.expect(rf"In \[{number}\]")


ASK = "get_ipython().run_cell_magic('complete', '{}-m 12', 'import numpy as np\\nx = np.')"


def test_the_finished_text_is_printed(console):
    run(console, "%load_ext cg2magic", 2)
    run(console, ASK.format(""), 3)
    console.sendline("from cg2magic.service.manager import manager; manager().history[-1].job.wait()")
    console.expect("In ")
    # With its simple prompt it reads nothing while it waits for input.
    for _ in range(60):
        console.sendline("import time; time.sleep(1)")
        if console.expect(["mean probability", r"In \["]) == 0:
            break
    console.expect(r"x = np\.\w+")
    console.expect("%cg2 accept puts it into the next prompt")


def test_a_cell_that_waits_ends_with_the_finished_text(console):
    run(console, "%load_ext cg2magic", 2)
    console.sendline(ASK.format("--wait "))
    console.expect("mean probability")
    console.expect(r"x = np\.\w+")
    console.expect("%cg2 accept puts it into the next prompt")
    console.expect(r"In \[3\]")
