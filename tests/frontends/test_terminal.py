"""A suggestion in a terminal: it streams, only grows, and fills the next prompt."""

from __future__ import annotations

import io
import threading
import time

import pytest

from cg2magic.frontends import terminal
from cg2magic.request import Request, Sampling, Suggestion, TokenLogprob
from cg2magic.service.job import Job

PARTS = ("def f(x):\n    ", "\n    return y\n")


def suggestion(text, reason=None):
    tokens = tuple(TokenLogprob(0, word, -0.5) for word in text.split())
    return Suggestion(PARTS, (text,), tokens, reason)


class Written:
    """What was printed, and what it had been at each flush."""

    def __init__(self):
        self.out = io.StringIO()
        self.seen = []
        self.out.flush = lambda: self.seen.append(self.out.getvalue())


@pytest.fixture
def finished():
    job = Job(1, Request(PARTS, Sampling(n=2)))
    job.update(model="mini")
    job.wrote((suggestion("y = x + 1", "stop"), suggestion("y = 2 * x", "stop")))
    job.update(state="done")
    return job


def test_the_whole_code_is_printed_and_fills_the_next_prompt(finished, shell):
    written = Written()
    terminal.stream(finished, shell, out=written.out)
    text = written.out.getvalue()
    assert text.startswith("def f(x):\n    y = x + 1\n    return y\n")
    assert "mean probability 61 %" in text
    assert shell.rl_next_input == "def f(x):\n    y = x + 1\n    return y\n"


def test_the_other_candidates_follow_with_the_way_to_take_them(finished, shell):
    written = Written()
    terminal.stream(finished, shell, out=written.out)
    assert "%cg2 accept 2" in written.out.getvalue()
    assert "y = 2 * x" in written.out.getvalue()


def test_a_real_suggestion_streams_and_only_grows(shell):
    from cg2magic.service.manager import Manager

    manager = Manager()
    try:
        written = Written()
        job = manager.submit(
            Request(("import numpy as np\n\n\ndef mean(values):",), Sampling(max_new_tokens=30))
        )

        def wait_until_printed(now):
            """Let the model write its first tokens no faster than they are printed, on any machine."""
            deadline = time.monotonic() + 60
            while 0 < now.tokens <= 3 and time.monotonic() < deadline:
                if now.suggestions[0].text in written.out.getvalue():
                    break
                time.sleep(0.01)

        job.listen(wait_until_printed)
        terminal.stream(job, shell, out=written.out)
    finally:
        manager.close()
    assert len(written.seen) > 2
    assert all(
        later.startswith(earlier) for earlier, later in zip(written.seen, written.seen[1:], strict=False)
    )
    assert shell.rl_next_input == job.result()[0].code


def test_what_was_cut_ends_at_its_last_whole_statement_and_says_how_to_go_on(shell):
    job, written = Job(1, Request(PARTS)), Written()
    whole, begun = "y = x + 1\n    ", "y = x + 1\n    z = (x +"

    def write():
        job.update(state="running")
        job.wrote((Suggestion(PARTS[:1], (begun,), ()),))
        deadline = time.monotonic() + 60
        while not any("z = (x +" in seen for seen in written.seen) and time.monotonic() < deadline:
            time.sleep(0.01)
        job.wrote((Suggestion(PARTS[:1], (whole,), (), "length", cuts=(9,)),))
        job.update(state="done")

    writer = threading.Thread(target=write)
    writer.start()
    terminal.stream(job, shell, out=written.out)
    writer.join()
    text = written.out.getvalue()
    assert shell.rl_next_input == PARTS[0] + whole
    assert text.startswith(PARTS[0] + begun)  # what was printed stays, and is not printed again
    assert text.count("def f") == 1
    assert "the statement that is not whole is left out; %cg2 continue goes on" in text


def test_a_job_that_failed_fills_nothing(shell):
    job = Job(1, Request(PARTS))
    job.fail(ValueError("no"))
    shell.set_next_input("mine", replace=False)
    terminal.stream(job, shell, out=io.StringIO())
    assert shell.rl_next_input == "mine"


def test_what_a_model_writes_cannot_steer_the_terminal(shell):
    job = Job(1, Request(("x = ",), Sampling()))
    job.wrote((Suggestion(("x = ",), ("'\x1b[2J'",), (), "stop"),))
    job.update(state="done")
    written = Written()
    terminal.stream(job, shell, out=written.out)
    assert "\x1b" not in written.out.getvalue()
