"""Spread a model that is too large for one GPU over all GPUs and, if needed, the CPU's memory."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from cg2magic.errors import LoadError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_there() -> None:
    """Check that accelerate, which does the work, is installed.

    Raises
    ------
    LoadError
        If it is not.
    """
    if find_spec("accelerate") is None:
        raise LoadError(
            "no GPU has enough free memory for it, and spreading it over several, or over the CPU's memory "
            "too, needs accelerate: pip install 'cg2magic[accelerate]', or use device='cpu'"
        )


def layout(model: PreTrainedModel, memory: dict[int | str, int] | None = None) -> dict[str, int | str]:
    """Map each part of a model to a device; a block is never split.

    Parameters
    ----------
    model : PreTrainedModel
    memory : dict, optional
        Bytes to use on each GPU, by its number, and on ``"cpu"``; by default what is free.
    """
    from accelerate import infer_auto_device_map

    return infer_auto_device_map(model, memory, no_split_module_classes=list(model._no_split_modules))  # noqa: SLF001 - the list that from_pretrained uses


def spread(model: PreTrainedModel) -> PreTrainedModel:
    """Move a model from the CPU's memory to the devices that `layout` chooses."""
    from accelerate import dispatch_model

    return dispatch_model(model, layout(model))
