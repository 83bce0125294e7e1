"""The checkpoint as a GGUF in Q8_0, which llama.cpp runs.

CodeGen2 in Phi's layout is what llama.cpp calls ``phi2``; its names of tensors and fields are used here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cg2magic.benchmark.shapes import Shape

if TYPE_CHECKING:
    import torch
    from gguf import GGUFWriter

_NAMES = (
    ("transformer.wte.", "token_embd."),
    ("transformer.ln_f.", "output_norm."),
    ("lm_head.", "output."),
    (".ln_1.", ".attn_norm."),
    (".attn.qkv_proj.", ".attn_qkv."),
    (".attn.out_proj.", ".attn_output."),
    (".mlp.fc_in.", ".ffn_up."),
    (".mlp.fc_out.", ".ffn_down."),
    ("transformer.h.", "blk."),
)


def write_gguf(checkpoint: Path, file: Path, shape: Shape) -> None:
    """Write the checkpoint's weights in Q8_0 (blocks of 32 with a scale each), all else in float32."""
    import gguf
    import torch

    from cg2magic.models.checkpoint import Shape as CodegenShape
    from cg2magic.models.checkpoint import qkv_rows
    from cg2magic.models.weights import Weights

    inner = 4 * shape.width
    rows = qkv_rows(
        CodegenShape(shape.layers, shape.width, shape.heads, shape.rotary_dim, inner, shape.vocabulary),
        shape.groups,
    )
    unfinished = file.with_suffix(".part")
    writer = gguf.GGUFWriter(unfinished, "phi2")
    _write_fields(writer, shape)
    _write_vocabulary(writer, checkpoint, shape)
    q8 = gguf.GGMLQuantizationType.Q8_0

    def add(name: str, tensor: torch.Tensor) -> None:
        array = tensor.float().numpy()
        if array.ndim == 2:
            writer.add_tensor(name, gguf.quantize(array, q8), raw_dtype=q8)
        else:
            writer.add_tensor(name, array)

    for name, tensor in Weights(checkpoint).stream():
        target = name
        for ours, theirs in _NAMES:
            target = target.replace(ours, theirs)
        if name.endswith(".qkv_proj.weight"):
            add(target, tensor[rows])
            add(target.replace(".weight", ".bias"), torch.zeros(3 * shape.width))
        else:
            add(target, tensor.clone())
        if name.endswith(".out_proj.weight"):
            add(target.replace(".weight", ".bias"), torch.zeros(shape.width))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    unfinished.replace(file)


def _write_fields(writer: GGUFWriter, shape: Shape) -> None:
    import gguf

    writer.add_context_length(shape.positions)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(4 * shape.width)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_eps(1e-5)
    writer.add_rope_dimension_count(shape.rotary_dim)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_add_bos_token(value=False)


def _write_vocabulary(writer: GGUFWriter, checkpoint: Path, shape: Shape) -> None:
    import gguf

    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    tokens = {i: text for text, i in tokenizer["model"]["vocab"].items()}
    kinds = dict.fromkeys(tokens, gguf.TokenType.NORMAL)
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]] = token["content"]
        kinds[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    unused = gguf.TokenType.UNUSED
    writer.add_token_list([tokens.get(i, f"<unused_{i}>") for i in range(shape.vocabulary)])
    writer.add_token_types([kinds.get(i, unused) for i in range(shape.vocabulary)])
    writer.add_token_merges([" ".join(merge) for merge in tokenizer["model"]["merges"]])
    end = json.loads((checkpoint / "config.json").read_text("utf-8"))["eos_token_id"]
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
