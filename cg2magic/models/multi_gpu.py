"""A model larger than one GPU: its blocks are laid over all, and over the CPU's memory where needed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from cg2magic.errors import LoadError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_there() -> None:
    """Make sure that accelerate, which does the work, is installed.

    Raises
    ------
    LoadError
        It is not.
    """
    if find_spec("accelerate") is None:
        raise LoadError(
            "no GPU has enough free memory for it, and spreading it over several, or over the CPU's memory "
            "too, needs accelerate: pip install 'cg2magic[accelerate]', or use device='cpu'"
        )


def layout(model: PreTrainedModel, memory: dict[int | str, int] | None = None) -> dict[str, int | str]:
    """Say which part of a model goes where; a block is never split.

    Parameters
    ----------
    model : PreTrainedModel
    memory : dict, optional
        Bytes for each GPU, by number, and for ``"cpu"``; what is free, by default.
    """
    from accelerate import infer_auto_device_map

    return infer_auto_device_map(model, memory, no_split_module_classes=list(model._no_split_modules))  # noqa: SLF001 - the list that from_pretrained uses


def spread(model: PreTrainedModel) -> PreTrainedModel:
    """Move a model that is in the CPU's memory to where `layout` wants it."""
    from accelerate import dispatch_model

    return dispatch_model(model, layout(model))
