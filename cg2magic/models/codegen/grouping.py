"""Find the number of groups in a checkpoint's ``qkv_proj``, and verify it.

CodeGen was trained on several processor cores at once, and the rows of q, v and k were saved core by core:
4 groups in CodeGen1 and the larger CodeGen2, 8 in codegen2-1B and -3_7B. No field of ``config.json`` says
which. The wrong number mixes up queries, keys and values without any error. But attention then no longer
works, so the loss of a trained model on some plain Python is several nats higher. We verify the number by
that loss before the model is used.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from cg2magic.errors import LoadError
from cg2magic.models.codegen.checkpoint import CodegenShape, qkv_rows
from cg2magic.models.int8.linear import Int8Linear

if TYPE_CHECKING:
    from transformers import PhiForCausalLM, PreTrainedTokenizerBase

# The numbers of groups in known CodeGen checkpoints, the more common one first.
KNOWN_COUNTS = (8, 4)

# Nats per token by which one number must beat the other. The mean over about 70 tokens is uncertain by about
# 0.2; with the wrong number, trained models lose several nats.
CLEAR = 0.5

# A model has learned something if its loss is lower than a uniform guess's by this many nats. Random weights
# never reach it: their expected loss is at least that of the guess, ln(vocabulary size).
LEARNED = 2.0

# Repeated names, calls, indentation: things that need attention and that every code model knows.
SAMPLE = '''\
def mean(values):
    """Return the mean of a list of numbers."""
    total = 0
    for value in values:
        total += value
    return total / len(values)


values = [1, 2, 3, 4]
print("mean:", mean(values))
'''
_SAMPLE_TOKENS = 128  # limits the time with tokenizers that use many small tokens


def declared_in(folder: Path) -> int | None:
    """Return the number declared in the checkpoint's code, which is read as text and never run."""
    try:
        text = (folder / "modeling_codegen.py").read_text("utf-8", errors="replace")
    except OSError:
        return None
    counts = {int(digits) for digits in re.findall(r"^\s*mp_num\s*=\s*(\d+)\b", text, flags=re.MULTILINE)}
    return counts.pop() if len(counts) == 1 else None


def possible_counts(shape: CodegenShape, declared: int | None) -> tuple[int, ...]:
    """Return the numbers to compare, the declared one first.

    Raises
    ------
    LoadError
        If the number of heads can't be divided by them.
    """
    counts = dict.fromkeys(KNOWN_COUNTS if declared is None else (declared, *KNOWN_COUNTS))
    possible = tuple(count for count in counts if count > 0 and shape.heads % count == 0)
    if declared is not None and declared not in possible:
        raise LoadError(
            f"{shape.heads} attention heads can't be split into {declared} groups; "
            + (f"try groups={possible[0]}" if possible else "set groups= to a number that divides them")
        )
    if not possible:
        raise LoadError(
            f"{shape.heads} attention heads can't be split into {counts_as_text(KNOWN_COUNTS)} groups; "
            "give the right number with groups="
        )
    return possible


def prove(
    model: PhiForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    shape: CodegenShape,
    counts: tuple[int, ...],
    declared: int | None,
) -> int:
    """Find the number of groups with which the model works, and arrange its weights accordingly.

    Parameters
    ----------
    model : PhiForCausalLM
        Arranged by ``counts[0]``.
    tokenizer : PreTrainedTokenizerBase
    shape : CodegenShape
    counts : tuple of int
        From `possible_counts`.
    declared : int or None
        The number declared by the user, the catalog or the checkpoint.

    Raises
    ------
    LoadError
        If the declared number loses clearly, if none is declared and none wins clearly, or if the loss is
        not finite.
    """
    ids = tokenizer(SAMPLE, return_tensors="pt")["input_ids"]
    ids = ids[:, : min(_SAMPLE_TOKENS, model.config.max_position_embeddings)]
    losses: dict[int, float] = {}
    arranged = counts[0]
    for count in counts:
        regroup(model, shape, arranged, count)
        arranged = count
        losses[count] = sample_loss(model, ids)
    chosen = judge(losses, declared, vocabulary=shape.vocabulary)
    regroup(model, shape, arranged, chosen)
    return chosen


def judge(losses: dict[int, float], declared: int | None, *, vocabulary: int) -> int:
    """Choose the number of groups by the loss with each, in nats per token.

    Raises
    ------
    LoadError
        As `prove`.
    """
    ranked = sorted(losses, key=lambda count: losses[count])
    best = ranked[0]
    if not math.isfinite(losses[best]):
        raise LoadError(
            "the weights don't give finite numbers; try precision='fp32', and if that doesn't help, "
            "download them again"
        )
    if len(losses) == 1:
        return best
    learned = losses[best] < math.log(vocabulary) - LEARNED
    behind = losses[ranked[1] if declared in (None, best) else declared] - losses[best]
    wins = learned and behind >= CLEAR
    if declared is not None:
        if wins and best != declared:
            raise LoadError(
                f"the attention weights are declared to be in {declared} groups, but only make sense in "
                f"{best}: loss {losses[declared]:.2f} against {losses[best]:.2f} on some Python; "
                f"try groups={best}"
            )
        return declared
    if not wins:
        compared = " and ".join(f"{losses[count]:.2f} in {count}" for count in sorted(losses, reverse=True))
        raise LoadError(
            "the weights don't show how many groups their attention is saved in (loss on some Python: "
            f"{compared}); give the number with groups={counts_as_text(tuple(losses))}"
        )
    return best


def counts_as_text(counts: tuple[int, ...]) -> str:
    """Format numbers as a choice: ``"8 or 4"``."""
    return " or ".join(str(count) for count in counts)


@torch.no_grad()
def sample_loss(model: PhiForCausalLM, ids: torch.Tensor) -> float:
    """Return the mean cross-entropy per token in nats; infinity if it is not a number.

    Parameters
    ----------
    model : PhiForCausalLM
    ids : Tensor of int64, ``(1, length)``
    """
    ids = ids.to(model.device)
    logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()  # (length - 1, vocabulary size)
    loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:]).item()
    return loss if math.isfinite(loss) else math.inf


@torch.no_grad()
def regroup(model: PhiForCausalLM, shape: CodegenShape, old: int, new: int) -> None:
    """Rearrange q, k and v in place, from one number of groups to another.

    If ``rows(G)`` are the rows of ``qkv_proj`` that make up q, k and v, row ``r`` of the new arrangement is
    the row of the old one that came from ``rows(new)[r]``.
    """
    if old == new:
        return
    where = torch.argsort(qkv_rows(shape, old))[qkv_rows(shape, new)].to(model.device)
    for block in model.model.layers:
        parts = (block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj)
        if isinstance(parts[0], Int8Linear):
            w, scale = (
                torch.cat(of_parts) for of_parts in zip(*(part.unpack() for part in parts), strict=True)
            )
            for part, of_part in zip(parts, where.chunk(3), strict=True):
                part.rearrange(w[of_part], scale[of_part])
            continue
        stacked = torch.cat([part.weight for part in parts])  # (3 * width, width)
        for part, of_part in zip(parts, where.chunk(3), strict=True):
            part.weight.copy_(stacked[of_part])
