"""A candidate's code in lines and segments: nothing is lost, and every text has its author."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cg2magic.frontends.visible import Segment, caret, line_classes, lines, looked_at, visible
from cg2magic.request import Suggestion

CODE = st.text(alphabet=st.sampled_from("ab =()'\"#%!\\\n\t\r:é𝒳{}_1.?@"), max_size=40)


def joined(rows):
    return "\n".join("".join(segment.text for segment in row) for row in rows)


@given(st.lists(CODE, min_size=1, max_size=4), st.lists(CODE, max_size=3), st.sampled_from(["python", "sql"]))
def test_the_lines_put_together_are_the_code_whatever_it_is(parts, spans, language):
    suggestion = Suggestion(tuple(parts), tuple(spans[: max(1, len(parts) - 1)]))
    assert joined(lines(suggestion, language)) == suggestion.code


@given(st.lists(CODE, min_size=2, max_size=4), st.lists(CODE, min_size=1, max_size=3))
def test_every_text_keeps_its_author(parts, spans):
    suggestion = Suggestion(tuple(parts), tuple(spans[: len(parts) - 1]))
    by_model = "".join(s.text for row in lines(suggestion) for s in row if s.written)
    assert by_model == "".join(suggestion.spans).replace("\n", "")


def test_an_empty_line_that_the_model_wrote_is_marked_as_its_own():
    rows = lines(Suggestion(("def f():\n    ", "\n"), ("x = 1\n\n    return x",)))
    assert [line_classes(row) for row in rows] == [
        "cg2-line",
        "cg2-line cg2-by-model",
        "cg2-line cg2-by-model",
        "cg2-line cg2-by-model",
        "cg2-line",
    ]


def test_a_line_by_both_is_told_from_a_line_by_the_model_alone():
    rows = lines(Suggestion(("x = ", "\n"), ("1\ny = 2",)))
    assert [line_classes(row) for row in rows][:2] == [
        "cg2-line cg2-by-model cg2-mixed",
        "cg2-line cg2-by-model",
    ]


def test_keywords_strings_and_magics_have_their_styles():
    row = {segment.text: segment.style for segment in lines(Suggestion(("%timeit x\nreturn 'a'",), ()))[1]}
    assert row["return"] == "k"
    assert row["'a'"].startswith("s")


def test_a_language_that_pygments_does_not_know_is_plain_text():
    suggestion = Suggestion(("let x = 1",), (" in x",))
    assert [segment.style for segment in lines(suggestion, "no such language")[0]] == ["", ""]


def test_the_empty_line_after_a_last_newline_is_not_looked_at():
    assert len(looked_at(lines(Suggestion(("a\n",), ("b\n",))))) == 2
    assert len(looked_at(lines(Suggestion(("",), ("",))))) == 1


def test_the_caret_stands_where_the_model_writes_next():
    parts = ("a = ", "\nb = ", "\n")
    for spans, before in (
        ((), "a = "),
        (("1",), "a = 1"),
        (("1", ""), "a = 1\nb = "),
        (("1", "2"), "a = 1\nb = 2"),
    ):
        suggestion = Suggestion(parts, spans)
        assert suggestion.code[: caret(suggestion)] == before


def test_what_a_terminal_obeys_or_what_reorders_the_text_is_made_visible():
    assert visible("a\x1b[31mb\u202ec\td\r\ne\rf\x9b") == "a\ufffd[31mb\ufffdc\td\ne\ufffdf\ufffd"


def test_the_magic_on_top_is_shown_and_the_code_below_is_in_its_language():
    suggestion = Suggestion(("let x = ",), ("1",), header="%%js\n")
    rows = lines(suggestion, "javascript")
    assert ["".join(segment.text for segment in row) for row in rows] == ["%%js", "let x = 1"]
    assert rows[0] == [Segment("", "%%js", written=False)]
    assert {segment.text: segment.style for segment in rows[1]}["let"].startswith("k")
    assert suggestion.code[: caret(suggestion)] == "%%js\nlet x = 1"
