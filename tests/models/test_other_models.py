"""Any causal language model of transformers loads, and tokenizers in each of their forms."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.utils import logging as transformers_logging

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import FormatError, LoadError
from cg2magic.formats import FillInMiddle
from cg2magic.models.loading import load_model
from cg2magic.prompts.families import FORMATS
from cg2magic.request import Request, Sampling
from tests.checkpoints import SPECIAL, make_config, make_tokenizer, make_weights, write_checkpoint
from tests.family_tokenizers import byte_level

IDS = torch.arange(50)[None]


def plain_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with an end of text and none of CodeGen2's other tokens."""
    from tokenizers import Tokenizer

    state = json.loads(make_tokenizer().backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in SPECIAL[1:]]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), eos_token="<|endoftext|>"
    )


@pytest.fixture
def llama(tmp_path):
    config = LlamaConfig(
        vocab_size=448,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llama")
    plain_tokenizer().save_pretrained(tmp_path / "llama")
    return tmp_path / "llama"


def test_a_llama_loads_for_completions(llama):
    told = []
    loaded = load_model(str(llama), progress=told.append)
    theirs = AutoModelForCausalLM.from_pretrained(llama)
    assert torch.allclose(loaded.model(IDS).logits, theirs(IDS).logits, atol=1e-5)
    assert (loaded.family, loaded.context, loaded.groups) == ("causal", 128, None)
    assert loaded.parameters == theirs.num_parameters()
    assert not loaded.model.training
    assert (told[0].done, told[-1].done) == (0, loaded.parameters * 4)
    assert len({step.done for step in told}) > 5


def test_a_gpt2_in_half_precision_names_its_context_another_way(tmp_path):
    config = GPT2Config(vocab_size=448, n_embd=32, n_layer=1, n_head=2, n_positions=64)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "m")
    plain_tokenizer().save_pretrained(tmp_path / "m")
    loaded = load_model(str(tmp_path / "m"), precision="bf16")
    assert loaded.context == 64
    assert loaded.model.dtype == torch.bfloat16


def test_another_layout_with_codegen2s_tokens_fills_holes(llama):
    make_tokenizer().save_pretrained(llama)
    assert load_model(str(llama)).family == "codegen2"


def test_a_family_is_told_by_its_tokenizer_and_fills_one_hole(llama):
    tokens = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")
    byte_level(*tokens).save_pretrained(llama)
    loaded = load_model(str(llama))
    assert loaded.family == "qwen2.5-coder"
    engine = LocalEngine(loaded)
    request = Request(("def f():\n    ", "\n    return name"), Sampling(max_new_tokens=6))
    (written,) = engine.generate(request).suggestions
    assert written.parts == request.parts
    assert not [token for token in tokens if token in written.text]


def test_several_holes_of_a_model_that_fills_one_are_filled_one_after_the_other(llama):
    byte_level("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>").save_pretrained(llama)
    engine = LocalEngine(load_model(str(llama)))
    parts = ("x = ", "\ny = ", "\nprint(x, y)")
    told = []
    request = Request(parts, Sampling(max_new_tokens=6, n=2, temperature=1.0, top_p=1.0, seed=3))
    one, other = engine.generate(request, told.append).suggestions
    for written in (one, other):
        assert written.parts == parts
        assert len(written.spans) == 2
        assert "".join(token.text for token in written.tokens).startswith(written.spans[0])
    assert one.spans != other.spans
    # The first hole is filled as if it were the only one, and the second one with that in place.
    alone = replace(request, parts=("x = ", "\ny = \nprint(x, y)"), sampling=replace(request.sampling, n=1))
    (first,) = engine.generate(alone).suggestions
    assert one.spans[0] == first.text
    then = replace(alone, parts=(f"x = {first.text}\ny = ", "\nprint(x, y)"))
    (second,) = engine.generate(then).suggestions
    assert one.spans[1] == second.text
    assert all(len(now) == 2 for now in told)
    again = engine.generate(request).suggestions
    assert [written.spans for written in again] == [one.spans, other.spans]


def test_a_format_can_be_registered_while_the_model_is_loaded(llama, monkeypatch):
    byte_level("<PRE>", "<SUF>", "<MID>").save_pretrained(llama)
    engine = LocalEngine(load_model(str(llama)))
    assert engine.loaded.family == "causal"
    request = Request(("x = ", "\n"), Sampling(max_new_tokens=4))
    with pytest.raises(FormatError, match="register_format"):
        engine.generate(request)
    assert engine.generate(Request(("x = ",), Sampling(max_new_tokens=4))).suggestions[0].text
    monkeypatch.setitem(FORMATS, "ours", FillInMiddle("<PRE>", "<SUF>", "<MID>"))
    assert engine.generate(request).suggestions[0].parts == request.parts


def test_codegen1_has_no_such_tokens_and_only_completes(checkpoint):
    plain_tokenizer().save_pretrained(checkpoint)
    assert load_model(str(checkpoint)).family == "causal"


def test_a_weight_that_is_missing_is_not_made_up(llama):
    from safetensors.torch import load_file, save_file

    weights = load_file(llama / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, llama / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        LoadError, match=r"llama: the checkpoint has no tensor model\.layers\.1\.mlp\.up_proj"
    ):
        load_model(str(llama))


def test_a_weight_of_another_shape_is_refused_in_one_line(llama):
    config = json.loads((llama / "config.json").read_text())
    (llama / "config.json").write_text(json.dumps(config | {"intermediate_size": 65}))
    with pytest.raises(LoadError, match="can't be loaded as a causal language model") as caught:
        load_model(str(llama))
    assert "\n" not in str(caught.value)


def test_a_model_that_is_no_language_model_is_refused_in_one_line(tmp_path):
    config = T5Config(vocab_size=448, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    plain_tokenizer().save_pretrained(tmp_path / "t5")
    with pytest.raises(LoadError, match="can't be loaded as a causal language model") as caught:
        load_model(str(tmp_path / "t5"))
    assert "\n" not in str(caught.value)


def test_a_tokenizer_in_gpt2s_older_form_is_read(tmp_path):
    # The Hub's CodeGen2 has vocab.json, merges.txt and added_tokens.json, with no tokenizer.json.
    folder = write_checkpoint(tmp_path / "m", tokenizer=False)
    state = json.loads(make_tokenizer().backend_tokenizer.to_str())
    (folder / "vocab.json").write_text(json.dumps(state["model"]["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in state["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    added = {token["content"]: token["id"] for token in state["added_tokens"]}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    loaded = load_model(str(folder))
    assert loaded.family == "codegen2"
    text = "def f(x):\n    if x:\n        return [x] * 2\n<mask_1> x<eom>"
    ids = loaded.tokenizer(text)["input_ids"]
    assert ids == make_tokenizer()(text)["input_ids"]
    assert loaded.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text

    (folder / "merges.txt").unlink()
    with pytest.raises(LoadError, match="has no tokenizer"):
        load_model(str(folder))


def test_loading_on_a_thread_leaves_transformers_as_it_was(llama, checkpoint, capfd):
    transformers_logging.set_verbosity_info()
    try:
        for folder in (llama, checkpoint):
            thread = threading.Thread(target=load_model, args=(str(folder),))
            thread.start()
            thread.join()
        assert transformers_logging.get_verbosity() == transformers_logging.INFO
        assert transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.set_verbosity_warning()
    assert torch.get_default_dtype() == torch.float32
    assert capfd.readouterr() == ("", "")


def test_a_folder_given_by_the_home_sign_loads(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    config = make_config(layers=1)
    write_checkpoint(tmp_path / "models" / "tiny", config, make_weights(config))
    assert load_model("~/models/tiny").name == "tiny"
