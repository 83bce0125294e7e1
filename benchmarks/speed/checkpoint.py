"""A checkpoint of random weights in CodeGen2's own layout, which every engine of the benchmark gets.

Speed depends only on the number of weights, not on their values, so nothing needs to be downloaded. The seed
is fixed, so the checkpoint is the same on every machine.
"""

from __future__ import annotations

import itertools
import json
import shutil
import string
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.speed.shapes import ModelShape

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

_SEED = 2305_02309  # the arXiv number of CodeGen2's paper
_SPECIAL = ("<|endoftext|>", "<sep>", "<eom>", *(f"<mask_{i}>" for i in range(1, 101)))
_LETTERS = string.ascii_letters + string.digits + "_().,:=[]'\"+-*/<>"


def write_checkpoint(folder: Path, shape: ModelShape) -> Path:
    """Write the checkpoint in bfloat16, unless it is already there; return `folder`."""
    done = folder / "complete"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    from safetensors.torch import save_file

    make_tokenizer(shape).save_pretrained(folder)
    end = len(make_tokenizer(shape)) - len(_SPECIAL)
    (folder / "config.json").write_text(json.dumps(make_config(shape, end), indent=1) + "\n")
    # Declare the number of groups as the original does, in code that is read and never run.
    (folder / "modeling_codegen.py").write_text(f"mp_num = {shape.groups}\n")
    save_file(make_weights(shape), folder / "model.safetensors", metadata={"format": "pt"})
    done.touch()
    return folder


def make_config(shape: ModelShape, end: int) -> dict[str, object]:
    """Make the ``config.json``; `end` is the id of ``<|endoftext|>``."""
    return {
        "model_type": "codegen",
        "architectures": ["CodeGenForCausalLM"],
        "activation_function": "gelu_new",
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "layer_norm_epsilon": 1e-5,
        "head_dim": shape.head_dim,
        "n_ctx": shape.positions,
        "n_embd": shape.width,
        "n_head": shape.heads,
        "n_inner": None,
        "n_layer": shape.layers,
        "n_positions": shape.positions,
        "rotary_dim": shape.rotary_dim,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "vocab_size": shape.vocabulary,
        "bos_token_id": end,
        "eos_token_id": end,
    }


def make_weights(shape: ModelShape) -> dict[str, torch.Tensor]:
    """Make the weights, with the standard deviation that CodeGen is initialized with."""
    import torch

    from cg2magic.models.codegen.checkpoint import CodegenShape, expected_tensors

    random = torch.Generator().manual_seed(_SEED)
    numbers = CodegenShape(
        shape.layers, shape.width, shape.heads, shape.rotary_dim, 4 * shape.width, shape.vocabulary
    )

    def tensor(name: str, size: tuple[int, ...]) -> torch.Tensor:
        if len(size) == 2:
            return (0.02 * torch.randn(size, generator=random)).bfloat16()
        ones = name.endswith((".ln_1.weight", ".ln_f.weight"))
        return (torch.ones if ones else torch.zeros)(size, dtype=torch.bfloat16)

    return {name: tensor(name, size) for name, size in expected_tensors(numbers).items()}


def make_tokenizer(shape: ModelShape) -> PreTrainedTokenizerFast:
    """Make a byte-level BPE of the right size: bytes, then pairs and triples of characters of code.

    The time to choose a token and to look up its text depends on the vocabulary size, so it must be
    realistic.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    spaces = [" " * n for n in range(2, 32)]
    wanted = shape.tokens - len(alphabet) - len(spaces) - len(_SPECIAL)
    pairs = list(itertools.product(_LETTERS, repeat=2))
    triples = ((left + right, last) for left, right in pairs for last in _LETTERS)
    merges = list(itertools.islice(itertools.chain(pairs, triples), wanted))
    vocabulary = {text: i for i, text in enumerate([*alphabet, *(left + right for left, right in merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in spaces])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in _SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=_SPECIAL[0], eos_token=_SPECIAL[0], unk_token=_SPECIAL[0]
    )


def random_ids(shape: ModelShape, length: int, seed: int) -> tuple[int, ...]:
    """Return `length` token ids of plain text; with another seed, they differ from the first on."""
    import random

    choose = random.Random(seed)
    return tuple(choose.randrange(256, shape.tokens - 200) for _ in range(length))
