"""Decoding among names that exist: it steps in where the model is wrong, and nowhere else."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from cg2magic.engines.local.decoding import Chooser
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.grounding.grounding import Grounding
from cg2magic.prompts.continuation import continuation
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.request import Request, Sampling, TokenLogprob

FRAME = pd.DataFrame({"bark_len": [1.0], "leaf_wid": [2.0], "kind": ["a"]})
NAMESPACE = {"np": np, "df": FRAME, "settings": {"depth": 1, "width": {"left": 2}}}


@pytest.fixture(scope="module")
def engine(mini):
    return LocalEngine(mini)


def write(engine, *parts, grounding=Grounding(NAMESPACE), **sampling):  # noqa: B008 - it can't be changed
    wanted = Sampling(**{"max_new_tokens": 24, **sampling})
    return engine.generate(Request(parts, wanted, grounding=grounding)).suggestions


def corrected(suggestion):
    return [suggestion.spans[name.hole][name.start : name.end] for name in suggestion.names]


def test_where_the_model_is_right_text_and_probabilities_are_as_without(engine):
    for prompt in ("x = np.zeros(3)\ny = np.", "def mean(values):\n    total = 0\n", "import os\nos."):
        (without,), (grounded,) = write(engine, prompt, grounding=None), write(engine, prompt)
        assert not grounded.names
        assert grounded.text == without.text
        assert [token.id for token in grounded.taken] == [token.id for token in without.taken]
        assert grounded.logprob == pytest.approx(without.logprob, abs=1e-3)


def test_a_name_that_is_not_there_becomes_one_that_is(engine):
    (without,) = write(engine, "m = settings['w", grounding=None, stop=("]",))
    assert not without.text.startswith("idth'")
    (suggestion,) = write(engine, "m = settings['w", stop=("]",))
    assert suggestion.text == "idth'"
    assert suggestion.notes == ("1 name corrected",)
    first = suggestion.tokens[0]
    assert first.corrected
    # The probabilities are the model's own, and the first alternative is what it wanted.
    wanted = first.alternatives[0]
    assert wanted.text.startswith("'")
    assert first.logprob < wanted.logprob


def test_a_name_that_nothing_points_to_is_freed_and_said_to_be_unknown(engine):
    grounding = Grounding({"settings": {"\u4e16\u754c": 1}})
    (suggestion,) = write(engine, "m = settings['", grounding=grounding)
    (without,) = write(engine, "m = settings['", grounding=None)
    assert suggestion.text == without.text
    assert suggestion.notes == ("1 name not found in this kernel",)
    (unknown,) = corrected(suggestion)
    assert without.text.startswith(f"{unknown}'")


def test_candidates_are_grounded_each_and_what_is_drawn_and_allowed_stays(engine):
    several = write(engine, "m = df[['", n=4, temperature=0.8, seed=2, stop=("\n",))
    alone = write(engine, "m = df[['", n=1, temperature=0.8, seed=2, stop=("\n",))
    assert alone[0].text == several[0].text
    for suggestion in several:
        for name in suggestion.names:
            if name.outcome == "corrected":
                written = suggestion.spans[0][name.start : name.end]
                assert written in FRAME.columns or hasattr(FRAME, written)


def test_drafts_do_not_change_what_is_written(engine):
    # The text before names what is not there: the draft says it again.
    prompt = "m = settings['wires'].left\nm = settings['wires'].left\nm = settings['wid"
    (drafted,) = write(engine, prompt)
    engine.drafts = False
    try:
        (plain,) = write(engine, prompt)
    finally:
        engine.drafts = True
    assert drafted.text == plain.text
    assert drafted.text.startswith("th'")


def test_choosing_what_the_model_wanted_goes_on_with_an_unknown_name(engine):
    request = Request(("m = settings['",), Sampling(max_new_tokens=12), grounding=Grounding(NAMESPACE))
    (suggestion,) = engine.generate(request).suggestions
    place = next(i for i, token in enumerate(suggestion.tokens) if token.corrected)
    wanted = suggestion.tokens[place].alternatives[0]
    again, _ = continuation(request, suggestion, place, wanted.id)
    (other,) = engine.generate(again).suggestions
    assert other.taken[suggestion.places[place]].id == wanted.id
    assert "1 name not found in this kernel" in other.notes


def test_a_key_at_the_beginning_of_a_line_is_free_and_said_to_be_unknown_once_it_is_read(engine):
    prompt = "limits = {}\nsettings['wid"
    (suggestion,) = write(engine, prompt, stop=("\n",))
    (without,) = write(engine, prompt, grounding=None, stop=("\n",))
    assert suggestion.text == without.text
    for behind, unknown in (("'] = 1", False), ("']", False), ("'].x", True), ("'] == 1", True)):
        fill = GroundedFill(Grounding(NAMESPACE), prompt, "", b"", engine.vocabulary)
        assert fill.allowed is None
        text = f"get{behind}"
        for length in range(1, len(text) + 1):
            fill.took(TokenLogprob(0, "", 0.0), text[:length].encode(), b"")
        assert [name.outcome for name in fill.names(0, text)] == ["unknown"] * unknown


@pytest.mark.parametrize(("begun", "unknown"), [("dep", False), ("deep", True), ("\\x64e", False)])
def test_a_name_that_the_person_began_and_that_is_not_there_is_said_to_be_unknown(engine, begun, unknown):
    fill = GroundedFill(Grounding(NAMESPACE), f"m = settings['{begun}", "", b"", engine.vocabulary)
    token = next(i for i, piece in enumerate(engine.vocabulary.pieces) if piece == b"th")
    fill.took(TokenLogprob(token, "th", 0.0), b"th", b"")
    assert [name.outcome for name in fill.names(0, "th")] == ["unknown"] * unknown


@pytest.mark.parametrize(
    ("prompt", "pieces", "unknown"),
    [
        ("y = my(df.", ["na", "me", " for", " df", " in", " x", ")"], []),
        ("y = my(df.", ["na", "me", " for", " row", " in", " x", ")"], ["name"]),
        ("plt.", ["style", "d", " =", " 1"], []),
        ("plt.", ["style", "d", " ==", " 1"], ["styled"]),
        ("y = df['", ["leaf_", "' +", " x", "]\n"], []),
        ("y = df['", ["leaf_", "']\n"], ["leaf_"]),
        ("y = df['", ["{}_len", "'.", "format", "(x)", "]\n"], []),
    ],
)
def test_what_follows_may_say_that_a_name_is_right(engine, prompt, pieces, unknown):
    vocabulary = copy(engine.vocabulary)
    vocabulary.pieces = [piece.encode() for piece in pieces]
    fill = GroundedFill(Grounding({**NAMESPACE, "plt": np}), prompt, "", b"", vocabulary)
    text = ""
    for i, piece in enumerate(pieces):
        text += piece
        fill.took(TokenLogprob(i, piece, 0.0), text.encode(), b"")
    assert [text[name.start : name.end] for name in fill.names(0, text)] == unknown


@pytest.mark.parametrize(("likely", "outcome"), [(-1.0, "corrected"), (-30.0, "unknown")])
def test_a_token_that_begins_a_name_itself_is_grounded_as_well(engine, likely, outcome):
    # Other vocabularies than mini's have tokens such as .append: no name is open before all of it is there.
    wanted, there = 300, 301
    vocabulary = copy(engine.vocabulary)
    vocabulary.__dict__.pop("token_index", None)
    vocabulary.pieces = [*vocabulary.pieces[:300], b".append", b".items", *vocabulary.pieces[302:]]
    logits = torch.full((len(vocabulary),), -40.0)
    logits[wanted], logits[there] = 0.0, likely
    fill = GroundedFill(Grounding(NAMESPACE), "m = settings", "", b"", vocabulary)
    token = Chooser(Sampling(temperature=0), 0, vocabulary).next(logits, _Writing(fill))
    assert token.id == (there if outcome == "corrected" else wanted)
    fill.took(token, vocabulary.pieces[token.id], b"")
    text = vocabulary.text(token.id)
    (name,) = fill.names(0, text)
    assert (name.outcome, text[name.start : name.end]) == (outcome, text[1:])
    assert fill.against(vocabulary.pieces.index(b"(")) is None


class _Writing:
    """What a sampler asks of a candidate."""

    start, barred, deeper = b"", frozenset(), frozenset()

    def __init__(self, allowed):
        self.allowed = allowed


def test_holes_are_grounded_in_what_is_before_them(engine):
    (suggestion,) = write(engine, "a = settings['", "']\nb = settings['width']['", "']\n")
    assert len(suggestion.spans) == 2
    for name in suggestion.names:
        written = suggestion.spans[name.hole][name.start : name.end]
        if name.outcome == "corrected":
            assert written in (("depth", "width"), ("left",))[name.hole]


def test_a_name_that_the_cell_makes_anew_is_left_to_the_model(engine):
    prompt = "settings = {'wires': 1}\nm = settings['wid"
    (grounded,), (without,) = write(engine, prompt), write(engine, prompt, grounding=None)
    assert grounded.text == without.text
    assert not grounded.names


def test_the_request_keeps_the_namespace_and_none_of_its_objects(engine):
    import gc
    import weakref

    class Held:
        pass

    held = Held()
    there = weakref.ref(held)
    grounding = Grounding({"d": {"held": held}})
    request = Request(("m = d['",), Sampling(max_new_tokens=4), grounding=grounding)
    engine.generate(request)
    grounding.namespace.clear()
    del held
    gc.collect()
    assert there() is None
    assert replace(request).grounding is grounding
    assert math.isfinite(engine.generate(request).suggestions[0].logprob)
