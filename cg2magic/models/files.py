"""The files a model folder needs besides the weights: a config and a tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cg2magic.errors import LoadError

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")


def read_config(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's ``config.json``.

    Raises
    ------
    LoadError
        If it is missing, is not JSON, or names no model type.
    """
    path = folder / "config.json"
    try:
        fields = json.loads(path.read_text("utf-8"))
    except OSError:
        raise LoadError(
            f"{folder} is not a checkpoint: it has no readable config.json; give the folder in which that "
            "lies beside the tokenizer and the weights, or a .gguf file"
        ) from None
    except ValueError as error:
        raise LoadError(f"{path} is not JSON ({error}); download the model again") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("model_type"), str):
        raise LoadError(f"{path} names no model_type; it is not the config of a transformers model")
    return fields


def check_tokenizer_files(folder: Path) -> None:
    """Check that there is a tokenizer: if there is none, transformers creates an empty one.

    Raises
    ------
    LoadError
        If there is none.
    """
    there = [name for name in _TOKENIZERS if (folder / name).is_file()]
    if not there or (there == ["vocab.json"] and not (folder / "merges.txt").is_file()):
        raise LoadError(
            f"{folder} has no tokenizer; put its tokenizer.json there (or vocab.json with merges.txt)"
        )
