"""The card where no widget lives."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from cg2magic.errors import LoadError
from cg2magic.frontends.panel.render import mimebundle, render_html, render_text
from cg2magic.progress import Progress
from cg2magic.request import Request, Sampling, Seen, Suggestion, TokenLogprob
from cg2magic.service.job import Job

PARTS = ("def mean(values):\n    ", "\n    return total")
FILL = "total = 0\n\n    for v in values:\n        total += v"


def finished(*fills, parts=PARTS, reason="stop", state="done", **changes):
    job = Job(7, Request(parts, Sampling(n=len(fills))))
    token = TokenLogprob(1, "x", -0.42)
    job.wrote(tuple(Suggestion(parts, (fill,), (token,), reason) for fill in fills))
    job.update(state=state, model="mini", **changes)
    return job.snapshot()


class Tags(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.marked, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, _):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "pre" in self.open:
            self.texts.append(data)
            if "mark" in self.open:
                self.marked.append(data)


def test_plain_text_is_the_whole_code_with_a_bar_at_the_models_lines():
    text = render_text(finished(FILL))
    assert text.splitlines() == [
        "mini · 1 token · mean probability 66 %",
        "  def mean(values):",
        "▌     total = 0",
        "▌",
        "▌     for v in values:",
        "▌         total += v",
        "      return total",
    ]


def test_plain_text_numbers_several_candidates():
    text = render_text(finished("a", "b"))
    assert [line for line in text.splitlines() if line.startswith("──")] == [
        "── 1 · mean probability 66 %",
        "── 2 · mean probability 66 %",
    ]


def test_html_is_the_code_in_its_lines_with_what_the_model_wrote_marked():
    card = Tags(render_html(finished(FILL)))
    assert "".join(card.texts).rstrip("\n") == PARTS[0] + FILL + PARTS[1]
    assert "".join(card.marked) == FILL.replace("\n", "")
    assert not card.open


def test_html_has_no_buttons_and_no_script():
    assert not {"button", "script", "input", "textarea", "a"} & set(
        Tags(render_html(finished(FILL, "x"))).tags
    )


@pytest.mark.parametrize("place", ["fill", "prompt", "model", "note", "error", "outcome"])
def test_nothing_that_comes_from_outside_becomes_markup(place):
    evil = "</mark></pre><img src=x onerror=alert(1)>&lt;'\""
    snapshot = finished(
        evil if place == "fill" else "x",
        parts=(evil if place == "prompt" else "", ""),
        notes=(evil,) if place == "note" else (),
        error=evil if place == "error" else "",
    )
    if place == "model":
        snapshot = finished("x", parts=("", ""))
        object.__setattr__(snapshot, "model", evil)
    html = render_html(snapshot, outcome=evil if place == "outcome" else "")
    assert "img" not in Tags(html).tags
    assert "onerror" in html  # it is there, as text


def test_the_chosen_candidate_is_open_and_the_others_are_folded_below():
    html = render_html(finished("aaa", "bbb"), candidate=1, outcome="copied")
    assert html.index("bbb") < html.index("<details") < html.index("aaa")
    assert "copied" in html


@pytest.mark.parametrize("outcome", ["inserted below", "replaced", "dismissed"])
def test_of_what_was_used_one_line_is_open(outcome):
    html = render_html(finished("aaa"), outcome=outcome)
    assert html.index("<summary") < html.index(outcome) < html.index("</summary>") < html.index("aaa")


def test_html_names_no_colour_without_the_theme_and_needs_nothing_from_outside():
    html = render_html(finished(FILL))
    assert not re.search(r"https?:|url\(|@import", html)
    assert "var(--jp-" in html


def test_a_failed_job_is_its_error_and_what_was_written():
    job = Job(1, Request(("x = ",)))
    job.fail(LoadError("There is no model 'minni'."))
    assert render_text(job.snapshot()) == "cg2magic · failed\nThere is no model 'minni'."
    assert "There is no model &#x27;minni&#x27;." in render_html(job.snapshot())


def test_a_job_that_has_not_begun_can_be_drawn():
    job = Job(1, Request(("x = ",)))
    job.update(state="loading", model="big", progress=Progress(0, 0, "B", "big"))
    assert render_text(job.snapshot()) == "big · loading big"


def test_an_output_holds_both_forms():
    assert sorted(mimebundle(finished("x"))) == ["text/html", "text/plain"]


def test_what_the_model_read_is_folded_below_the_card_as_text():
    card = render_html(finished("x", seen=Seen("a = '<b>'\n# %%\nx", 1, 0, 9)))
    assert "<summary>Prompt</summary>" in card
    assert "a = '<b>'\n# %%\nx" in "".join(Tags(card).texts)
    assert "<b>" not in card
    assert "Prompt" not in render_html(finished("x", seen=Seen("x")))
