"""Every engine of the benchmark runs the same model, and writes as much as it is asked for."""

from __future__ import annotations

import pytest
import torch

from benchmarks.speed.checkpoint import make_tokenizer, random_ids, write_checkpoint
from benchmarks.speed.ours import Ours
from benchmarks.speed.peers import PEERS, CardsWay, Clock, Place
from benchmarks.speed.shapes import SHAPES
from cg2magic.models.loading import load_model
from cg2magic.request import Sampling
from tests.needs import need_package

TINY = SHAPES["tiny"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    write_checkpoint(folder / "checkpoint", TINY)
    return Place(folder, TINY, threads=1, precision="fp32")


@pytest.mark.parametrize("name", SHAPES)
def test_the_tokenizer_has_as_many_tokens_as_the_shape_says(name):
    tokenizer = make_tokenizer(SHAPES[name])
    assert len(tokenizer) == SHAPES[name].tokens
    text = "def mean(values):\n    return sum(values) / len(values)\n"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_checkpoint_loads_as_codegen2_with_its_declared_groups(place):
    loaded = load_model(str(place.checkpoint))
    assert (loaded.groups, loaded.family) == (8, "codegen2")


def test_prompts_of_another_seed_share_no_beginning():
    assert random_ids(TINY, 50, 1) == random_ids(TINY, 50, 1)
    assert random_ids(TINY, 50, 1)[0] != random_ids(TINY, 50, 2)[0]


def test_the_cards_way_computes_what_ours_does(place):
    card, ours = CardsWay(place), Ours(place)
    for peer in (card, ours):
        peer.start()
        peer.load()
    ids = torch.tensor([random_ids(TINY, 40, 3)])
    with torch.inference_mode():
        difference = card._model(ids).logits - ours.engine.loaded.model(ids).logits
    assert difference.abs().max() < 1e-3


@pytest.mark.parametrize("make", [Ours, *PEERS], ids=lambda peer: peer.key)
@pytest.mark.parametrize("sequences", [1, 3])
def test_a_peer_writes_exactly_as_many_tokens_as_asked_for(place, make, sequences):
    for package in make.needs:
        need_package(package, "bench")
    peer = make(place)
    peer.convert()
    peer.start()
    peer.load()
    clock = Clock(sequences)
    peer.generate(random_ids(TINY, 30, 4), 6, sequences, clock)
    assert clock.tokens == 6 * sequences
    assert clock.first > 0


@pytest.mark.parametrize("make", PEERS[2:], ids=lambda peer: peer.key)
def test_a_converted_model_chooses_the_tokens_the_checkpoint_does(place, make):
    """The likeliest first token, where int8 has no close call: over several prompts most must agree."""
    for package in make.needs:
        need_package(package, "bench")
    peer, ours = make(place), Ours(place)
    peer.convert()
    for each in (peer, ours):
        each.start()
        each.load()
    agreed = 0
    for seed in range(12):
        ids = random_ids(TINY, 20, seed)
        with torch.inference_mode():
            best = int(ours.engine.loaded.model(torch.tensor([ids])).logits[0, -1].argmax())
        agreed += first_token(peer, ids) in (best, ours.engine.vocabulary.text(best))
    assert agreed >= 9


def first_token(peer, ids):
    """What a peer writes first, as an id or as text."""
    if peer.key == "ctranslate2":
        result = peer._generator.generate_batch(
            [[peer._tokens[i] for i in ids]], max_length=1, include_prompt_in_result=False
        )
        return result[0].sequences_ids[0][0]
    answer = peer._server.handle_completions({"prompt": list(ids), "n_predict": 1, "temperature": 0.0})
    return answer["choices"][0]["text"]


@pytest.mark.parametrize("drafts", [True, False])
def test_ours_writes_the_text_it_is_given_with_drafts_and_without(place, drafts):
    ours = Ours(place)
    ours.start()
    ours.load()
    ours.engine.drafts = drafts
    script = random_ids(TINY, 8, 5) * 4
    written = ours.engine.write(script[:12], Sampling(max_new_tokens=32), Clock(1), script)
    assert [token.id for token in written.suggestions[0].tokens] == list(script)
