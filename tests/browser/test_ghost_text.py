"""Suggestions while typing, by the embedded model: in the cell, taken whole or in parts, gone in time."""

from __future__ import annotations

import re

import pytest

from tests.browser.typist import GHOST, KERNEL, Typist

pytestmark = pytest.mark.browser

# Goes on for more than a word, whatever the model is.
BEGUN = "import numpy as np\nimport matplotlib.pyplot as plt\n\n\ndef plot("


@pytest.fixture
def typist(notebook):
    typist = Typist(notebook)
    typist.switch_on()
    typist.listen()
    yield typist
    notebook.add_and_run("%config CG2.inline = False")
    typist.wait_for("off")


def test_a_suggestion_appears_and_tab_takes_it(typist):
    typist.begin(BEGUN)
    suggested = typist.suggestion()
    assert suggested.strip()
    typist.keyboard.press("Tab")
    assert typist.source() == BEGUN + suggested


WORD, LINE, ALL, UNDO = "Alt+Shift+W", "Alt+Shift+L", "Tab", "Control+z"


def taken(suggested, keys):
    """What the keys take of a suggestion, in order."""
    parts = []
    for key in keys:
        rest = suggested[len("".join(parts)) :]
        found = {WORD: re.match(r"\s*(\w+|[^\w\s]+)", rest), LINE: re.match(r"\n*[^\n]*", rest)}.get(key)
        parts.append(found[0] if found else rest)
    return parts


@pytest.mark.parametrize(
    "keys",
    [(WORD, WORD, WORD, ALL), (WORD, ALL), (WORD, LINE, LINE), (WORD, WORD, "Alt+End")],
    ids=["words", "rest", "lines", "end"],
)
def test_each_key_takes_the_next_part_of_what_is_left(typist, keys):
    typist.begin("class Rectangle:\n    def area(self):")
    typist.keyboard.press("Enter")
    suggested = typist.suggestion()
    source = typist.source()
    for key, part in zip(keys, taken(suggested, keys), strict=True):
        typist.keyboard.press(key)
        source += part
        assert typist.source() == source


def test_a_part_that_was_taken_can_be_undone_and_taken_again(typist):
    typist.begin(BEGUN)
    suggested = typist.suggestion()
    first, second, rest = taken(suggested, (WORD, WORD, ALL))
    typist.keyboard.press(WORD)
    typist.keyboard.press(WORD)
    assert typist.source() == BEGUN + first + second
    typist.keyboard.press(UNDO)
    assert typist.source() == BEGUN + first
    typist.wait_for_ghost(second + rest)
    typist.keyboard.press(UNDO)
    assert typist.source() == BEGUN
    typist.wait_for_ghost(suggested)
    typist.keyboard.press(WORD)
    typist.keyboard.press(ALL)
    assert typist.source() == BEGUN + suggested
    # Nothing was asked for again: the answer was there.
    assert [ask["ask"]["prefix"] for ask in typist.sent("ask")][:1] == [BEGUN]


def test_escape_takes_the_suggestion_away_and_only_then_leaves_the_text(typist):
    typist.begin(BEGUN)
    typist.suggestion()
    mode = "() => jupyterapp.shell.currentWidget.content.mode"
    typist.keyboard.press("Escape")
    typist.ghost.wait_for(state="detached")
    assert typist.page.evaluate(mode) == "edit"
    typist.keyboard.press("Escape")
    assert typist.page.evaluate(mode) == "command"
    assert typist.source() == BEGUN


def test_typing_what_is_suggested_asks_for_nothing_and_another_key_asks_again(typist):
    typist.begin(BEGUN)
    suggested = typist.suggestion()
    assert len(typist.sent("ask")) == 1
    typist.keyboard.type(suggested[0])
    typist.wait_for_ghost(suggested[1:])
    assert len(typist.sent("ask")) == 1
    typist.keyboard.type("§")
    typist.page.wait_for_function("() => sent.filter(({ do: it }) => it === 'ask').length === 2")
    assert typist.sent("ask")[1]["ask"]["prefix"] == BEGUN + suggested[0] + "§"


def test_behind_an_opened_block_several_lines_are_suggested_and_before_text_it_is_filled_in(typist):
    typist.begin("def mean(values):")
    typist.keyboard.press("Enter")
    block = typist.suggestion()
    assert typist.sent("ask")[-1]["ask"]["prefix"] == "def mean(values):\n    "
    typist.keyboard.press("Tab")
    assert typist.source() == "def mean(values):\n    " + block
    typist.begin("total = sum(", ")\nprint(total)")
    typist.suggestion()
    assert typist.sent("ask")[-1]["ask"]["suffix"] == ")\nprint(total)"


@pytest.mark.parametrize("above", ["# plot the values", "import numpy as np", "def f(x):\n    y = x + 1"])
def test_on_a_new_line_something_is_suggested(typist, above):
    typist.begin(above)
    typist.keyboard.press("Enter")
    asked = "sent.findLast(({ do: it }) => it === 'ask')?.ask.prefix"
    typist.page.wait_for_function(f"(above) => {asked}?.trimEnd() === above && {asked} !== above", arg=above)
    assert typist.suggestion().strip()


def test_in_an_empty_cell_something_is_suggested_by_hand(typist):
    typist.begin("\n")
    typist.keyboard.press("Backspace")
    assert typist.source() == ""
    assert typist.sent("ask") == []
    typist.keyboard.press("Alt+\\")
    assert typist.suggestion().strip()


def test_asked_by_hand_it_has_several_candidates_to_walk_through(typist):
    typist.begin(BEGUN)
    typist.suggestion()
    typist.keyboard.press("Alt+\\")
    # The completer keeps the text that is shown: where it is among the candidates too, it has its number.
    counter = typist.page.locator(".jp-InlineCompleter").get_by_text(re.compile(r"^[1-9]/[2-9]$"))
    counter.wait_for(state="attached")
    first = typist.suggestion()
    typist.keyboard.press("Alt+]")
    typist.page.wait_for_function(
        "([ghost, first]) => document.querySelector(ghost)?.innerText !== first", arg=[GHOST, first]
    )


def test_a_suggestion_that_nobody_waits_for_any_more_is_given_up(typist):
    typist.begin("def mean(values):")
    typist.keyboard.press("Enter")
    typist.ghost.first.wait_for()
    # Nothing is suggested in its place.
    typist.page.evaluate(
        f"async (code) => {{ await {KERNEL}.requestExecute({{ code, store_history: false }}).done }}",
        "%config CG2.inline_floor = 1.0",
    )
    asked = typist.sent("ask")[0]["ask"]["id"]
    typist.keyboard.type("§")
    typist.ghost.first.wait_for(state="hidden")
    # It may have come to its end before the key was pressed; else it was cancelled.
    assert [message["id"] for message in typist.sent("cancel")] in ([], [asked])


def test_it_works_while_a_cell_runs(typist):
    busy = typist.notebook.add_and_run(
        "import pathlib, time\nwhile not pathlib.Path('free.gate').exists():\n    time.sleep(0.05)",
        wait=False,
    )
    typist.begin(BEGUN)
    assert typist.suggestion().strip()
    # At the end of the question's message the kernel says that it is idle, and then that the cell still runs.
    typist.page.wait_for_function(f"() => {KERNEL}.status === 'busy'")
    typist.notebook.let("free.gate")
    typist.notebook.wait_until_run(busy)


def test_off_it_asks_for_nothing_and_a_click_switches_it(typist):
    typist.status.click()
    typist.wait_for("off")
    typist.listen()
    cell = typist.begin(BEGUN)
    typist.keyboard.type("x, y")
    assert typist.sent("ask") == []
    typist.status.click()
    typist.wait_for("ready")
    typist.notebook.select(cell)
    typist.keyboard.press("Control+End")
    typist.keyboard.type(",")
    assert typist.suggestion()
