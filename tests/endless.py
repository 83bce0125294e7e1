"""A model that writes without end: mini, less every token but words.

What the tests stop has to be still going on when they do, on a fast and on a busy machine. However it is
drawn, a text of mini's own ends somewhere; where that is, processors do not agree on.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from cg2magic.models.locate import MINI

#: Four candidates, of which none ends before the model's window is full; at ``-t 0`` it would repeat itself.
ENDLESS = "-n 4 -t 1 --top-p 1 -m 1900 --seed 3"
#: The cell that ends what is still written, and puts the usual model in its place.
LOAD_MINI = "from cg2magic.service.manager import manager\nmanager().cancel()\n%cg2 load mini"
#: The number of groups, which its loss doesn't show.
GROUPS = 8


def load_endless(folder: str) -> str:
    """Return the cell that loads the checkpoint."""
    return f"%cg2 load {folder} --groups {GROUPS}"


def write_endless(folder: Path) -> str:
    """Write the checkpoint; its path."""
    shutil.copytree(MINI, folder)
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    # Words behind a space: they end no line, no string and no bracket, and are too many to repeat themselves.
    ids = [place for token, place in vocabulary.items() if re.fullmatch("Ġ[a-z]{3,}", token)]
    weights = load_file(folder / "model.safetensors")
    bias = weights["lm_head.bias"]
    bias -= torch.full_like(bias, 60_000).index_fill_(0, torch.tensor(ids), 0)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return str(folder)
