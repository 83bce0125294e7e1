"""Which of this machine's GPUs torch can use, and which number formats they support.

Not every GPU in a machine can be used: torch has kernels for some generations only, and another process may
use all the memory or the whole GPU.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from cg2magic.wording import one_line

#: The first NVIDIA generation that computes in bfloat16; older ones only emulate it, slowly.
_BFLOAT16 = (8, 0)


def names() -> tuple[str, ...]:
    """Return torch's names of all GPUs in the machine, usable or not."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cuda", *(f"cuda:{number}" for number in range(1, count)))[:count]


def troubles() -> tuple[str, ...]:
    """Explain why each GPU that can't be used can't, for people whose model runs on the CPU."""
    found = (trouble(name) for name in names())
    return tuple(f"not on the GPU: {said}" for said in found if said)


def trouble(device: str) -> str | None:
    """Return why torch can't use a GPU; None if it can."""
    import torch

    with warnings.catch_warnings():
        # torch warns about the same thing, with a paragraph for each GPU.
        warnings.simplefilter("ignore")
        try:
            name = torch.cuda.get_device_name(device)
            said = _no_kernels(torch.cuda.get_device_capability(device), torch.cuda.get_arch_list())
            if said is not None and torch.version.hip is None:
                return f"{name} {said}"
            _compute_on(device)
        except Exception as error:  # noqa: BLE001 - torch has several error classes for this
            return f"{device} can't be used: {one_line(error)}"
    return None


def has_bfloat16(device: str) -> bool:
    """Whether a GPU supports bfloat16 natively."""
    import torch

    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= _BFLOAT16


def _compute_on(device: str) -> None:
    """Run a small computation like those of a model."""
    import torch

    x = torch.ones(8, 8, device=device)
    (x @ x).sum().item()


def _no_kernels(capability: tuple[int, int], built_for: Sequence[str]) -> str | None:
    """Return a message if torch has no kernels for this generation of NVIDIA GPUs; None if it has.

    Parameters
    ----------
    capability : tuple of int
        Its compute capability, such as ``(7, 5)``.
    built_for : sequence of str
        `torch.cuda.get_arch_list()`: ``sm_75`` is machine code, which also runs on later GPUs of the same
        generation; ``compute_75`` is compiled at run time for anything newer.
    """
    known: list[tuple[int, int]] = []
    for arch in built_for:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch)
        if found is None:
            continue
        generation = (int(found[2]), int(found[3]))
        known.append(generation)
        is_for_all_above = found[1] == "compute" and not found[4]
        if capability == generation or (
            capability > generation
            and found[4] != "a"  # "a" is for that chip only
            and (is_for_all_above or capability[0] == generation[0])
        ):
            return None
    if not known:
        return None
    number = "{}.{}".format
    ours, first, last = number(*capability), number(*min(known)), number(*max(known))
    how = "old" if capability < min(known) else "new"
    return f"(compute capability {ours}) is too {how} for this torch, whose kernels are for {first} to {last}"
