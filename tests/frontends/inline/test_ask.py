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
        ("x = 1\n‸", "line"),
        ("‸", "line"),
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
