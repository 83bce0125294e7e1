"""Ghost text that fails: it is said, the server is left in peace, and it comes back, in a real kernel.

What fails on demand is a stand-in for a server, on loopback.
"""

from __future__ import annotations

import pytest

from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.vocabulary import Vocabulary
from tests.engines.stand_in import begin, reply, send, stand_in, tokens
from tests.frontends.inline.page import kernel_and_page

# The kernel's clock is ours: a pause lasts until the test ends it.
CLOCK = """
ghosts = get_ipython().magics_manager.registry["CG2"].ghosts
seconds, rings = [], []
def start(pause, over):
    seconds.append(pause)
    rings.append(over)
    return lambda: None
ghosts._pause._start = start
"""


WORD = Vocabulary(FileTokenizer(MINI)).encode("x = 1")
BEGUN = "import numpy as np\n"


@pytest.fixture(scope="module")
def kernel():
    with kernel_and_page() as page:
        yield page


@pytest.fixture
def page(kernel):
    kernel.run("%load_ext cg2magic")
    kernel.run(CLOCK)
    kernel.told.clear()
    yield kernel
    # The next test finds no load that this one began.
    kernel.run(
        "import threading\n"
        "for thread in threading.enumerate():\n    thread.name == 'cg2magic inline' and thread.join()"
    )
    kernel.run("%config CG2.model = 'mini'")
    kernel.run("%unload_ext cg2magic")


@pytest.fixture
def server():
    """A server that answers 500 until it is told to work."""
    with stand_in(answer=broken) as server:
        yield server


def broken(handler, _):
    reply(handler, 500, {"error": {"message": "CUDA error: out of memory"}})


def well(handler, _):
    begin(handler)
    send(handler, tokens(*WORD, finish="stop"), "[DONE]")


def on(page):
    """Switch ghost text on, and wait until it is ready."""
    page.run("%config CG2.inline = False")
    page.run("%config CG2.inline = True")
    page.connect()
    page.send(do="hello")
    return page.until(lambda told: told.get("state") in ("ready", "failed"))


def asked(page, name):
    """Ask, and wait for the end of the answer."""
    page.ask(name, BEGUN)
    return page.until(lambda told: told.get("id") == name and told["done"])


def failed(page, name):
    """Ask, and wait for the state that tells the failure."""
    page.ask(name, BEGUN)
    return page.until(lambda told: told.get("state") == "failed" and not told["asks"])


def ring(page):
    """End the pause."""
    page.run("rings[-1]()")
    return page.until(lambda told: "state" in told)


def test_after_a_failure_the_server_is_left_in_peace_and_the_pauses_grow(page, server):
    page.run(f"%cg2 load {server.url}")
    assert on(page)["asks"]
    told = failed(page, "1")
    assert "CUDA error: out of memory" in told["error"]
    assert "\n" not in told["error"]
    for key in range(10):
        assert asked(page, f"key {key}")["texts"] == []
    assert len(server.requests) == 1
    for turn in range(2, 9):
        assert ring(page) == {**told, "asks": True}
        failed(page, f"turn {turn}")
        assert len(server.requests) == turn
    assert page.run("print(*seconds)") == "1.0 2.0 4.0 8.0 16.0 32.0 60.0 60.0"
    ring(page)
    server.answer = well
    page.ask("9", BEGUN)
    assert page.until(lambda told: "state" in told)["state"] == "ready"
    server.answer = broken
    failed(page, "10")
    assert page.run("print(seconds[-1])") == "1.0"


@pytest.mark.parametrize("how", ["retry", "load again", "load another", "config"])
def test_a_click_and_another_model_end_the_pause_at_once(page, server, how):
    page.run(f"%cg2 load {server.url}")
    on(page)
    failed(page, "1")
    server.answer = well
    if how == "retry":
        page.send(do="retry")
    else:
        page.run(
            {
                "load again": f"%cg2 load {server.url}",
                "load another": "%cg2 load mini",
                "config": "%config CG2.device = 'cpu'",
            }[how]
        )
    told = page.until(lambda told: told.get("state") == "ready")
    assert told["asks"]
    assert told["error"] == ""
    assert asked(page, "2")["texts"]


def test_a_model_that_cannot_be_loaded_is_tried_again_after_a_pause_and_not_at_each_key(page, tmp_path):
    page.run("%cg2 unload")
    page.run(f"%config CG2.model = {str(tmp_path / 'none')!r}")
    told = on(page)
    assert told["state"] == "failed"
    assert "\n" not in told["error"]
    assert "none" in told["error"]
    for key in range(5):
        asked(page, f"key {key}")
    assert page.run("print(*seconds)") == "1.0"
    # A page that comes meanwhile is told the same, and begins no load.
    page.send(do="hello")
    assert page.until(lambda told: "state" in told)["state"] == "failed"
    ring(page)
    # The load runs on a thread of its own: it may have failed before the question has its answer.
    failed(page, "again")
    assert page.run("print(*seconds)") == "1.0 2.0"
    page.run("%config CG2.model = 'mini'")
    page.until(lambda told: told.get("state") == "ready")


def test_a_load_that_breaks_in_an_unforeseen_way_is_a_failure_too(page):
    page.run("%cg2 unload")
    page.run("def wake():\n    raise ImportError('libtorch.so: no such file')\nghosts._manager.wake = wake")
    # Who is told of the state just then is not told that all is well.
    page.run("begin = ghosts._pause.begin\ndef late(error):\n    ghosts._send_state()\n    begin(error)")
    page.run("ghosts._pause.begin = late")
    told = on(page)
    assert (told["state"], told["error"]) == ("failed", "libtorch.so: no such file")


def test_a_question_that_breaks_in_the_kernel_ends_and_is_a_failure(page):
    page.run("import cg2magic.frontends.inline.switch as switch\ndef broken(*_):\n    raise KeyError('x')")
    page.run("real, switch.seen = switch.seen, broken")
    on(page)
    page.ask("1", BEGUN)
    assert page.until(lambda told: told.get("id") == "1")["error"] == "'x'"
    page.run("switch.seen = real")


def test_an_answer_that_breaks_on_its_way_ends_and_is_a_failure(page):
    page.run(
        "from cg2magic.frontends.inline.shown import Shown\n"
        "def shown(*_):\n    raise ZeroDivisionError('by 0')"
    )
    page.run("real, Shown.of = Shown.of, shown")
    on(page)
    page.ask("1", BEGUN)
    assert page.until(lambda told: told.get("done"))["error"] == "by 0"
    assert page.until(lambda told: "state" in told)["state"] == "failed"
    page.run("Shown.of = real")


def test_what_was_unloaded_stays_unloaded_until_somebody_wants_it(page):
    on(page)
    page.run("%cg2 unload")
    assert page.until(lambda told: told.get("state") == "unloaded")["asks"] is False
    asked(page, "1")
    page.send(do="hello")
    assert page.until(lambda told: "state" in told)["state"] == "unloaded"
    page.send(do="retry")
    page.until(lambda told: told.get("state") == "ready")


def test_an_extension_that_is_unloaded_while_it_fails_says_nothing_more(page, server):
    page.run(f"%cg2 load {server.url}")
    on(page)
    failed(page, "1")
    page.run("%unload_ext cg2magic")
    page.run("rings[-1]()")
    assert page.connect() is None
    page.run("%load_ext cg2magic")


def test_what_a_page_builds_on_is_asked_for_where_it_is_not_there(page):
    on(page)
    page.ask("1", "x = f(limit", document={"page": "p", "version": 3, "since": 2})
    assert page.until(lambda told: told.get("id") == "1")["again"] == {"page": "p", "version": 3}
    cells = [{"id": "a", "cell_type": "code", "source": "limit = 5"}, {"id": "b"}]
    whole = {"page": "p", "version": 4, "since": None, "cells": cells, "active": 1, "metadata": {}}
    page.ask("2", "x = f(limit", document=whole)
    assert page.until(lambda told: told.get("id") == "2" and told["done"])["error"] == ""
    page.ask("3", "x = f(limit,", document={"page": "p", "version": 4, "since": 4})
    page.until(lambda told: told.get("id") == "3" and told["done"])
    assert page.run("print(ghosts._documents._known['p'][1]['cells'][0]['source'])") == "limit = 5"


def test_the_number_of_candidates_is_told_when_it_is_changed(page):
    on(page)
    page.run("%config CG2.inline_samples = 5")
    page.until(lambda told: told.get("candidates") == 5)
