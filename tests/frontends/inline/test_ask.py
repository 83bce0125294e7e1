"""What a page asks for becomes a request, or none."""

from __future__ import annotations

import pytest

from cg2magic.frontends.inline.ask import Ask


def ask(text, **options):
    """An ask with the cursor where the ‸ stands."""
    prefix, suffix = text.split("‸")
    return Ask("1", prefix, suffix, {}, **options)


def test_with_text_behind_the_cursor_a_hole_is_filled_and_else_the_text_goes_on():
    assert ask("x = f(‸)").request.parts == ("x = f(", ")")
    assert ask("x = f(‸\n\n").request.parts == ("x = f(",)


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("x = ‸", "line"),
        ("def f():‸", "line"),
        ("def f():\n    ‸", "block"),
        ("for i in x:  # all\n    ‸\nprint(i)", "block"),
        ("def f():\n    ‸return", "line"),
        ("# all of them\n‸", "block"),
        ("x = 1\n    # all of them\n    ‸\nprint(i)", "block"),
        ("# ----\n‸", "line"),
        ("%%bash\n# all files\n‸", "block"),
        ("x = 1  # one\n‸", "line"),
        ('''x = """\n# no comment\n‸''', "line"),
        ("def f():\n    x = 1\n    ‸", "line"),
        ("x = 1\n‸", "line"),
        ("‸", "block"),
        ("%%time\n‸", "block"),
    ],
)
def test_a_block_is_written_only_on_an_empty_line_that_opens_one(text, reach):
    assert ask(text).reach == reach


def test_after_an_accepted_line_the_next_one_is_written():
    assert ask("x = 1‸", accepted=True).reach == "next line"
    assert ask("x = 1‸)", accepted=True).reach == "line"
    assert ask("def f():\n    ‸", accepted=True).reach == "block"


def test_a_line_stops_at_its_end_and_a_block_does_not():
    assert ask("x = ‸").request.sampling.stop == ("\n",)
    assert ask("def f():\n    ‸").request.sampling.stop == ()


def test_typing_is_greedy_and_asking_by_hand_draws():
    assert ask("x = ‸").request.sampling.temperature == 0
    by_hand = ask("x = ‸", candidates=3).request.sampling
    assert by_hand.n == 3
    assert by_hand.temperature > 0


def test_a_cell_magic_on_top_tells_the_language_and_is_not_seen():
    request = ask("%%bash\nfor f in *; do‸").request
    assert (request.language, request.parts) == ("shell", ("for f in *; do",))


@pytest.mark.parametrize("text", ["‸", "\n  ‸", "%%ba‸sh", "%%time\n‸"])
def test_where_nothing_was_begun_nothing_is_asked(text):
    assert ask(text).request is None


@pytest.mark.parametrize("text", ["‸", "\n  ‸", "%%time\n‸", "p‸", "if x:‸"])
def test_by_hand_it_is_asked_even_there(text):
    assert ask(text, by_hand=True).request is not None


def test_a_model_that_is_asked_in_an_empty_cell_has_something_to_read():
    assert ask("‸", by_hand=True).request.parts == ("\n",)


def test_but_not_within_a_magic():
    assert ask("%%ba‸sh", by_hand=True).request is None


@pytest.mark.parametrize("text", ["p‸", "x = 1\np‸", "x = p‸", "def f(a‸)"])
def test_after_one_letter_of_a_word_nothing_is_expected(text):
    assert ask(text).request is None


@pytest.mark.parametrize("text", ["pl‸", "x1‸", "x = 1‸", "x ‸", "f(‸"])
def test_after_more_or_after_a_sign_something_is(text):
    assert ask(text).request is not None


@pytest.mark.parametrize("text", ["def f():‸", "    else:‸", "for i in x:  # all‸", "async def f(a: int):‸"])
def test_the_head_of_a_block_goes_on_in_the_next_line(text):
    assert ask(text).request is None


@pytest.mark.parametrize("text", ["x = {1:‸", "f = lambda x:‸", "if x[1:‸", "x: ‸"])
def test_not_every_colon_ends_a_head(text):
    assert ask(text).request is not None
