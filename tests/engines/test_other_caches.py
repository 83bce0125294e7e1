"""Models whose KV cache forgets, or is none: windows that slide, and recurrent states."""

from __future__ import annotations

import pytest
import torch

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.models.loading import load_model
from cg2magic.request import Request, Sampling
from tests.engines import other_models

LOOP = "for value in values:\n    print(value)\n"


@pytest.fixture(params=["llama", "window", "recurrent"])
def loaded(request, tmp_path):
    return load_model(str(other_models.write(request.param, tmp_path)))


def written(engine, text, n=1, tokens=24):
    sampling = Sampling(n=n, max_new_tokens=tokens)
    suggestions = engine.generate(Request((text,), sampling, language="text")).suggestions
    return [[token.id for token in suggestion.tokens] for suggestion in suggestions]


def greedy(loaded, engine, text, tokens):
    """The likeliest tokens, each from a pass over all before it, without any cache."""
    prompt, vocabulary = engine._prompt(Request((text,), Sampling())), engine.vocabulary
    ids, start, chosen = list(prompt.ids), prompt.starts[0], []
    with torch.inference_mode():
        while len(chosen) < tokens:
            logits = loaded.model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            allowed = vocabulary.leading_to(start)
            for i, nats in vocabulary.handicaps(start).items():
                logits[i] -= nats
            ids.append(allowed[int(logits[allowed].argmax())])
            piece = vocabulary.pieces[ids[-1]]
            # What was given back of the prompt is no part of what is written.
            if chosen or piece[len(start) :]:
                chosen.append(ids[-1])
            start = start[len(piece) :]
    return chosen


@pytest.mark.parametrize("times", [1, 2, 3, 12])  # shorter than the window, about as long, and longer
def test_drafts_and_kept_prompts_change_nothing(loaded, times):
    engine = LocalEngine(loaded)
    text = LOOP * times + "print(value, value"  # behind a newline random weights write nothing but newlines
    first = written(engine, text)
    assert first[0]
    assert first[0] == greedy(loaded, engine, text, len(first[0]))
    # Again, then a little shorter and longer: what is kept is used as far as it can be.
    assert written(engine, text) == first
    for other in (text[:-9], text + "x = [1, 2", text[: len(text) // 2] + "print(x)"):
        plain = LocalEngine(loaded)
        plain.drafts = False
        assert written(engine, other) == written(plain, other)


def test_several_candidates_are_each_what_one_would_be(loaded):
    engine = LocalEngine(loaded)
    alone = written(engine, LOOP * 4)
    assert written(engine, LOOP * 4, n=3) == alone * 3
    # Those that end early leave the batch.
    sampling = Sampling(n=4, max_new_tokens=30, temperature=30.0, seed=2)
    for suggestion in engine.generate(Request((LOOP,), sampling)).suggestions:
        assert suggestion.finish_reason in ("stop", "length")
