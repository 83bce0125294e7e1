"""Training samples look like what the product sends."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from cg2magic.prompts.encoding import FORMATS, encode
from cg2magic.prompts.vocabulary import Vocabulary
from training import spans
from training.spans import Hole, Infill, parts_and_fills

CELL = """import numpy as np
from math import sqrt


def mean(values, weights=None):
    total = 0
    for value in values:
        total += value
    if weights is None:
        return total / len(values)
    return np.average(values, weights=weights)


points = [(1, 2), (3, 4)]
print(mean([1, 2, 3]), sqrt(2))
"""


@pytest.fixture(scope="module")
def vocabulary(tokens):
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<|endoftext|>")
    return Vocabulary(wrapped, FORMATS["codegen2"].steering)


@pytest.fixture(scope="module")
def infill(tokens):
    return Infill(tokens)


@given(seed=st.integers(0, 10_000))
def test_parts_and_fills_put_together_are_the_text(seed):
    chosen = spans.holes(CELL, random.Random(seed))
    parts, fills = parts_and_fills(CELL, chosen)
    assert len(parts) == len(fills) + 1
    assert "".join(a + b for a, b in zip(parts, [*fills, ""], strict=True)) == CELL


@given(seed=st.integers(0, 10_000))
def test_a_sample_begins_with_the_very_ids_the_product_sends(seed, infill, vocabulary):
    chosen = spans.holes(CELL, random.Random(seed))
    ids, before = infill.sample(*parts_and_fills(CELL, chosen))
    edges = [0, *(edge for hole in chosen for edge in (hole.start, hole.end)), len(CELL)]
    asked = tuple(CELL[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
    assert tuple(ids[:before]) == encode(asked, "codegen2", vocabulary, 1000).ids


@given(seed=st.integers(0, 10_000))
def test_a_fill_begins_with_what_the_prefix_gave_back_and_each_is_closed(seed, infill, tokens):
    chosen = spans.holes(CELL, random.Random(seed))
    parts, fills = parts_and_fills(CELL, chosen)
    ids, before = infill.sample(parts, fills)
    answer = tokens.decode(ids[before:], skip_special_tokens=False)
    expected = [infill.heal(part)[1] + fill for part, fill in zip(parts, fills, strict=False)]
    marks = ["<eom>", *(f"<mask_{number}>" for number in range(2, 6))]
    wanted = (
        expected[0]
        + "<eom>"
        + "".join(f"{mark}{fill}<eom>" for mark, fill in zip(marks[1:], expected[1:], strict=False))
    )
    assert answer == wanted


def test_a_newline_after_a_hole_goes_into_the_fill():
    text = "x = 1\ny = 2\n"
    assert parts_and_fills(text, [Hole(4, 5)]) == (["x = ", "y = 2\n"], ["1\n"])


def test_a_prefix_of_indentation_stays_and_a_word_gives_its_last_token_back(infill, tokens):
    assert infill.heal("def f():\n    ")[1] == ""
    assert infill.heal("x = 1\n")[1] == ""
    assert infill.heal("x = ")[1] == " "
    kept, back = infill.heal("print")
    assert back
    assert tokens.decode(kept) + back == "print"


def test_every_kind_of_hole_is_made_and_they_keep_their_distance():
    sizes, empty, several = set(), 0, 0
    for seed in range(600):
        chosen = spans.holes(CELL, random.Random(seed))
        empty += any(hole.start == hole.end for hole in chosen)
        several += len(chosen) > 1
        sizes |= {CELL[hole.start : hole.end].count("\n") for hole in chosen}
        assert all(a.end < b.start for a, b in itertools.pairwise(chosen))
    assert sizes >= {0, 1, 2, 3}
    assert empty > 10
    assert 200 < several < 400


@pytest.mark.parametrize("text", ["(", "x", "\n\n\n", "    ", "é" * 50, "f((((((((((\n"])
def test_texts_with_little_in_them_are_no_trouble(text, infill):
    for seed in range(30):
        rng = random.Random(seed)
        piece = spans.window(text, rng, 300)
        parts, fills = parts_and_fills(piece, spans.holes(piece, rng))
        infill.sample(parts, fills)


def test_a_window_is_a_piece_of_the_text_at_lines():
    text = CELL * 8
    for seed in range(100):
        piece = spans.window(text, random.Random(seed), 700)
        assert piece in text
        assert len(piece) <= 700


def test_where_a_cell_ends_is_never_filled_in():
    cells = "import numpy as np\n\n# %%\na = 1\nb = 2\n\n# %%\nprint(a + b)"
    filled = [
        fill
        for seed in range(600)
        for fill in parts_and_fills(cells, spans.holes(cells, random.Random(seed)))[1]
    ]
    assert any("b = 2" in fill for fill in filled)
    assert not any(spans.SEPARATOR in fill for fill in filled)


def test_a_docstring_that_only_opens_is_never_a_fill():
    docstring = '    """Return the mean.\n\n    Of numbers.\n    """\n'
    text = f"def mean(values):\n{docstring}    return sum(values) / len(values)\n"
    made = [spans.holes(text, random.Random(seed)) for seed in range(400)]
    fills = {text[hole.start : hole.end] for each in made for hole in each}
    assert all(fill.count('"""') % 2 == 0 for fill in fills)
    assert {"return sum(values) / len(values)", "Of numbers."} <= fills
