"""Small models of layouts other than CodeGen's, with random weights, in folders as the Hub has them."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tests.family_tokenizers import byte_level, sentencepiece

#: Tokens that a layer with a window sees.
WINDOW = 64

_SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
}


def write(name: str, folder: Path) -> Path:
    """Write ``"llama"``, ``"window"`` (one layer's attention slides) or ``"recurrent"``; its folder."""
    tokenizer = (
        sentencepiece()
        if name == "llama"
        else byte_level("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
    )
    size = {"vocab_size": len(tokenizer)}
    torch.manual_seed(5)
    if name == "llama":
        model = LlamaForCausalLM(LlamaConfig(**size, **_SHAPE))
    elif name == "window":
        sliding = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}
        model = Qwen2ForCausalLM(Qwen2Config(**size, **_SHAPE, num_key_value_heads=2, **sliding))
    else:
        model = MambaForCausalLM(
            MambaConfig(**size, hidden_size=32, num_hidden_layers=2, state_size=4, eos_token_id=0)
        )
    folder = folder / name
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # What transformers would have something to say about.
    flags = {"do_sample": False, "temperature": 0.7, "top_p": 0.8, "max_length": 20, "early_stopping": True}
    (folder / "generation_config.json").write_text(json.dumps(flags))
    path = folder / "tokenizer_config.json"
    fields = json.loads(path.read_text()) | {"model_max_length": 512, "clean_up_tokenization_spaces": True}
    path.write_text(json.dumps(fields))
    return folder
