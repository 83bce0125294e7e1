"""Likelihoods and features, measured against transformers' own classes and its loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import cg2magic
from cg2magic.engines.local.engine import LocalEngine, scoring
from cg2magic.errors import GenerationError, UsageError
from cg2magic.models.loading import load_model
from cg2magic.models.locate import MINI
from cg2magic.progress import Watch
from cg2magic.service.manager import manager
from tests.checkpoints import make_config, write_checkpoint
from training.export import read_back

TEXT = (
    "import numpy as np\n\n\ndef mean(values):\n    total = 0\n    for value in values:\n"
    '        total += value\n    return total / len(values)  # ≈ the "Mittelwert" 🎉\n'
)


@pytest.fixture(scope="module", autouse=True)
def _no_thread_stays():
    yield
    manager().close()
    manager.cache_clear()


@pytest.fixture(scope="module")
def codegen():
    """Mini in transformers' own CodeGen class, which shares nothing with how we read it."""
    return read_back(MINI)


@pytest.fixture(scope="module")
def engine(mini):
    return LocalEngine(mini)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A synthetic checkpoint that sees 64 tokens at once."""
    folder = write_checkpoint(tmp_path_factory.mktemp("small") / "small", make_config(positions=64))
    return LocalEngine(load_model(str(folder), groups=8))


def test_the_logprob_is_the_cross_entropy_that_transformers_computes_with_labels(codegen, mini_tokenizer):
    score = cg2magic.score(TEXT)
    ids = mini_tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        loss = codegen(ids, labels=ids).loss.item()
    assert -score.logprob == pytest.approx(loss * (ids.shape[1] - 1), rel=1e-5)
    assert score.mean_logprob == pytest.approx(-loss, abs=1e-5)
    assert score.perplexity == pytest.approx(math.exp(loss), rel=1e-5)
    predicted = len(TEXT.encode()) - len(score.start.encode())
    assert score.bits_per_byte == pytest.approx(loss * len(score.tokens) / math.log(2) / predicted, rel=1e-5)


def test_each_token_has_its_own_logprob_and_the_five_likeliest(codegen, mini_tokenizer):
    score = cg2magic.score(TEXT)
    ids = mini_tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        logprobs = codegen(ids).logits[0].log_softmax(-1)
    assert [token.id for token in score.tokens] == ids[0, 1:].tolist()
    for token, row in zip(score.tokens, logprobs, strict=False):
        assert token.logprob == pytest.approx(row[token.id].item(), abs=1e-4)
        best = row.topk(5)
        assert [other.logprob for other in token.alternatives] == pytest.approx(
            best.values.tolist(), abs=1e-4
        )
    assert score.start + "".join(token.text for token in score.tokens) == TEXT


def test_the_pieces_a_text_goes_through_in_change_nothing(engine, monkeypatch):
    whole = engine.score(TEXT, Watch())
    monkeypatch.setattr(scoring, "_PIECE", 7)
    rows = []
    forward = engine._forward
    monkeypatch.setattr(
        engine, "_forward", lambda ids, cache, keep=1: rows.append(keep) or forward(ids, cache, keep)
    )
    pieces = engine.score(TEXT, Watch())
    assert max(rows) == 7
    assert len(rows) > 5
    assert [t.logprob for t in pieces.tokens] == pytest.approx([t.logprob for t in whole.tokens], abs=1e-4)


@pytest.mark.parametrize("length", [63, 64, 65, 97, 200])
def test_a_long_text_is_read_in_windows_that_overlap_by_half(small, length):
    letters = "".join("abcdefghij"[(i * i + i // 7) % 10] + " " for i in range(400))
    ids = small.vocabulary.encode(letters)[:length]
    text = small.vocabulary.decode(ids)
    assert small.vocabulary.encode(text) == ids
    score = small.score(text, Watch())

    expected = [None] * length
    begins = [0]
    while begins[-1] + 64 < length:
        begins.append(begins[-1] + 32)
    with torch.inference_mode():
        for begin in begins:
            window = torch.tensor([ids[begin : begin + 64]])
            logprobs = small.loaded.model(window).logits[0].log_softmax(-1)
            for i in range(begin + 1, min(length, begin + 64)):
                if expected[i] is None:
                    expected[i] = logprobs[i - 1 - begin, ids[i]].item()
    assert [token.logprob for token in score.tokens] == pytest.approx(expected[1:], abs=1e-4)
    assert score.windows == len(begins)
    assert score.window == min(64, length)


def test_progress_is_told_and_giving_up_is_quick(engine):
    seen = []
    engine.score(TEXT * 6, Watch(seen.append))
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == seen[-1].total - 1
    calls = iter([False, True])
    with pytest.raises(GenerationError, match="stopped"):
        engine.score(TEXT * 6, Watch(cancelled=lambda: next(calls)))
    with pytest.raises(GenerationError, match="stopped"):
        engine.embed(["a", "b"], Watch(cancelled=lambda: True))


def test_a_tokenizer_that_opens_texts_gives_the_first_token_a_prediction(engine, monkeypatch):
    end = engine.loaded.tokenizer.eos_token_id
    monkeypatch.setattr(engine.vocabulary, "opening", (end,))
    score = engine.score("x = 1", Watch())
    assert score.start == ""
    assert "".join(token.text for token in score.tokens) == "x = 1"
    ids = torch.tensor([[end, *engine.vocabulary.encode("x = 1")]])
    loss = engine.loaded.model(ids, labels=ids).loss.item()
    assert score.mean_logprob == pytest.approx(-loss, abs=1e-5)


@pytest.mark.parametrize(("text", "what"), [("", "empty"), ("x", "a single token")])
def test_what_has_nothing_to_predict_is_refused(text, what):
    with pytest.raises(UsageError, match=what):
        cg2magic.score(text)


def test_features_are_the_mean_of_the_last_hidden_states(codegen, mini_tokenizer):
    features = cg2magic.embed([TEXT])
    ids = mini_tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        states = codegen.transformer(ids).last_hidden_state[0]
    assert features.dtype == np.float32
    assert features.shape == (1, codegen.config.n_embd)
    assert features[0] == pytest.approx(states.mean(0).numpy(), abs=1e-5)


def test_features_do_not_depend_on_the_texts_beside_them():
    texts = [TEXT[: 3 + 17 * i] for i in range(9)] + ["x", "y = 2"]
    together = cg2magic.embed(texts)
    alone = np.concatenate([cg2magic.embed([text]) for text in texts])
    near = {"abs": 1e-5, "rel": 1e-6}  # float32 has no more digits: some values are above 20
    assert together == pytest.approx(alone, **near)
    assert cg2magic.embed(texts[::-1])[::-1] == pytest.approx(together, **near)


def test_a_long_text_is_embedded_in_windows(small):
    ids = small.vocabulary.encode("a b c d e f g h " * 20)
    assert len(ids) > 128
    text = small.vocabulary.decode(ids)
    with torch.inference_mode():
        states = [
            small.loaded.model.base_model(torch.tensor([w])).last_hidden_state[0]
            for w in (ids[at : at + 64] for at in range(0, len(ids), 64))
        ]
    assert small.embed([text], Watch())[0] == pytest.approx(torch.cat(states).mean(0).numpy(), abs=1e-5)


def test_embed_says_what_it_takes():
    with pytest.raises(UsageError, match=r"embed\(\[text\]\)"):
        cg2magic.embed("x = 1")
    with pytest.raises(UsageError, match="text 1 is empty"):
        cg2magic.embed(["x", ""])
    assert cg2magic.embed([]).shape[0] == 0
