"""How accurate int8 is if a few channels are much larger than the others.

Trained models have such outlier channels in a few tokens. We can't ship such a model, so we make one of
random weights: in each block, some channels between the two layers of the MLP are 50 times as large as the
others, in the tokens where they are active. Random logits are nearly equal, so rounding alone changes which
one is the largest. So compare the result with the same model without such channels.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.speed.checkpoint import make_weights, random_ids, write_checkpoint
from benchmarks.speed.shapes import ModelShape

SHAPE = ModelShape("outliers", layers=3, width=512, heads=8, rotary_dim=32, vocabulary=2048, tokens=1900)
FACTOR = 50
_CHANNELS = (3, 77, 130)
#: Below zero, so that only the largest values pass GELU.
_THRESHOLD = -45.0
_TEXTS, _LENGTH = 8, 256


def write(folder: Path) -> Path:
    """Write a checkpoint with outlier channels; return `folder`."""
    from safetensors.torch import save_file

    write_plain(folder)
    weights = make_weights(SHAPE)
    channels = list(_CHANNELS)
    for layer in range(SHAPE.layers):
        mlp = f"transformer.h.{layer}.mlp"
        weights[f"{mlp}.fc_in.weight"][channels] *= FACTOR
        weights[f"{mlp}.fc_in.bias"][channels] = _THRESHOLD
        weights[f"{mlp}.fc_out.weight"][:, channels] /= FACTOR
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_plain(folder: Path) -> Path:
    """Write the checkpoint without outlier channels; return `folder`."""
    return write_checkpoint(folder, SHAPE)


def agreement(folder: Path) -> float:
    """Return the fraction of positions where int8 and float32 have the same likeliest token."""
    from benchmarks.speed.mini import distance
    from cg2magic.models.loading import load_model

    exact, lower = (load_model(str(folder), precision=name).model for name in ("fp32", "int8"))
    texts = [random_ids(SHAPE, _LENGTH, seed=seed) for seed in range(_TEXTS)]
    return distance(exact, lower, texts).agreement
