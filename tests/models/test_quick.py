"""The quick forward passes compute what transformers' own do, however the tokens are fed."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PhiForCausalLM, Qwen2Config, Qwen2ForCausalLM

from cg2magic.models.loading import load_model
from cg2magic.models.quick.forward import QuickForward
from cg2magic.models.quick.kv_cache import KVCache
from cg2magic.models.quick.llama import QuickQwen2, quick_class
from tests.checkpoints import make_config, make_tokenizer, make_weights, reference_logits, write_checkpoint

IDS = torch.randint(0, 400, (3, 60), generator=torch.Generator().manual_seed(0))
ONE = IDS[:1]


#: Two heads of keys for eight of queries.
SHAPE = {
    "vocab_size": 448,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
#: Angles that depend on more than the position.
SCALED = {
    "rope_type": "llama3",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def save_other(folder, theirs, config):
    torch.manual_seed(0)
    model = theirs(config)
    for weight in model.parameters():
        weight.data.normal_(std=0.2)  # biases too, which begin as zeros
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


MAKERS = {
    PhiForCausalLM: write_checkpoint,
    LlamaForCausalLM: lambda folder: save_other(
        folder, LlamaForCausalLM, LlamaConfig(**SHAPE, rope_parameters=SCALED, tie_word_embeddings=True)
    ),
    Qwen2ForCausalLM: lambda folder: save_other(folder, Qwen2ForCausalLM, Qwen2Config(**SHAPE)),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A checkpoint of each layout."""
    place = tmp_path_factory.mktemp("quick")
    return {theirs: make(place / theirs.__name__) for theirs, make in MAKERS.items()}


@pytest.fixture(scope="module", params=MAKERS, ids=lambda theirs: theirs.__name__)
def theirs(request):
    """Transformers' class of a layout."""
    return request.param


@pytest.fixture(scope="module")
def model(folders, theirs):
    """A model with a quick forward pass."""
    loaded = load_model(str(folders[theirs])).model
    assert isinstance(loaded, QuickForward)
    return loaded


@pytest.fixture(scope="module")
def phi(folders):
    return load_model(str(folders[PhiForCausalLM])).model


@pytest.fixture(scope="module")
def plain(model, theirs):
    """Transformers' own forward pass with the same weights; returns logits."""
    return lambda ids: theirs.forward(model, ids, use_cache=False).logits


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def feed(model, ids, *lengths, cache=None):
    """Feed the tokens in pieces of these lengths; logits of all, and the cache."""
    cache = cache or model.new_cache()
    logits = [model(piece, past_key_values=cache).logits for piece in ids.split(lengths, dim=1)]
    return torch.cat(logits, dim=1), cache


def near(a, b):
    return (a - b).abs().max() < 1e-4


def test_it_computes_what_the_equations_say(phi):
    weights, config = make_weights(make_config()), make_config()
    assert near(phi(ONE).logits[0], reference_logits(weights, config, 8, ONE[0]))


@pytest.mark.parametrize("lengths", [(60,), (1,) * 60, (17, 17, 26), (5, 9, 16, 30), (40, 16, 1, 3)])
def test_the_pieces_a_prompt_is_fed_in_do_not_matter(model, lengths, plain):
    whole = plain(ONE)
    assert near(feed(model, ONE, *lengths)[0], whole)


def test_rows_may_have_prompts_of_their_own(model, plain):
    whole = plain(IDS)
    assert near(feed(model, IDS, 20, 30, 1, 9)[0], whole)


@pytest.mark.parametrize("steps", [(1,) * 20, (3, 1, 16), (20,)])
def test_candidates_share_the_prompt_and_differ_after_it(model, steps, plain):
    ids = torch.cat([ONE[:, :40].expand(3, -1), IDS[:, 40:]], dim=1)
    whole = plain(ids)
    _, cache = feed(model, ONE[:, :40], 40)
    cache.reorder_cache(torch.zeros(3, dtype=torch.long))
    logits, cache = feed(model, ids[:, 40:], *steps, cache=cache)
    assert near(logits, whole[:, 40:])
    assert cache.layers[0].keys.shape[2] < 200  # the prompt's are held once
    assert cache.layers[0].shared[0].shape[2] == 40


def test_a_candidate_that_has_ended_leaves_the_batch(model, plain):
    ids = torch.cat([ONE[:, :40].expand(3, -1), IDS[:, 40:]], dim=1)
    whole = plain(ids)
    _, cache = feed(model, ONE[:, :40], 40)
    cache.reorder_cache(torch.zeros(3, dtype=torch.long))
    feed(model, ids[:, 40:50], 1, 9, cache=cache)
    cache.reorder_cache(torch.tensor([0, 2]))
    logits, _ = feed(model, ids[[0, 2], 50:], 5, 5, cache=cache)
    assert near(logits, whole[[0, 2], 50:])


@pytest.mark.parametrize("length", [1, 25])
def test_what_is_taken_back_leaves_no_trace(model, length):
    whole = feed(model, ONE, 60)[0]
    _, cache = feed(model, ONE[:, :30], 30)
    feed(model, IDS[1:2, :length], length, cache=cache)
    cache.crop(-length)
    assert cache.get_seq_length() == 30
    assert near(feed(model, ONE[:, 30:], 10, 20, cache=cache)[0], whole[:, 30:])


def test_copies_of_a_cache_do_not_see_what_the_others_write(model):
    whole = feed(model, IDS, 60)[0]
    prompts = torch.cat([ONE[:, :30].expand(3, -1), IDS[:, 30:]], dim=1)
    whole = feed(model, prompts, 60)[0]
    _, first = feed(model, prompts[:1, :30], 30)
    caches = [first]
    for _ in range(2):
        copied = copy.copy(first)
        copied.layers = [copy.copy(layer) for layer in first.layers]
        caches.append(copied)
    for step in range(30, 60, 5):  # by turns
        for row, cache in enumerate(caches):
            logits, _ = feed(model, prompts[row : row + 1, step : step + 5], 5, cache=cache)
            assert near(logits[0], whole[row, step : step + 5])


def test_a_cropped_copy_leaves_the_original_as_it_was(model):
    _, kept = feed(model, ONE[:, :50], 50)
    copied = copy.copy(kept)
    copied.layers = [copy.copy(layer) for layer in kept.layers]
    copied.crop(-30)
    feed(model, IDS[1:2, 20:40], 20, cache=copied)
    assert near(feed(model, ONE[:, 50:], 10, cache=kept)[0], feed(model, ONE, 60)[0][:, 50:])


def test_tokens_are_written_in_place(model):
    _, cache = feed(model, ONE[:, :10], 10)
    before = cache.layers[0].keys.data_ptr()
    feed(model, ONE[:, 10:], 1, 1, 48, cache=cache)
    assert cache.layers[0].keys.data_ptr() == before


def test_more_than_there_is_cannot_be_taken_back():
    with pytest.raises(ValueError, match="3 tokens"):
        KVCache(1, torch.float32).crop(-3)


def test_only_the_logits_asked_for_are_computed(model):
    whole = model(ONE).logits
    assert near(model(ONE, logits_to_keep=2).logits, whole[:, -2:])
    assert model(ONE, use_cache=False).past_key_values is None
    assert model(ONE).past_key_values.get_seq_length() == 60


def test_all_that_transformers_offers_is_still_there(model):
    mask = torch.ones_like(ONE)
    generated = model.generate(ONE, attention_mask=mask, max_new_tokens=8, do_sample=False)
    assert generated.shape == (1, 68)
    states = model(ONE, output_hidden_states=True).hidden_states
    assert len(states) == 3
    padded = torch.cat([torch.zeros(1, 4, dtype=torch.long), ONE], dim=1)
    mask = torch.cat([torch.zeros(1, 4, dtype=torch.long), mask], dim=1)
    positions = torch.arange(-4, 60).clamp(min=0)[None]
    logits = model(padded, attention_mask=mask, position_ids=positions).logits
    assert near(logits[:, 4:], model(ONE).logits)


@pytest.mark.parametrize(("precision", "away"), [("bf16", 0.3), ("fp16", 0.05), ("int8", 0.3)])
def test_lower_precisions_stay_near(folders, phi, precision, away):
    lower = load_model(str(folders[PhiForCausalLM]), precision=precision).model
    whole = phi(ONE).logits
    for logits in (lower(ONE).logits, feed(lower, ONE, 20, 1, 39)[0]):
        assert (logits.float() - whole).abs().mean() < away * whole.std()


def test_keys_and_values_take_16_bits_beside_int8(folders, phi):
    cache = load_model(str(folders[PhiForCausalLM]), precision="int8").model.new_cache()
    assert cache.layers[0].dtype == torch.bfloat16
    assert phi.new_cache().layers[0].dtype == torch.float32


def test_the_greedy_text_is_that_of_transformers(model, plain):
    _, cache = feed(model, ONE, 60)
    ids, last = ONE, plain(ONE)[:, -1:]
    for _ in range(12):
        new = last.argmax(-1)
        ids, last = torch.cat((ids, new), dim=1), model(new, past_key_values=cache).logits
    assert torch.equal(ids[:, 60:], plain(ids)[:, 59:-1].argmax(-1))


def test_a_model_with_a_window_is_left_to_transformers():
    windows = Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=32, max_window_layers=1)
    assert quick_class(windows) is None
    assert quick_class(Qwen2Config(**SHAPE)) is QuickQwen2
