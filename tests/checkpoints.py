"""Small checkpoints in CodeGen's own layout, and what they compute, written from the equations.

Nothing here uses the package: it is what the package is measured against.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch.nn import functional as F  # noqa: N812 - its usual name
from transformers import PreTrainedTokenizerFast

SPECIAL = ("<|endoftext|>", "<sep>", "<eom>", *(f"<mask_{i}>" for i in range(1, 9)))
LETTERS = """\
def add(left, right):
    return left + right


for value in range(10):
    if value % 2 == 0:
        print("even:", value)
    else:
        print("odd:", value)

values = [add(value, 1) for value in range(10)]
total = sum(values) / len(values)
"""


@cache
def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a byte-level BPE in CodeGen2's manner: runs of spaces and the tokens that steer are added."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([LETTERS], trainer)
    tokenizer.add_tokens([AddedToken(" " * n, normalized=False) for n in range(2, 9)])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[0], unk_token=SPECIAL[0]
    )


def make_config(
    *, layers: int = 2, width: int = 64, heads: int = 8, rotary_dim: int = 4, positions: int = 256
) -> dict:
    """Make the ``config.json`` of a CodeGen model; like CodeGen2's, it points at code of its own."""
    end = make_tokenizer().convert_tokens_to_ids("<|endoftext|>")
    return {
        "model_type": "codegen",
        "architectures": ["CodeGenForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_codegen.CodeGenConfig",
            "AutoModelForCausalLM": "modeling_codegen.CodeGenForCausalLM",
        },
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "n_ctx": positions,
        "n_embd": width,
        "n_head": heads,
        "n_inner": None,
        "n_layer": layers,
        "n_positions": positions,
        "rotary_dim": rotary_dim,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "vocab_size": 448,
        "bos_token_id": end,
        "eos_token_id": end,
    }


def make_weights(config: dict, *, seed: int = 0, scale: float = 0.2) -> dict[str, torch.Tensor]:
    """Make random weights, large enough that what attention sees decides the next token."""
    random = torch.Generator().manual_seed(seed)
    width, inner, vocabulary = config["n_embd"], 4 * config["n_embd"], config["vocab_size"]

    def normal(*shape: int, std: float = scale, mean: float = 0.0) -> torch.Tensor:
        return torch.randn(*shape, generator=random) * std + mean

    weights = {"transformer.wte.weight": normal(vocabulary, width, std=1.0)}
    for layer in range(config["n_layer"]):
        block = f"transformer.h.{layer}"
        weights |= {
            f"{block}.ln_1.weight": normal(width, mean=1.0),
            f"{block}.ln_1.bias": normal(width),
            f"{block}.attn.qkv_proj.weight": normal(3 * width, width),
            f"{block}.attn.out_proj.weight": normal(width, width),
            f"{block}.mlp.fc_in.weight": normal(inner, width),
            f"{block}.mlp.fc_in.bias": normal(inner),
            f"{block}.mlp.fc_out.weight": normal(width, inner, std=scale / 2),
            f"{block}.mlp.fc_out.bias": normal(width),
        }
    return weights | {
        "transformer.ln_f.weight": normal(width, mean=1.0),
        "transformer.ln_f.bias": normal(width),
        "lm_head.weight": normal(vocabulary, width),
        "lm_head.bias": normal(vocabulary),
    }


def write_checkpoint(
    folder: Path,
    config: dict | None = None,
    weights: dict[str, torch.Tensor] | None = None,
    *,
    declared: int | None = 8,
    file_format: Literal["safetensors", "bin"] = "safetensors",
    shards: int = 1,
    tokenizer: bool = True,
) -> Path:
    """Write a checkpoint as the Hub has it, and return its folder.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    config, weights : dict, optional
        From `make_config` and `make_weights`, by default.
    declared : int or None
        The count of groups that its ``modeling_codegen.py`` names. That file leaves one called ``EXECUTED``
        beside it if it is ever run.
    file_format : {"safetensors", "bin"}
    shards : int
        Files of weights; with more than one, an index is written.
    tokenizer : bool
        Whether there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = config or make_config()
    weights = weights or make_weights(config)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    trap = f"open({str(folder / 'EXECUTED')!r}, 'w').close()\n"
    (folder / "configuration_codegen.py").write_text(trap)
    if declared is not None:
        attention = f"class CodeGenAttention:\n    def forward(self):\n        mp_num = {declared}\n"
        (folder / "modeling_codegen.py").write_text(trap + attention)
    if tokenizer:
        make_tokenizer().save_pretrained(folder)

    stem, ending = ("model", "safetensors") if file_format == "safetensors" else ("pytorch_model", "bin")
    save = save_file if file_format == "safetensors" else torch.save
    if shards == 1:
        save(weights, folder / f"{stem}.{ending}")
        return folder
    where = {}
    for shard in range(shards):
        name = f"{stem}-{shard + 1:05}-of-{shards:05}.{ending}"
        part = dict(list(weights.items())[shard::shards])
        save(part, folder / name)
        where |= dict.fromkeys(part, name)
    index = {"metadata": {}, "weight_map": where}
    (folder / f"{stem}.{ending}.index.json").write_text(json.dumps(index))
    return folder


def reference_logits(
    weights: dict[str, torch.Tensor], config: dict, groups: int, ids: torch.Tensor
) -> torch.Tensor:
    """Compute what CodeGen computes, from its equations.

    Parameters
    ----------
    weights : dict of str to Tensor
    config : dict
    groups : int
        How ``qkv_proj`` is to be read.
    ids : Tensor of int64, ``(length,)``

    Returns
    -------
    Tensor, ``(length, vocabulary)``
    """
    width, heads, length = config["n_embd"], config["n_head"], len(ids)
    head_dim = width // heads

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (width,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    def rotate(x: torch.Tensor) -> torch.Tensor:  # (heads, length, head_dim)
        turned = x.clone()
        for i in range(0, config["rotary_dim"], 2):
            angle = torch.arange(length) / 10000 ** (i / config["rotary_dim"])
            turned[..., i] = x[..., i] * angle.cos() - x[..., i + 1] * angle.sin()
            turned[..., i + 1] = x[..., i] * angle.sin() + x[..., i + 1] * angle.cos()
        return turned

    x = weights["transformer.wte.weight"][ids]  # (length, width)
    future = torch.ones(length, length).triu(1).bool()
    for layer in range(config["n_layer"]):
        block = f"transformer.h.{layer}"
        h = norm(x, f"{block}.ln_1")
        parts: dict[str, list[torch.Tensor]] = {"q": [], "v": [], "k": []}
        rows = iter((h @ weights[f"{block}.attn.qkv_proj.weight"].T).split(head_dim, dim=1))
        for _ in range(groups):
            for part in parts.values():  # q, v, k: in this order
                part += [next(rows) for _ in range(heads // groups)]
        q, v, k = (torch.stack(part) for part in parts.values())  # (heads, length, head_dim)
        scores = rotate(q) @ rotate(k).transpose(1, 2) / math.sqrt(head_dim)
        seen = scores.masked_fill(future, -torch.inf).softmax(-1) @ v
        attention = seen.transpose(0, 1).reshape(length, width) @ weights[f"{block}.attn.out_proj.weight"].T
        inner = h @ weights[f"{block}.mlp.fc_in.weight"].T + weights[f"{block}.mlp.fc_in.bias"]
        inner = 0.5 * inner * (1 + torch.tanh(math.sqrt(2 / math.pi) * (inner + 0.044715 * inner**3)))
        mlp = inner @ weights[f"{block}.mlp.fc_out.weight"].T + weights[f"{block}.mlp.fc_out.bias"]
        x = x + attention + mlp
    return norm(x, "transformer.ln_f") @ weights["lm_head.weight"].T + weights["lm_head.bias"]


def train(text: str, groups: int, *, steps: int = 40) -> tuple[dict, dict[str, torch.Tensor]]:
    """Teach a tiny model one text by heart, its ``qkv_proj`` in this many groups; a second or two.

    Returns
    -------
    config, weights : dict
    """
    config = make_config()
    weights = make_weights(config, scale=0.08)
    ids = torch.tensor(make_tokenizer()(text)["input_ids"])
    for weight in weights.values():
        weight.requires_grad_()
    optimizer = torch.optim.AdamW(weights.values(), lr=5e-3, weight_decay=0.0)
    for _ in range(steps):
        loss = F.cross_entropy(reference_logits(weights, config, groups, ids[:-1]), ids[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return config, {name: weight.detach() for name, weight in weights.items()}
