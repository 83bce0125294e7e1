"""Notebooks that are typed key by key: what need not be typed, and what of the shown text is wrong."""

from __future__ import annotations

import math

from benchmarks.keys import by_mean, type_cell
from cg2magic.context import Cell, Document
from cg2magic.frontends.inline.ask import Ask
from cg2magic.request import Suggestion, TokenLogprob

SOURCE = "import numpy as np\nfor i in x:\n    print(i)"


class Known:
    """A model that always suggests the same texts, each behind what it follows."""

    def __init__(self, **after):
        self.after = {prefix.replace("_", " "): text for prefix, text in after.items()}
        self.asked = []

    def answer(self, ask, document):
        del document
        self.asked.append(ask.prefix)
        text = self.after.get(ask.prefix)
        return None if text is None else Suggestion((ask.prefix,), (text,))


def typed(model):
    document = Document((Cell(None, "code", SOURCE),), 0)
    return type_cell(document, 1000, model, lambda suggestion, _: suggestion.text)


def test_without_suggestions_all_is_typed_but_the_indentation_and_each_key_asks():
    model = Known()
    count = typed(model)
    assert (count.characters, count.taken, count.shown) == (len(SOURCE) - 4, 0, 0)
    assert len(model.asked) == count.characters - 1
    assert "import numpy as np\nfor i in x:\n    " in model.asked


def test_what_is_right_as_a_whole_is_taken_and_else_nothing_is():
    count = typed(Known(im="port numpy as np"))
    assert (count.taken, count.shown, count.wrong) == (16, 16, 0)
    count = typed(Known(im="port numpy as nq"))
    assert (count.taken, count.shown, count.wrong) == (0, 16, 1)


def test_what_is_typed_as_it_is_shown_stays_and_is_counted_once():
    model = Known(**{"import numpy as np\nfor i in": " x ==="})
    count = typed(model)
    assert (count.texts, count.shown, count.wrong) == (1, 6, 4)


def test_a_line_that_is_indented_otherwise_makes_all_that_is_shown_wrong():
    count = typed(Known(**{"import numpy as np\n": "for j", "import numpy as np\nfor i in x:\n    ": "pass"}))
    assert (count.shown, count.wrong) == (9, 1 + 3)


def test_the_rule_that_was_shows_what_has_a_mean_probability():
    tokens = tuple(
        TokenLogprob(0, text, math.log(p)) for text, p in (("np", 0.9), (".ones(", 0.9), ("z", 0.01))
    )
    suggestion = Suggestion(("x = ",), ("np.ones(z",), tokens)
    assert by_mean(0.35)(suggestion, Ask("", "x = ", "", {})) == "np.ones("
