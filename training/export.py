"""From the training layout to CodeGen2's own, and back through an independent reading as proof.

python -m training.export                   # training/work/run → cg2magic/models/mini
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training import tokenizer
from training.model import Mini, Shape
from training.sources import HERE, WORK

if TYPE_CHECKING:
    from transformers import CodeGenForCausalLM

GROUPS = 8
MINI = HERE.parent / "cg2magic" / "models" / "mini"


def pairs_from_halves(rotary_dim: int, head_dim: int) -> list[int]:
    """Return, for each channel in CodeGen's order (rotary in adjacent pairs), its place in ours (halves)."""
    half = rotary_dim // 2
    return [place for i in range(half) for place in (i, half + i)] + list(range(rotary_dim, head_dim))


def to_codegen(state: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Rename and rearrange the weights: ``qkv_proj`` is ``GROUPS`` groups, each ``[q | v | k]``."""
    heads, width = shape.n_head, shape.n_embd
    dim = width // heads
    order = pairs_from_halves(shape.rotary_dim, dim)
    made = {
        "transformer.wte.weight": state["wte.weight"],
        "transformer.ln_f.weight": state["ln_f.weight"],
        "transformer.ln_f.bias": state["ln_f.bias"],
        "lm_head.weight": state["head.weight"],
        "lm_head.bias": state["head.bias"],
    }
    for number in range(shape.n_layer):
        ours, theirs = f"blocks.{number}.", f"transformer.h.{number}."
        q, k, v = state[f"{ours}qkv.weight"].view(3, heads, dim, width)
        q, k = q[:, order], k[:, order]
        # (3, heads, dim, width) → (groups, 3, heads / groups, dim, width), flattened to rows.
        grouped = torch.stack((q, v, k)).view(3, GROUPS, heads // GROUPS, dim, width).transpose(0, 1)
        made[f"{theirs}attn.qkv_proj.weight"] = grouped.reshape(3 * width, width)
        made[f"{theirs}attn.out_proj.weight"] = state[f"{ours}out.weight"]
        for end in ("weight", "bias"):
            made[f"{theirs}ln_1.{end}"] = state[f"{ours}ln.{end}"]
            made[f"{theirs}mlp.fc_in.{end}"] = state[f"{ours}fc_in.{end}"]
            made[f"{theirs}mlp.fc_out.{end}"] = state[f"{ours}fc_out.{end}"]
    return made


def from_codegen(weights: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """Return training's float32 state of an exported checkpoint: `to_codegen` the other way round."""
    heads, width = shape.n_head, shape.n_embd
    dim = width // heads
    order = torch.tensor(pairs_from_halves(shape.rotary_dim, dim)).argsort()
    made = {
        "wte.weight": weights["transformer.wte.weight"],
        "ln_f.weight": weights["transformer.ln_f.weight"],
        "ln_f.bias": weights["transformer.ln_f.bias"],
        "head.weight": weights["lm_head.weight"],
        "head.bias": weights["lm_head.bias"],
    }
    for number in range(shape.n_layer):
        ours, theirs = f"blocks.{number}.", f"transformer.h.{number}."
        grouped = weights[f"{theirs}attn.qkv_proj.weight"].view(GROUPS, 3, heads // GROUPS, dim, width)
        q, v, k = grouped.transpose(0, 1).reshape(3, heads, dim, width)
        made[f"{ours}qkv.weight"] = torch.stack((q[:, order], k[:, order], v)).reshape(3 * width, width)
        made[f"{ours}out.weight"] = weights[f"{theirs}attn.out_proj.weight"]
        for end in ("weight", "bias"):
            made[f"{ours}ln.{end}"] = weights[f"{theirs}ln_1.{end}"]
            made[f"{ours}fc_in.{end}"] = weights[f"{theirs}mlp.fc_in.{end}"]
            made[f"{ours}fc_out.{end}"] = weights[f"{theirs}mlp.fc_out.{end}"]
    return {name: value.float() for name, value in made.items()}


def blend(state: dict[str, Tensor], folder: Path, shape: Shape, share: float) -> dict[str, Tensor]:
    """Return the weights between an exported checkpoint (0) and a run that began from it (1).

    A short run forgets a little of what it does not practise; on the way to it less is lost than won
    (M. Wortsman and others, *Robust fine-tuning of zero-shot models*, 2022).
    """
    before = from_codegen(load_file(folder / "model.safetensors"), shape)
    return {name: torch.lerp(before[name], value, share) for name, value in state.items()}


def config(shape: Shape, end: int) -> dict[str, object]:
    """Return the checkpoint's ``config.json``, in the names of transformers' ``CodeGenConfig``."""
    return {
        "architectures": ["CodeGenForCausalLM"],
        "model_type": "codegen",
        "activation_function": "gelu_new",
        "attn_pdrop": 0.0,
        "bos_token_id": end,
        "dtype": "float16",
        "embd_pdrop": 0.0,
        "eos_token_id": end,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "n_ctx": shape.n_positions,
        "n_embd": shape.n_embd,
        "n_head": shape.n_head,
        "n_inner": None,
        "n_layer": shape.n_layer,
        "n_positions": shape.n_positions,
        "resid_pdrop": 0.0,
        "rotary_dim": shape.rotary_dim,
        "scale_attn_weights": True,
        "tie_word_embeddings": False,
        "use_cache": True,
        "vocab_size": shape.vocab_size,
    }


def export(state: dict[str, Tensor], shape: Shape, tokens: Path, folder: Path) -> None:
    """Write the checkpoint; ``tokens`` is the folder that holds the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.to(torch.float16).contiguous() for name, value in to_codegen(state, shape).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(tokens / name, folder / name)
    end = tokenizer.load(tokens).token_to_id(tokenizer.END)
    _write(folder / "config.json", config(shape, end))
    _write(folder / "generation_config.json", {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end})


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def read_back(folder: Path, groups: int = GROUPS) -> CodeGenForCausalLM:
    """Load an exported checkpoint with transformers' own class, which knows 4 groups only.

    The rows are read as ``groups`` groups, and put where ``CodeGenForCausalLM`` looks for them. With the
    wrong number this is what the checkpoint would have been taken for.
    """
    from transformers import CodeGenConfig, CodeGenForCausalLM

    settings = CodeGenConfig.from_pretrained(folder)
    model = CodeGenForCausalLM(settings)
    weights = load_file(folder / "model.safetensors")
    heads, width = settings.n_head, settings.n_embd
    for name, value in weights.items():
        if name.endswith("qkv_proj.weight"):
            by_head = (
                value.view(groups, 3, heads // groups, width // heads, width)
                .transpose(0, 1)
                .reshape(3, 4, -1, width)
            )
            weights[name] = by_head.transpose(0, 1).reshape(3 * width, width)
    missing, unexpected = model.load_state_dict({k: v.float() for k, v in weights.items()}, strict=False)
    if unexpected or any(
        not name.endswith(("causal_mask", "embed_positions", "attn.bias")) for name in missing
    ):
        raise ValueError(
            f"the export does not fit CodeGenForCausalLM: missing {missing}, unexpected {unexpected}"
        )
    return model.eval()


@torch.no_grad()
def prove(folder: Path, state: dict[str, Tensor], shape: Shape, text: str) -> dict[str, float]:
    """Return the loss of a text, nats a token: in training's layout, exported, and read with 4 groups."""
    ids = torch.tensor([tokenizer.load(folder).encode(text, add_special_tokens=False).ids[:512]])
    ours = Mini(shape)
    ours.load_state_dict(state)

    def loss(logits: Tensor) -> float:
        return torch.nn.functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:]).item()

    losses = {"training": loss(ours.eval().logits(ids))}
    for groups in (8, 4):
        losses[f"{groups} groups"] = loss(read_back(folder, groups)(ids).logits)
    if abs(losses["8 groups"] - losses["training"]) > 0.01:
        raise ValueError(f"the exported checkpoint is another model than the trained one: {losses}")
    return losses


SAMPLE = '''import numpy as np
import matplotlib.pyplot as plt


def mean(values):
    """Return the mean of a list of numbers."""
    total = 0
    for value in values:
        total += value
    return total / len(values)


x = np.linspace(0, 10, 100)
fig, ax = plt.subplots()
ax.plot(x, np.sin(x))
ax.set_xlabel("x")
plt.show()
'''


def main() -> None:
    """Export a run's averaged weights and prove the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, default=WORK / "run")
    parser.add_argument("--to", type=Path, default=MINI)
    parser.add_argument(
        "--share", type=float, default=1.0, help="with --from: blend it in; 1 is the run alone"
    )
    parser.add_argument("--from", dest="start", type=Path, default=MINI, metavar="DIR")
    options = parser.parse_args()
    state = torch.load(options.run / "state.pt", weights_only=True)
    shape = Shape(**state["shape"])
    weights = state["average"]
    if options.share < 1:
        weights = blend(weights, options.start, shape, options.share)
    export(weights, shape, options.run.parent, options.to)
    print(
        f"{state['tokens'] / 1e6:.2f} M tokens, {state['seconds'] / 60:.0f} minutes;",
        prove(options.to, weights, shape, SAMPLE),
    )


if __name__ == "__main__":
    main()
