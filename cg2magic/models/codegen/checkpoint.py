"""Read CodeGen checkpoints into Phi's layout: it computes the same function with the same weights.

One block of CodeGen is ``x + attention(ln_1(x)) + mlp(ln_1(x))``, as in `PhiForCausalLM`. Only the layout of
the attention weights differs. ``qkv_proj`` has ``3 · width`` rows: ``G`` groups of ``[q | v | k]``, each with
``heads / G`` heads::

    qkv_proj.view(G, 3, heads // G, head_dim, width)[g, j, h] = head g·heads/G + h of q (j=0), v (1), k (2)

CodeGen's rotary embedding rotates adjacent pairs of channels ``(2i, 2i+1)``; Phi's rotates pairs
``(i, i + rotary_dim/2)``. The channels of a head may be in any order, as long as it is the same for q and k.
So both differences are a permutation of the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import CodeGenConfig, PhiConfig
from transformers.activations import ACT2FN
from transformers.models.phi.modeling_phi import PhiRotaryEmbedding

from cg2magic.errors import LoadError
from cg2magic.models.codegen.phi import Phi
from cg2magic.models.int8.linear import set_tensor
from cg2magic.models.placement import torch_dtype
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cg2magic.models.weights import TensorInfo, Weights
    from cg2magic.progress import Watch

# Masks that older versions of transformers saved with the weights; the code computes them itself.
OLD_BUFFERS = (".attn.causal_mask", ".attn.masked_bias", ".attn.bias")

# Keys of config.json about how the model was saved or which code it needs, not about the model itself.
_NOT_THE_MODEL = ("auto_map", "architectures", "model_type", "dtype", "torch_dtype", "transformers_version")


@dataclass(frozen=True, slots=True)
class CodegenShape:
    """The numbers that determine the size of each tensor."""

    layers: int
    width: int
    heads: int
    rotary_dim: int
    inner: int
    vocabulary: int

    @property
    def head_dim(self) -> int:
        """Number of channels per head."""
        return self.width // self.heads

    @classmethod
    def of(cls, config: CodeGenConfig) -> CodegenShape:
        """Read the shape from a configuration; raise LoadError if it describes no valid model."""
        fields = ("n_layer", "n_embd", "n_head", "rotary_dim", "vocab_size", "n_positions")
        for field in fields:
            number = getattr(config, field)
            if not isinstance(number, int) or number < 1:
                raise LoadError(f"config.json can't be right: {field} is {number!r}, not a positive number")
        shape = cls(
            layers=config.n_layer,
            width=config.n_embd,
            heads=config.n_head,
            rotary_dim=config.rotary_dim,
            inner=config.n_inner or 4 * config.n_embd,
            vocabulary=config.vocab_size,
        )
        if shape.width % shape.heads:
            raise LoadError(
                f"config.json can't be right: n_embd {shape.width} is not a multiple of n_head {shape.heads}"
            )
        if not 0 < shape.rotary_dim <= shape.head_dim or shape.rotary_dim % 2:
            raise LoadError(
                f"config.json can't be right: rotary_dim {shape.rotary_dim} is not an even number up to "
                f"{shape.head_dim}, the size of a head"
            )
        return shape


def codegen_config(fields: Mapping[str, Any]) -> CodeGenConfig:
    """Make a configuration from the fields of a ``config.json``; ignore code that it refers to."""
    try:
        config = CodeGenConfig(**{key: value for key, value in fields.items() if key not in _NOT_THE_MODEL})
    except Exception as error:
        raise LoadError(f"config.json is not that of a CodeGen model: {one_line(error)}") from error
    if config.activation_function not in ACT2FN:
        raise LoadError(f"config.json names an unknown activation_function, {config.activation_function!r}")
    return config


def phi_config(config: CodeGenConfig, dtype: torch.dtype) -> PhiConfig:
    """Translate a CodeGen configuration into one for Phi."""
    shape = CodegenShape.of(config)
    return PhiConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        hidden_act=config.activation_function,
        max_position_embeddings=config.n_positions,
        layer_norm_eps=config.layer_norm_epsilon,
        tie_word_embeddings=config.tie_word_embeddings,
        rope_theta=10000.0,
        partial_rotary_factor=rotary_factor(shape),
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        dtype=dtype,
    )


def rotary_factor(shape: CodegenShape) -> float:
    """Return the fraction with which Phi's ``int(head_dim * fraction)`` gives ``rotary_dim``."""
    factor = shape.rotary_dim / shape.head_dim
    return factor if int(shape.head_dim * factor) == shape.rotary_dim else math.nextafter(factor, 1.0)


def qkv_rows(shape: CodegenShape, groups: int) -> torch.Tensor:
    """Return, for each row of Phi's q, k and v, its row in ``qkv_proj``.

    Parameters
    ----------
    shape : CodegenShape
    groups : int
        A divisor of the number of heads.

    Returns
    -------
    Tensor of int64, ``(3 * width,)``
        The rows of q, then of k, then of v: ``qkv_proj.weight[rows]`` is all three, stacked.
    """
    rows = torch.arange(3 * shape.width)
    # (groups, q v k, heads of a group, head_dim) → three of (heads, head_dim)
    grouped = rows.view(groups, 3, shape.heads // groups, shape.head_dim)
    q, v, k = (part.reshape(shape.heads, shape.head_dim) for part in grouped.unbind(1))
    # Adjacent pairs → halves: 0 2 4 … 1 3 5 …, then the channels that are not rotated.
    channels = torch.arange(shape.head_dim)
    turned, rest = channels[: shape.rotary_dim], channels[shape.rotary_dim :]
    channels = torch.cat([turned[0::2], turned[1::2], rest])
    return torch.cat([q[:, channels].flatten(), k[:, channels].flatten(), v.flatten()])


def expected_tensors(shape: CodegenShape, *, tied: bool = False) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of each tensor that a CodeGen checkpoint must contain."""
    width, inner = shape.width, shape.inner
    tensors: dict[str, tuple[int, ...]] = {"transformer.wte.weight": (shape.vocabulary, width)}
    for layer in range(shape.layers):
        block = f"transformer.h.{layer}"
        tensors |= {
            f"{block}.ln_1.weight": (width,),
            f"{block}.ln_1.bias": (width,),
            f"{block}.attn.qkv_proj.weight": (3 * width, width),
            f"{block}.attn.out_proj.weight": (width, width),
            f"{block}.mlp.fc_in.weight": (inner, width),
            f"{block}.mlp.fc_in.bias": (inner,),
            f"{block}.mlp.fc_out.weight": (width, inner),
            f"{block}.mlp.fc_out.bias": (width,),
        }
    tensors |= {
        "transformer.ln_f.weight": (width,),
        "transformer.ln_f.bias": (width,),
        "lm_head.weight": (shape.vocabulary, width),
        "lm_head.bias": (shape.vocabulary,),
    }
    if tied:
        del tensors["lm_head.weight"]
    return tensors


def check_tensors(
    infos: Mapping[str, TensorInfo], expected: Mapping[str, tuple[int, ...]], spare: tuple[str, ...] = ()
) -> None:
    """Raise LoadError for the first tensor that is missing, has the wrong shape, or is unexpected.

    ``spare`` names tensors that are allowed but not needed.
    """
    for name, shape in expected.items():
        if name not in infos:
            raise LoadError(f"the checkpoint has no tensor {name}; download it again, or check config.json")
        found = infos[name]
        if found.shape != shape:
            raise LoadError(
                f"tensor {name} has shape {found.shape}, but according to config.json it should be {shape}; "
                "config.json and the weights belong to different models"
            )
        if not found.is_float:
            raise LoadError(f"tensor {name} is {found.dtype}; give a checkpoint that is not quantized")
    for name in infos:
        if name not in expected and name not in spare and not name.endswith(OLD_BUFFERS):
            raise LoadError(
                f"the checkpoint has a tensor {name} that a CodeGen model of this size does not have; "
                "config.json and the weights belong to different models"
            )


def phi_name(name: str) -> str:
    """Return Phi's name for a CodeGen tensor that is the same in both layouts."""
    for ours, theirs in (
        ("transformer.h.", "model.layers."),
        ("transformer.wte.", "model.embed_tokens."),
        ("transformer.ln_f.", "model.final_layernorm."),
        (".ln_1.", ".input_layernorm."),
        (".attn.out_proj.", ".self_attn.dense."),
        (".mlp.fc_in.", ".mlp.fc1."),
        (".mlp.fc_out.", ".mlp.fc2."),
    ):
        name = name.replace(ours, theirs)
    return name


def phi_tensors(name: str, tensor: torch.Tensor, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """Convert a tensor of a CodeGen checkpoint to Phi's layout.

    Parameters
    ----------
    name : str
    tensor : Tensor
    rows : Tensor of int64, ``(3 * width,)``
        From `qkv_rows`.

    Returns
    -------
    dict of str to Tensor
        ``q_proj``, ``k_proj`` and ``v_proj`` for ``qkv_proj``; otherwise the same tensor with its new name.
    """
    if not name.endswith(".attn.qkv_proj.weight"):
        return {phi_name(name): tensor}
    block = phi_name(name.removesuffix(".attn.qkv_proj.weight"))
    # (3 * width, width) → three of (width, width), each with its own memory
    return {
        f"{block}.self_attn.{part}_proj.weight": tensor[of_part]
        for part, of_part in zip("qkv", rows.chunk(3), strict=True)
    }


def empty_phi(config: PhiConfig) -> Phi:
    """Build the model without allocating memory for its weights."""
    with torch.device("meta"):
        model = Phi(config)
    model.model.rotary_emb = PhiRotaryEmbedding(config)  # computed, not loaded, so it needs real memory
    return model.eval().requires_grad_(requires_grad=False)


def load_phi(
    weights: Weights,
    config: CodeGenConfig,
    groups: int,
    *,
    precision: str,
    device: torch.device | str,
    watch: Watch,
    what: str,
) -> Phi:
    """Read a CodeGen checkpoint, tensor by tensor, into a model in Phi's layout.

    Parameters
    ----------
    weights : Weights
    config : CodeGenConfig
    groups : int
        Number of groups in ``qkv_proj``.
    precision : {"fp32", "bf16", "fp16", "int8"}
    device : torch.device or str
    watch : Watch
        Before each tensor, receives the progress in bytes and is checked for cancellation.
    what : str
        Name of this step, shown to users.

    Raises
    ------
    LoadError
        If the tensors don't match the configuration.
    """
    shape = CodegenShape.of(config)
    tied = config.tie_word_embeddings
    expected = expected_tensors(shape, tied=tied)
    check_tensors(weights.infos, expected, spare=("lm_head.weight",) if tied else ())
    dtype = torch_dtype(precision)
    model = empty_phi(phi_config(config, dtype))
    rows = qkv_rows(shape, groups)
    done = 0
    for name, tensor in weights.stream():
        watch.report(done, weights.nbytes, what)
        done += weights.infos[name].nbytes
        if name in expected:
            for target, part in phi_tensors(name, tensor, rows).items():
                if precision == "int8":
                    set_tensor(model, target, part)
                else:
                    # Copy even if nothing changes: the file may be replaced while the model is in use.
                    _set(model, target, part.to(device=device, dtype=dtype, copy=part is tensor))
        del tensor
    if precision != "int8":
        _set_zero_biases(model, dtype, device)
    if tied and precision == "int8":
        set_tensor(model, "lm_head.weight", model.model.embed_tokens.weight)
    elif tied:
        model.lm_head.weight = model.model.embed_tokens.weight
    model.model.rotary_emb.to(device)
    watch.report(done, weights.nbytes, what)
    return model


def _set_zero_biases(model: Phi, dtype: torch.dtype, device: torch.device | str) -> None:
    """Set the biases of q, k, v and dense to zero: Phi has them, CodeGen doesn't."""
    width = model.config.hidden_size
    for block in model.model.layers:
        attention = block.self_attn
        for linear in (attention.q_proj, attention.k_proj, attention.v_proj, attention.dense):
            linear.bias = _frozen(torch.zeros(width, dtype=dtype, device=device))


def _set(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    path, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(path), leaf, _frozen(tensor))


def _frozen(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
