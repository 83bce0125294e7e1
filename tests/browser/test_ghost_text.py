"""Suggestions while typing, by the embedded model: in the cell, taken whole or in parts, gone in time."""

from __future__ import annotations

import re

import pytest

from tests.browser.typist import GHOST, Typist

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


def test_the_next_word_and_the_next_line_are_taken_alone(typist):
    typist.begin("class Rectangle:\n    def area(self):\n")
    suggested = typist.suggestion()
    before = typist.source()
    typist.keyboard.press("Alt+Shift+W")
    word = typist.source().removeprefix(before)
    assert word == re.match(r"\s*(\w+|[^\w\s]+)", suggested)[0]
    assert len(typist.sent("ask")) == 1
    typist.keyboard.press("Alt+Shift+L")
    line = re.match(r"\n*[^\n]*", suggested[len(word) :])[0]
    assert typist.source() == before + word + line


def test_typing_what_is_suggested_asks_for_nothing_and_another_key_asks_again(typist):
    typist.begin(BEGUN)
    suggested = typist.suggestion()
    assert len(typist.sent("ask")) == 1
    typist.keyboard.type(suggested[0])
    typist.page.wait_for_function(
        "([ghost, rest]) => document.querySelector(ghost)?.innerText === rest", arg=[GHOST, suggested[1:]]
    )
    assert len(typist.sent("ask")) == 1
    typist.keyboard.type("§")
    typist.page.wait_for_function("() => sent.filter(({ do: it }) => it === 'ask').length === 2")
    assert typist.sent("ask")[1]["ask"]["prefix"] == BEGUN + suggested[0] + "§"
