"""From names to tokens: what one token may be, and which tokens may come next, are the same question."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.grounding.allowed import Allowed, Rest, TokenIndex

WORD, KEY, KEYWORD = Rest(), Rest(b'"'), Rest(lead=True, call=True)
PIECES = [
    *(b"", b"mean", b"me", b"m", b"median", b"an", b"n", b"mean()", b"()", b"(", b" ", b"\n    ", b" mean"),
    *(
        b'"',
        b'"]',
        b'mean"]',
        b"\\n",
        b"\\",
        b"_",
        b"=",
        b"==",
        b" =",
        b"mean=",
        b", ",
        b"\xc3",
        b"\xa9",
        b"1",
    ),
]
INDEX = TokenIndex(PIECES)

names = st.sets(
    st.sampled_from([b"mean", b"me", b"median", b"n", b"m_1", b"\xc3\xa9", b"x y", b""]), max_size=6
)


def allowed(of, typed, rest, owed=b""):
    return [PIECES[i] for i in Allowed(sorted(of), typed, rest, owed).ids(INDEX)]


@pytest.mark.parametrize(
    ("typed", "rest", "pieces"),
    [
        (b"", WORD, [b"mean", b"me", b"m", b"mean()", b'mean"]', b"mean="]),
        (b"me", WORD, [b"an"]),
        (
            b"mean",
            WORD,
            [b"()", b"(", b" ", b"\n    ", b'"', b'"]', b"\\n", b"\\", b"=", b"==", b" =", b", "],
        ),
        (b"", KEY, [b"mean", b"me", b"m", b'mean"]']),
        (b"mean", KEY, [b'"', b'"]']),
        (b"mean", KEYWORD, [b" ", b"=", b" ="]),
    ],
)
def test_a_token_may_begin_a_name_go_on_with_it_or_run_over_its_end(typed, rest, pieces):
    ids = allowed([b"mean"], typed, rest)
    ends = [b""] if typed == b"mean" else []
    assert sorted(set(ids) - {b" mean", b""}) == sorted(pieces)
    assert Allowed([b"mean"], typed, rest).permits(b"") == bool(ends or rest.lead)


def test_blanks_may_come_before_a_keyword_and_what_is_no_name_is_not_ours_to_judge():
    keywords = Allowed([b"mean"], b"", KEYWORD)
    assert keywords.permits(b"\n    ")
    assert keywords.permits(b" mean=")
    assert keywords.permits(b" **more")
    assert keywords.permits(b")")
    assert not keywords.permits(b" median")
    assert not keywords.permits(b" mean)")


def test_a_key_with_other_characters_may_be_written_with_escapes():
    assert not Allowed([b"mean"], b"", KEY).permits(b"\\x6d")
    assert Allowed(["é".encode()], b"", KEY).permits(b"\\xe9")
    assert Allowed([b"a\\\\b"], b"a", KEY).permits(b"\\\\")


def test_a_key_that_is_put_together_stays_but_is_never_put_in():
    keys = Allowed([b"bark_len", b"bark_wid", b"leaf"], b"", KEY)
    for piece in (b'bark_" + kind', b"bark_{}", b"%s_len"):
        assert keys.leaves(piece)
        assert not keys.permits(piece)
    for piece in (b'bark"', b'bark_"]', b'root_"', b"leave", b'"'):
        assert not keys.leaves(piece)
    assert Allowed([b"bark_len"], b"bark_", KEY).leaves(b'"')
    assert not Allowed([b"bark_len"], b"bark_", WORD).leaves(b"{")


@pytest.mark.parametrize("typed", [b"", b"it", b"it\\", b"it\\'s"])
def test_a_quote_in_a_key_does_not_end_it(typed):
    keys = Allowed([b"it\\'s", b"its"], typed, Rest(b"'"))
    assert keys.permits(b"it\\'s']"[len(typed) :])
    assert not Allowed([b"it\\'s"], b"it\\", Rest(b"'")).permits(b"']")


def test_text_that_was_given_back_is_written_first():
    found = allowed([b"mean", b"median"], b"me", WORD, owed=b"me")
    assert found == [b"mean", b"me", b"median", b"mean()", b'mean"]', b"mean="]


@given(names, st.sampled_from([b"", b"m", b"me", b"mean", b"x"]), st.sampled_from([WORD, KEY, KEYWORD]))
def test_ids_are_those_of_the_tokens_that_are_permitted(held, typed, rest):
    of = Allowed(sorted(held), typed, rest)
    if of.is_hopeless:
        assert not [i for i in of.ids(INDEX) if typed and i not in INDEX.escaping]
        return
    permitted = [i for i, piece in enumerate(PIECES) if piece and of.permits(piece)]
    assert [i for i in of.ids(INDEX) if PIECES[i]] == permitted


@given(names, st.lists(st.sampled_from(PIECES[1:]), max_size=5))
def test_token_by_token_only_names_are_written(held, pieces):
    text = b""
    for piece in pieces:
        of = Allowed(sorted(held), text, WORD)
        if not of.permits(piece):
            continue
        text += piece
        word = re.match(rb"[\w\x80-\xff]*", text)[0]
        assert any(name.startswith(word) for name in held)
        if word != text:
            assert word in held
            return
