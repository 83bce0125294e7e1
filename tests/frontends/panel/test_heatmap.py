"""A scored text where it is stored and read: as HTML without a script, and as plain text."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cg2magic.errors import UsageError
from cg2magic.frontends.panel.heat import Cell, cells, heat, shown
from cg2magic.frontends.panel.heatmap import mimebundle, render_html, render_text
from cg2magic.likelihood import Score
from cg2magic.request import Suggestion, TokenLogprob
from cg2magic.wording import percent


def token(text, probability, *others):
    alternatives = tuple(TokenLogprob(i, other, math.log(p)) for i, (other, p) in enumerate(others))
    return TokenLogprob(7, text, math.log(probability), alternatives)


def score_of(*tokens, start="def", windows=1):
    text = start + "".join(each.text for each in tokens)
    return Score(text, start, tokens, "mini", 1024, windows)


ADD = score_of(
    token(" add", 0.0004, (" main", 0.3), (" <f>", 0.01)),
    token("(a", 0.3, ("(", 0.4)),
    token("):\n    ", 0.9, ("):\n    ", 0.9)),
    token("x", 0.03, ("return", 0.8)),
)


class Labels(HTMLParser):
    """The tokens as a browser would have them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.code, self.titles, self.styles, self.tags = "", [], [], set()
        self.within = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag != "input":
            self.within.append(tag)
        if tag == "label":
            self.titles.append(dict(attributes)["title"])
        if self.within[-2:] == ["label", "span"]:
            self.styles.append(dict(attributes).get("style", ""))

    def handle_endtag(self, tag):
        assert self.within.pop() == tag

    def handle_data(self, data):
        if "pre" in self.within:
            self.code += data


def test_plain_text_has_a_mark_under_what_was_surprising():
    lines = render_text(ADD).splitlines()
    assert lines[1:5] == ["def add(a):", "   ####..", "    x", "    ~"]
    assert lines[0].startswith("mini · 4 tokens · logprob −12.6")
    assert lines[5] == "probability: no mark over 1/2, . 1/5, - 1/20, ~ 1/100, = 1/1000, # less"


def test_html_is_the_whole_text_and_every_token_tells_its_probability_and_what_else_was_likely():
    labels = Labels(render_html(ADD))
    assert labels.code == ADD.text
    assert labels.titles[0] == "␣add   0.04 %\nlikeliest:  ␣main 30 %,  ␣<f> 1.0 %"
    assert len(labels.titles) == len(ADD.tokens)
    assert "script" not in labels.tags


def test_a_level_is_told_by_an_underline_as_well_as_by_colour():
    styles = Labels(render_html(ADD)).styles
    assert styles[2] == ""
    tints = [float(re.search(r"rgba\(.*,([\d.]+)\)", style)[1]) for style in styles if style]
    lines = [re.search(r"border-bottom: (\dpx \w+)", style)[1] for style in styles if style]
    assert tints[0] > tints[2] > tints[1]
    assert len(set(lines)) == 3


def test_a_long_text_says_that_it_was_read_in_windows():
    windowed = score_of(token("x", 0.5, ("x", 0.5)), windows=3)
    for form in mimebundle(windowed).values():
        assert "read in 3 windows of 1,024 tokens that overlap by half" in form
    assert "windows" not in render_text(ADD)


def test_what_was_written_is_text_and_nothing_else():
    evil = score_of(token("<img src=x onerror=alert(1)>\u202e", 0.1, ('"><script>', 0.2)))
    html = render_html(evil)
    assert "<img" not in html
    assert "<script" not in html
    assert "\u202e" not in html + render_text(evil)


def test_two_maps_in_one_notebook_do_not_share_their_buttons():
    names = [re.search(r'name="([^"]+)"', render_html(ADD))[1] for _ in range(2)]
    assert names[0] != names[1]


def test_a_character_of_several_tokens_is_one_cell_with_the_probability_of_all():
    tokens = (token("a", 0.5), token("", 0.1, ("x", 0.9)), token("", 0.5), token("🎉", 0.4))
    assert [(cell.text, cell.place) for cell in cells(tokens)] == [("a", 0), ("🎉", 1)]
    party = list(cells(tokens))[1]
    assert math.exp(party.logprob) == pytest.approx(0.02)
    assert party.alternatives[0].text == "x"


@pytest.mark.parametrize(
    ("probability", "level"),
    [(1, 0), (0.5, 0), (0.49, 1), (0.2, 1), (0.06, 2), (0.011, 3), (0.002, 4), (0.0009, 5), (1e-30, 5)],
)
def test_levels_are_steps_of_probability(probability, level):
    assert Cell("x", 0, math.log(probability), ()).level == level


@pytest.mark.parametrize(
    ("probability", "said"),
    [
        (1, "100 %"),
        (0.9999, "99.9 %"),
        (0.996, "99.6 %"),
        (0.42, "42 %"),
        (0.034, "3.4 %"),
        (0.0012, "0.12 %"),
    ],
)
def test_only_what_is_certain_is_called_so(probability, said):
    assert percent(math.log(probability)) == said
    assert percent(-50) == "< 0.01 %"


def test_white_space_can_be_seen():
    assert shown("\n\t x") == "⏎⇥␣x"


def test_without_pandas_the_frame_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        ADD.to_frame()


def test_the_frame_has_a_row_for_each_token():
    frame = ADD.to_frame()
    assert list(frame.columns) == ["id", "text", "logprob", "probability", "bits", "likeliest"]
    assert frame.loc[3, "text"] == "x"
    assert frame["logprob"].sum() == pytest.approx(ADD.logprob)
    assert frame.loc[3, "likeliest"] == "return"


def test_a_candidates_map_is_its_code_line_for_line_and_marks_only_the_models_tokens():
    parts = ("def f(x):\n    ", "\n\nprint(f(", "))")
    tokens = (token("return", 0.5), token(" x\n", 0.2), token("2", 0.04, ("3", 0.3)))
    # The seam after the first hole put a line break there that no token has.
    suggestion = Suggestion(parts, ("return x\n\n", "2"), tokens, "stop")
    drawn = heat(suggestion, live=True)
    code = "\n".join("".join(text for text, _ in row if text != "\n") for row in drawn["lines"])
    assert code == suggestion.code
    assert [(text, cell) for row in drawn["lines"] for text, cell in row if cell >= 0] == [
        ("return", 0), (" x", 1), ("\n", 1), ("2", 2)
    ]  # fmt: skip
    assert [cell["level"] for cell in drawn["cells"]] == [0, 1, 3]
    assert not drawn["live"]  # how it was made is not known
    assert heat(replace(suggestion, places=(0, 1, 3)), live=True)["live"]
    assert json.loads(json.dumps(drawn))["cells"][2]["others"][0]["shown"] == "3"


def test_without_probabilities_a_candidate_has_its_code_and_the_reason_in_place_of_a_map():
    suggestion = Suggestion(("x = ",), ("f(1)",), (TokenLogprob(0, "f(1)", math.nan),), "stop", places=(0,))
    drawn = heat(suggestion, live=True)
    assert (drawn["cells"], drawn["live"]) == ([], False)
    assert drawn["reason"].startswith("This server does not say")
    assert json.loads(json.dumps(drawn, allow_nan=False))["lines"] == [[["x = ", -1], ["f(1)", -1]]]
    assert heat(replace(suggestion, tokens=(token("f(1)", 0.5),)), live=True)["reason"] == ""
