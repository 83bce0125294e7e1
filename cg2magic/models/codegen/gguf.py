"""Write an exported model as a GGUF file for llama.cpp.

CodeGen2 in Phi's layout is what llama.cpp calls ``phi2``. llama.cpp's own converter recognizes tokenizers by
a fingerprint and doesn't know CodeGen2's. We declare it as what it is: GPT-2's tokenizer with added tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from cg2magic.errors import LoadError
from cg2magic.models.files import read_config
from cg2magic.models.weights import Weights

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from numpy.typing import NDArray


OUTTYPES = ("auto", "q8_0")


def write_gguf(folder: Path, file: Path, outtype: str = "auto") -> None:
    """Write the checkpoint in `folder`, made by `export`, as one GGUF file, tensor by tensor.

    Parameters
    ----------
    folder, file : Path
    outtype : {"auto", "q8_0"}
        Precision of the matrices: their own, or 8 bits in blocks of 32 with one scale per block, if 32
        divides the row length. Vectors are in float32, as llama.cpp requires.

    Raises
    ------
    LoadError
        If the package ``gguf`` is not installed.
    """
    try:
        import gguf
    except ModuleNotFoundError:
        raise LoadError("writing a GGUF needs the package gguf: pip install gguf") from None

    config = read_config(folder)
    weights = Weights(folder)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.PHI2, config["num_hidden_layers"])
    writer = gguf.GGUFWriter(file, "phi2")
    _write_fields(writer, config)
    _write_vocabulary(writer, folder, config)
    types = gguf.GGMLQuantizationType
    of_dtype = {"F16": types.F16, "BF16": types.BF16}
    kinds = {}
    for name, info in weights.infos.items():
        kind = types.F32 if len(info.shape) < 2 else of_dtype.get(info.dtype, types.F32)
        if outtype == "q8_0" and len(info.shape) > 1 and info.shape[-1] % 32 == 0:
            kind = types.Q8_0
        kinds[name] = kind
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        in_block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
        size = info.numel // in_block * block_bytes
        writer.add_tensor_info(target, info.shape, np.dtype(np.float32), size, raw_dtype=kind)
    if outtype == "q8_0":
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in weights.stream():
        if kinds[name] is types.Q8_0:
            writer.write_tensor_data(gguf.quantize(tensor.float().numpy(), kinds[name]))
        else:
            writer.write_tensor_data(_array(tensor, vector=kinds[name] is types.F32))
    writer.close()


def _array(tensor: torch.Tensor, *, vector: bool) -> NDArray[Any]:
    if vector:
        tensor = tensor.float()
    # numpy has no bfloat16, so pass its raw bits.
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _write_fields(writer: GGUFWriter, config: Mapping[str, Any]) -> None:
    head_dim = config["hidden_size"] // config["num_attention_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_rope_dimension_count(int(head_dim * config["partial_rotary_factor"]))
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_add_bos_token(value=False)


def _write_vocabulary(writer: GGUFWriter, folder: Path, config: Mapping[str, Any]) -> None:
    import gguf

    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    tokens = {i: text for text, i in tokenizer["model"]["vocab"].items()}
    kinds = dict.fromkeys(tokens, gguf.TokenType.NORMAL)
    for token in tokenizer["added_tokens"]:
        tokens[token["id"]] = token["content"]
        kinds[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    ids = range(config["vocab_size"])
    merges = tokenizer["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([tokens.get(i, f"<unused_{i}>") for i in ids])
    writer.add_token_types([kinds.get(i, gguf.TokenType.UNUSED) for i in ids])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
