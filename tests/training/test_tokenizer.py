"""The tokenizer gives every text back, and has the tokens that CodeGen2's has."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from training.tokenizer import MASKS, ROWS, RUNS


@given(st.text())
@example(" " * 70 + "x")
@example("\t\t\t\t\t\t\t\t\t\t\t\treturn  'a'\r\n")
@example("é 日本 🎉\u200b\x00")
def test_every_text_comes_back_exactly(tokens, text):
    assert tokens.decode(tokens.encode(text, add_special_tokens=False).ids, skip_special_tokens=False) == text


def test_runs_of_whitespace_are_one_token(tokens):
    for run in RUNS:
        assert tokens.encode(f"{run}x", add_special_tokens=False).tokens[0] == run


def test_a_single_space_belongs_to_the_word_after_it(tokens):
    assert tokens.encode("return total", add_special_tokens=False).tokens[-1] == "Ġtotal"


def test_special_tokens_are_skipped_when_asked_and_runs_are_not(tokens):
    ids = tokens.encode("a    b<mask_1><eom>", add_special_tokens=False).ids
    assert tokens.decode(ids) == "a    b"


def test_all_rows_are_accounted_for(tokens):
    assert tokens.get_vocab_size() <= ROWS
    assert len(MASKS) == 16
    assert len(RUNS) == 38
