"""Any texts: joined with marks and taken apart again, without losing a character."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cg2magic.errors import UsageError
from cg2magic.syntax.cursor import join, split

# Text that is mostly what the rules are about, and any other text.
SPACES = ["\n", "\r", "\r\n", " ", "    ", "\t", "\f", "\0", "\xa0", "\u2028", "\\\n", "\\\r\n"]
BRACKETS = "( ) [ ] { } f' f\" ' \" \"\"\" '''"
SIGNS = "| \\ \\| : ! ? % # = . ... , @ + ~ $ a x1 0 0777 in def not lambda é \ud800"
fragments = st.sampled_from([*BRACKETS.split(" "), *SIGNS.split(" "), *SPACES])
texts = st.one_of(st.text(), st.lists(fragments, max_size=25).map("".join))
marks = st.one_of(
    st.sampled_from(["|", "@", "@@", "||", "aba", "<here>", "█"]),
    st.text(st.characters(exclude_characters="\\", exclude_categories=("C", "Z")), min_size=1, max_size=3),
)
several = st.lists(texts, min_size=2, max_size=4).map(tuple)


def joined(parts, **options):
    """Join, or check what the person is told and return None."""
    try:
        return join(parts, **options)
    except UsageError as error:
        message = str(error)
    mark = options.get("mark", "|")
    assert message == (
        f"the mark {mark} can't separate these texts: choose a mark that does not occur in them"
    )
    return None


@given(several, marks, st.sampled_from(["python", "r", "bash"]))
@example(("\\", "\\\\"), "@", "python")
@example(("@", "@@@", "\\@"), "@@", "python")
@example(('"\\', '"'), "@", "python")
def test_marks_put_in_and_taken_out_give_the_texts_back_or_are_refused(parts, mark, language):
    cell = joined(parts, mark=mark, language=language)
    if cell is not None:
        assert split(cell, mark=mark, language=language) == parts


@given(several)
def test_a_mark_that_is_not_in_the_texts_always_tells_them_apart(parts):
    parts = tuple(part.replace("@", "").replace("\\", "") for part in parts)
    assert split(join(parts, mark="@"), mark="@") == parts


@pytest.mark.parametrize(
    ("parts", "mark", "cell"),
    [
        (("x: int | None = ", "\n"), "|", "x: int \\| None = |\n"),
        (('re.split("|", ', ")"), "|", 're.split("|", |)'),
        ((r're.split(r"\|", ', ")"), "|", r're.split(r"\|", |)'),
        (("a | ", r" + r'\@' @"), "@", r"a | @ + r'\@' \@"),
        (("\\", "\\\\"), "@", "\\\\@\\\\"),
    ],
)
def test_texts_are_joined_with_backslashes_where_they_count(parts, mark, cell):
    assert join(parts, mark=mark) == cell
    assert split(cell, mark=mark) == parts


@pytest.mark.parametrize(
    ("parts", "mark"), [(("'a@b' + ", ""), "@"), (("f(a ", " b)"), "|"), (("'\\", "'"), "|")]
)
def test_texts_that_a_mark_can_not_tell_apart_are_refused(parts, mark):
    assert joined(parts, mark=mark) is None


@given(several, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["python", "r", "latex"]))
def test_bars_alone_on_their_lines_put_in_and_taken_out_give_the_texts_back(parts, end, language):
    first, *middle, last = (part.replace("|", "") for part in parts)
    parts = (first + end, *(end + text + end for text in middle), end + last)
    assert split(join(parts, language=language), language=language) == parts


def split_or_complain(cell, **options):
    """Split, or check what the person is told and return None."""
    try:
        return split(cell, **options)
    except UsageError as error:
        message = str(error)
    assert re.match(r"no hole in the cell: |it is not clear whether \| is a hole at \(1\) ", message)
    assert message.isprintable()
    return None


@given(texts, marks, st.sampled_from(["python", "r", "bash", "html"]))
def test_any_text_is_taken_apart_without_losing_a_character_or_refused_in_one_line(cell, mark, language):
    parts = split_or_complain(cell, mark=mark, language=language)
    if parts is not None and len(mark) == 1:
        # Nothing but backslashes before marks may be gone.
        before_marks = re.compile(rf"\\+(?={re.escape(mark)})")
        assert before_marks.sub("", mark.join(parts)) == before_marks.sub("", cell)


@given(texts)
def test_a_text_without_a_hole_is_joined_as_it_is_but_for_its_marks(text):
    assert join([text]).replace("\\", "") == text.replace("\\", "")
    if "|" not in text:
        assert join([text]) == text
