"""What may be drawn: temperature, top-k and top-p as transformers has them."""

from __future__ import annotations

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from cg2magic.engines.local.decoding import Chooser, likeliest, nucleus
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Sampling


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("top_k", [0, 7])
@pytest.mark.parametrize("top_p", [0.5, 0.95, 1.0])
@pytest.mark.parametrize("rows", [50, 5000])
def test_the_same_tokens_may_be_drawn_with_the_same_probabilities(temperature, top_k, top_p, rows):
    logits = torch.randn(rows, generator=torch.Generator().manual_seed(rows)) * 3
    scores = TemperatureLogitsWarper(temperature)(None, logits[None])
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p < 1:
        scores = TopPLogitsWarper(top_p)(None, scores)
    expected = scores[0].softmax(-1)

    ids, probabilities = nucleus(logits, Sampling(temperature=temperature, top_k=top_k, top_p=top_p))
    ours = torch.zeros(rows).index_copy(0, ids, probabilities / probabilities.sum())
    assert torch.allclose(ours, expected, atol=1e-6)
    assert set(ids[probabilities > 0].tolist()) == set(expected.nonzero()[:, 0].tolist())


def test_equal_probabilities_are_cut_to_as_many_as_are_needed():
    ids, _ = nucleus(torch.zeros(4096), Sampling(temperature=1.0, top_p=0.75))
    assert len(set(ids.tolist())) == len(ids) == 3072


def test_tokens_are_drawn_as_often_as_they_are_likely(mini):
    vocabulary = Vocabulary(mini.tokenizer, ())
    logits = torch.full((len(vocabulary),), -torch.inf)
    logits[[7, 1000, 5000]] = torch.tensor([0.5, 0.3, 0.2]).log()
    choose = Chooser(Sampling(temperature=1.0, top_p=1.0, seed=0), 0, vocabulary)
    drawn = [choose(logits, b"").id for _ in range(2000)]
    for token, probability in ((7, 0.5), (1000, 0.3), (5000, 0.2)):
        assert drawn.count(token) / 2000 == pytest.approx(probability, abs=0.05)


def test_what_a_constraint_forbids_is_never_drawn():
    logits = torch.full((100,), -torch.inf)
    logits[42] = 0.0
    ids, probabilities = nucleus(logits, Sampling(temperature=1.0, top_p=1.0))
    assert ids[probabilities > 0].tolist() == [42]


@pytest.mark.parametrize("rows", [3, 127, 128, 641, 5000, 151_936])
@pytest.mark.parametrize("tied", [False, True])
def test_the_likeliest_are_those_of_a_stable_sort_over_all(rows, tied):
    scores = torch.randn(rows, generator=torch.Generator().manual_seed(rows))
    scores[rows // 2 :: 3] = -torch.inf
    scores = scores.round() if tied else scores
    best, ids = scores.sort(descending=True, stable=True)
    found, where = likeliest(scores, 5)
    assert found.tolist() == best[:5].tolist()
    assert where.tolist() == ids[:5].tolist()


@pytest.mark.parametrize(("ahead", "is_part"), [(1.0, False), (30.0, True)])
def test_of_a_word_that_was_begun_a_part_is_chosen_only_if_it_is_much_likelier(mini, ahead, is_part):
    vocabulary = Vocabulary(mini.tokenizer, ())
    start = next(piece[:-1] for piece in vocabulary.pieces if vocabulary.handicaps(piece[:-1]))
    (part, *_) = vocabulary.handicaps(start)
    whole = next(i for i in vocabulary.leading_to(start) if vocabulary.pieces[i].startswith(start))
    logits = torch.zeros(len(vocabulary))
    logits[whole], logits[part] = 10.0, 10.0 + ahead
    chosen = Chooser(Sampling(temperature=0), 0, vocabulary)(logits, start)
    assert chosen.id == (part if is_part else whole)
