"""The panel in a real kernel, seen from the other end of the wire."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from jupyter_client.manager import start_new_kernel

from cg2magic.frontends.panel.widget import Panel, stop
from cg2magic.request import Request, Sampling, Suggestion, TokenLogprob
from cg2magic.service.job import Job

SETUP = """
import threading, time
from cg2magic.errors import LoadError
from cg2magic.service.job import Job
from cg2magic.frontends.panel import Panel
from cg2magic.request import Request, Sampling, Suggestion, TokenLogprob

records, jobs, release = [], [], threading.Event()

def suggestion(text, reason=None):
    return Suggestion(("x = ", ""), (text,), (TokenLogprob(0, text, -0.5),), reason)

def new_job():
    jobs.append(Job(len(jobs) + 1, Request(("x = ", ""))))
    return jobs[-1]

def show(**options):
    panel = Panel(new_job(), record=lambda *what: records.append(what), **options)
    panel.show()
    return panel
"""
VIEW = "application/vnd.jupyter.widget-view+json"


def text_of(card, candidate=0):
    """The code that a card shows."""
    rows = (line["of"] for line in card["candidates"][candidate]["lines"])
    return "\n".join("".join(segment[1] for segment in row if segment[0] != "caret") for row in rows)


class Wire:
    """A front end without a page: keeps what the kernel sends, and answers like a button."""

    def __init__(self, client):
        self.client = client
        self.inbox = []

    def receive(self):
        self.inbox.append(self.client.get_iopub_msg(timeout=60))
        return self.inbox[-1]

    def run(self, code):
        """Run a cell and give its messages."""
        request = self.client.execute(code)
        start = len(self.inbox)
        while True:
            message = self.receive()
            if message["parent_header"].get("msg_id") != request:
                continue
            assert message["msg_type"] != "error", message["content"]
            if message["content"].get("execution_state") == "idle":
                return [m for m in self.inbox[start:] if m["parent_header"].get("msg_id") == request]

    def printed(self, code):
        return "".join(m["content"]["text"] for m in self.run(code) if m["msg_type"] == "stream").strip()

    def show(self, code):
        """Run a cell that shows one panel; its id, and what the output holds."""
        data = [m["content"]["data"] for m in self.run(code) if m["msg_type"] == "display_data"]
        assert len(data) == 1
        return data[0][VIEW]["model_id"], data[0]

    def send(self, panel_id, **content):
        """Send a widget's custom message."""
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": panel_id, "data": data})
        self.client.shell_channel.send(message)

    def request(self, kind, content, channel="shell", subshell=None):
        """Send a request, and give the content of its reply."""
        message = self.client.session.msg(kind, content)
        if subshell:
            message["header"]["subshell_id"] = subshell
        sender = getattr(self.client, f"{channel}_channel")
        sender.send(message)
        while True:
            reply = sender.get_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def has_subshells(self):
        """Whether this version of ipykernel can run code beside a cell."""
        return "kernel subshells" in self.request("kernel_info_request", {}).get("supported_features", ())

    def updates(self, panel_id, name):
        """A trait's values as they were sent so far."""
        sent = [
            message["content"]["data"].get("state", {})
            for message in self.inbox
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == panel_id
        ]
        return [state[name] for state in sent if name in state]

    def until(self, panel_id, name, condition):
        """Wait for a value of a trait."""
        while not any(condition(value) for value in self.updates(panel_id, name)):
            self.receive()
        return self.updates(panel_id, name)[-1]


@pytest.fixture(scope="module")
def wire():
    kernel, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        wire = Wire(client)
        wire.run(SETUP)
        yield wire
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


def test_the_output_carries_the_widget_and_both_static_forms(wire):
    panel_id, data = wire.show("panel = show()")
    assert sorted(data) == sorted([VIEW, "text/html", "text/plain"])
    assert "waiting" in data["text/plain"]
    assert wire.printed("print(panel.panel_id == panel.model_id)") == "True"
    assert wire.printed("print(panel.model_id)") == panel_id


@pytest.fixture
def endless(wire):
    """What is written is not shown again before an hour has passed."""
    wire.run(
        "import functools\n"
        "from cg2magic.frontends.panel import widget\n"
        "from cg2magic.service import stream\n"
        "widget.snapshots = functools.partial(stream.snapshots, interval=3600)"
    )
    yield
    wire.run("widget.snapshots = stream.snapshots")


@pytest.mark.usefixtures("endless")
def test_a_burst_of_tokens_is_shown_once_an_interval_and_its_end_arrives(wire):
    panel_id, _ = wire.show(
        "panel = show()\n"
        "def write(job):\n"
        "    for i in range(600):\n"
        "        job.wrote((suggestion('y' * i),))\n"
        "    job.update(state='done', suggestions=(suggestion('the end', 'stop'),))\n"
        "threading.Thread(target=write, args=(panel.job,)).start()"
    )
    card = wire.until(panel_id, "card", lambda card: card["state"] == "done")
    assert text_of(card) == "x = the end"
    assert "the end" in wire.until(panel_id, "saved", bool)["text/plain"]
    assert [card["state"] for card in wire.updates(panel_id, "card")].count("writing") <= 1


def test_what_is_stored_is_sent_before_the_card_says_that_it_is_finished(wire):
    # The page makes the output anew when it stores it: a click on a card that is there already would be lost.
    panel_id, _ = wire.show(
        "panel = show()\npanel.job.update(state='done', suggestions=(suggestion('1', 'stop'),))"
    )
    wire.until(panel_id, "card", lambda card: card["state"] == "done")
    wire.until(panel_id, "saved", bool)
    ours = [message["content"] for message in wire.inbox if message["content"].get("comm_id") == panel_id]
    states = [content["data"].get("state", {}) for content in ours]
    last = [name for state in states for name in state if name in ("card", "saved")][-2:]
    assert last == ["saved", "card"]


def test_buttons_reach_the_job(wire):
    panel_id, _ = wire.show("panel = show(regenerate=new_job)")
    wire.send(panel_id, do="stop")
    assert wire.printed("print(panel.job.cancelled.wait(30))") == "True"

    wire.run("panel.job.update(state='stopped', suggestions=(suggestion('1', 'cancelled'),))")
    wire.until(panel_id, "saved", bool)
    number = int(wire.printed("print(panel.job.id)"))
    wire.send(panel_id, do="record", job=number, candidate=0, outcome="copied")
    wire.until(panel_id, "saved", lambda saved: "copied" in saved.get("text/html", ""))
    assert wire.printed("print(records)") == f"[({number}, 0, 'copied')]"

    wire.send(panel_id, do="regenerate")
    wire.until(panel_id, "card", lambda card: card["job"] != number)
    wire.run("panel.job.update(state='done', suggestions=(suggestion('22', 'stop'),))")
    card = wire.until(panel_id, "card", lambda card: card["job"] != number and card["state"] == "done")
    assert text_of(card) == "x = 22"
    assert wire.printed("print(panel.outcome)") == "{}"


def test_a_button_is_heard_after_stop_ran_on_a_subshell_that_is_gone(wire):
    if not wire.has_subshells():
        pytest.skip("no subshells in this ipykernel; `pip install -U ipykernel` brings them")
    panel_id, _ = wire.show("panel = show(regenerate=new_job)")
    subshell = wire.request("create_subshell_request", {}, "control")["subshell_id"]
    # What is drawn while the subshell runs code is sent from there.
    code = "panel.job.cancel(); panel.outcome = {'folded': True}"
    wire.request("execute_request", {"code": code, "silent": True}, subshell=subshell)
    wire.request("delete_subshell_request", {"subshell_id": subshell}, "control")
    wire.send(panel_id, do="regenerate")
    wire.until(panel_id, "outcome", lambda outcome: outcome == {})


def test_a_page_that_cannot_draw_it_closes_the_panel_for_no_other(wire):
    panel_id, _ = wire.show("panel = show(regenerate=new_job)")
    layout = wire.printed("print(panel.layout.model_id)")
    for widget in (panel_id, layout):
        message = wire.client.session.msg("comm_close", {"comm_id": widget, "data": {}})
        wire.client.shell_channel.send(message)
    wire.send(panel_id, do="stop")
    assert wire.printed("print(panel.job.cancelled.wait(30))") == "True"
    # What a page asks for when it is loaded anew.
    there = wire.request("comm_info_request", {"target_name": "jupyter.widget"})["comms"]
    assert {panel_id, layout} <= there.keys()
    wire.run("panel.close()")
    assert panel_id not in wire.request("comm_info_request", {})["comms"]


def test_a_regeneration_that_is_refused_is_shown_in_the_card(wire):
    panel_id, _ = wire.show("def refuse(): raise LoadError('no such model')\npanel = show(regenerate=refuse)")
    wire.send(panel_id, do="regenerate")
    assert wire.until(panel_id, "card", lambda card: card["error"])["error"] == "no such model"


def test_showing_in_the_same_cell_again_stops_and_closes_what_was_there(wire):
    wire.run("first = show(cell_id='c1')")
    wire.run("second = show(cell_id='c1')")
    wire.run("other = show(cell_id='c2')")
    said = wire.printed(
        "print([panel.job.cancelled.is_set() for panel in (first, second, other)], first.comm is None)"
    )
    assert said == "[True, False, False] True"


def test_the_code_that_stop_runs_on_a_subshell_binds_no_name_and_knows_only_its_own_panel(wire):
    wire.run(
        "panel = show()\n"
        "def names(): return {name for name in globals() if not name.startswith('_')}\n"
        "def new(): return names() - before\n"
        "before = names() | {'before'}"
    )
    line = next(line for line in Panel._esm.splitlines() if "__import__" in line)
    code = line[line.index("`") + 1 : line.rindex("`")]
    wire.run(code.replace("${id}", "the id of another kernel's panel"))
    assert wire.printed("print(panel.job.cancelled.is_set())") == "False"
    wire.run(code.replace("${id}", wire.printed("print(panel.panel_id)")))
    assert wire.printed("print(panel.job.cancelled.is_set(), new())") == "True set()"


# In this process: what is sent.


def test_a_card_is_all_strings_and_numbers_and_small():
    request = Request(("def f(x):\n    ", "\n"), Sampling(n=2))
    job = Job(1, request)
    text = "total = 0\n    for i in range(10):\n        total += i\n" * 4
    job.wrote((Suggestion(request.parts, (text,), (TokenLogprob(0, "x", -0.1),)),) * 2)
    card = Panel(job).card
    sent = json.dumps(card)
    assert json.loads(sent) == card
    # Every text once, and little around it.
    assert len(sent) < 10 * 2 * len(text)


def test_before_the_first_token_the_persons_part_stands_there_with_the_caret_in_the_hole():
    card = Panel(Job(1, Request(("f(", ")"), Sampling(n=2)))).card
    assert len(card["candidates"]) == 2
    of = card["candidates"][0]["lines"][0]["of"]
    assert text_of(card) == "f()"
    assert of.index(["caret"]) == len(of) - 2


def test_a_candidate_that_is_written_has_no_caret_and_can_be_used_while_others_are_not():
    request = Request(("x = ",), Sampling(n=2))
    job = Job(1, request)
    token = (TokenLogprob(0, "1", -0.1),)
    job.wrote((Suggestion(request.parts, ("1",), token, "stop"), Suggestion(request.parts, ("2",), token)))
    first, second = Panel(job).card["candidates"]
    assert (first["done"], second["done"]) == (True, False)
    assert ["caret"] not in first["lines"][0]["of"]
    assert ["caret"] in second["lines"][0]["of"]


def test_stopping_an_unknown_panel_does_nothing():
    stop("no such panel")


def test_the_page_is_asked_for_its_document_and_sends_it_once():
    sent = []
    panel = Panel(Job(1, Request(("x",))), on_document=sent.append)
    assert panel.asks_document
    panel._on_message(None, {"do": "document", "document": '{"cells": [{"source": "a"}]}'}, None)
    panel.take_document("")
    assert [[cell.source for cell in document.cells] for document in sent] == [["a"]]
    assert not panel.asks_document
    assert not Panel(Job(1, Request(("x",)))).asks_document


def test_a_page_without_a_document_says_so():
    sent = []
    Panel(Job(1, Request(("x",))), on_document=sent.append).take_document("")
    assert sent == [None]


def test_the_pages_code_is_one_module_that_asks_nothing_of_the_network():
    module = Panel._esm
    assert module.count("export default") == 1
    assert "import(" not in module
    assert "http" not in module.replace("served over https", "")
    assert "innerHTML" not in module


def test_a_candidate_that_broke_off_can_be_continued_once_and_in_its_place():
    parts = ("x = ",)
    token = TokenLogprob(1, "1", -0.5)
    ended = Suggestion(parts, ("1",), (token,), "stop", taken=(token,), places=(0,))
    cut = replace(ended, finish_reason="length", cuts=(1,))
    job = Job(1, Request(parts, Sampling(n=2)))
    job.wrote((cut, ended))
    job.update(state="done")
    asked = []

    def extend(*what):
        asked.append(what)
        return Job(
            2, Request(parts, begin=(token,)), suggestions=(replace(cut, finish_reason=None), ended), place=0
        )

    def offered(panel):
        return [candidate["goes_on"] for candidate in panel._drawn(panel.job.snapshot())["candidates"]]

    assert offered(Panel(job)) == [False, False]  # nobody would do it
    panel = Panel(job, extend=extend)
    assert offered(panel) == [True, False]
    message = {"do": "extend", "job": 1, "candidate": 0}
    panel._on_message(None, message, None)
    panel._on_message(None, message, None)  # a second click, on what is no longer shown
    assert asked == [(job, 0)]
    assert offered(panel) == [False, False]
    panel.job.wrote((replace(cut, spans=("12",), tokens=(token, token), cuts=(2,)),))
    panel.job.update(state="done")
    assert offered(panel) == [True, False]
    assert panel.job.snapshot().tokens == 1


def test_another_token_is_a_candidate_beside_those_that_are_there_and_an_old_jobs_map_is_dead():
    parts = ("x = ",)
    first = Suggestion(parts, ("1",), (TokenLogprob(1, "1", -0.5),), "stop")
    job = Job(1, Request(parts))
    job.wrote((first,))
    job.update(state="done")
    asked = []

    def go_on(*what):
        asked.append(what)
        return Job(2, Request(parts), suggestions=(first, Suggestion(parts, ("",))))

    panel = Panel(job, go_on=go_on)
    message = {"do": "go on", "job": 1, "candidate": 0, "place": 0, "id": 5}
    panel._on_message(None, message, None)
    panel._on_message(None, message, None)  # a second click, on what is no longer shown
    assert asked == [(job, 0, 0, 5)]
    assert panel.job.id == 2
    card = panel._drawn(panel.job.snapshot())
    assert card["fresh"] == 1
    assert [candidate["done"] for candidate in card["candidates"]] == [True, False]

    panel.job.wrote((Suggestion(parts, ("2",), (TokenLogprob(2, "2", -1.0),), "stop"),))
    now = panel.job.snapshot()
    assert [suggestion.text for suggestion in now.suggestions] == ["1", "2"]
    assert now.tokens == 1
    panel.job.update(state="done")  # its thread draws until then


def test_the_note_comes_with_the_suggestion_and_the_advice_when_it_is_asked_for(wire):
    panel_id, _ = wire.show(
        "panel = show(note=lambda model: f'{model} is a toy', advise=lambda: '%cg2 load something')"
    )
    wire.run(
        "jobs[-1].update(model='mini'); jobs[-1].wrote((suggestion('1', 'stop'),))\n"
        "jobs[-1].update(state='done')"
    )
    assert wire.until(panel_id, "advice", bool) == {"note": "mini is a toy"}
    wire.send(panel_id, do="advise")
    assert wire.until(panel_id, "advice", lambda advice: "text" in advice) == {
        "note": "mini is a toy",
        "text": "%cg2 load something",
    }
