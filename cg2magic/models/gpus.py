"""Which GPUs of this machine torch can work on, and what they can compute with.

That a GPU is there does not mean so: torch comes with kernels for some generations only, another process may
have taken all the memory, or the whole card.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from cg2magic.wording import one_line

#: The first generation of NVIDIA's that computes with bfloat16; those before it only imitate that, slowly.
_BFLOAT16 = (8, 0)


def names() -> tuple[str, ...]:
    """Return torch's names of the GPUs that are there, usable or not."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return ("cuda", *(f"cuda:{number}" for number in range(1, count)))[:count]


def troubles() -> tuple[str, ...]:
    """Say of each GPU that is there and can't be used why, for somebody whose model is on the CPU."""
    found = (trouble(name) for name in names())
    return tuple(f"not on the GPU: {said}" for said in found if said)


def trouble(device: str) -> str | None:
    """Say why torch can't work on a GPU that is there; None where it can."""
    import torch

    with warnings.catch_warnings():
        # torch tells the same in a paragraph for each card.
        warnings.simplefilter("ignore")
        try:
            name = torch.cuda.get_device_name(device)
            said = _no_kernels(torch.cuda.get_device_capability(device), torch.cuda.get_arch_list())
            if said is not None and torch.version.hip is None:
                return f"{name} {said}"
            _compute_on(device)
        except Exception as error:  # noqa: BLE001 - torch's have classes of their own for this
            return f"{device} can't be used: {one_line(error)}"
    return None


def has_bfloat16(device: str) -> bool:
    """Whether a GPU computes with bfloat16 itself."""
    import torch

    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= _BFLOAT16


def _compute_on(device: str) -> None:
    """Do a little of what a model does."""
    import torch

    x = torch.ones(8, 8, device=device)
    (x @ x).sum().item()


def _no_kernels(capability: tuple[int, int], built_for: Sequence[str]) -> str | None:
    """Say that torch has no kernels for a GPU of NVIDIA's of this generation.

    Parameters
    ----------
    capability : tuple of int
        Its compute capability, such as ``(7, 5)``.
    built_for : sequence of str
        `torch.cuda.get_arch_list()`: ``sm_75`` is machine code, which runs on the later ones of its
        generation too; ``compute_75`` is translated for whatever is newer.
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
            and found[4] != "a"  # for that very chip
            and (is_for_all_above or capability[0] == generation[0])
        ):
            return None
    if not known:
        return None
    number = "{}.{}".format
    ours, first, last = number(*capability), number(*min(known)), number(*max(known))
    how = "old" if capability < min(known) else "new"
    return f"(compute capability {ours}) is too {how} for this torch, whose kernels are for {first} to {last}"
