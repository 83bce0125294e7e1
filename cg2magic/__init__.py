r"""Code completion and infilling with local language models, in the notebook.

``%load_ext cg2magic`` brings the magics ``%%complete``, ``%%infill`` and ``%cg2``. The same from Python:

>>> import cg2magic
>>> suggestions = cg2magic.complete("def hello_world():")
>>> suggestions = cg2magic.infill("def hello_world():\n    ", "    return name")

torch and transformers are imported when the first model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cg2magic.errors import Cg2Error, FormatError, GenerationError, LoadError, UsageError
from cg2magic.families import register_format
from cg2magic.request import CheckResult, Request, Sampling, Suggestion, TokenLogprob, as_stop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.models.loading import LoadedModel

__version__ = "0.1.0"

__all__ = [
    "Cg2Error",
    "CheckResult",
    "FormatError",
    "GenerationError",
    "LoadError",
    "Request",
    "Sampling",
    "Suggestion",
    "TokenLogprob",
    "UsageError",
    "complete",
    "infill",
    "load",
    "load_ipython_extension",
    "register_format",
    "unload_ipython_extension",
]


def load(
    model: str = "mini", *, device: str = "auto", precision: str = "auto", groups: int | None = None
) -> LoadedModel:
    """Load a model and make it the resident one.

    Parameters
    ----------
    model : str
        ``"mini"``, a name of the catalog (``%cg2 models``), an id on the Hugging Face Hub or a folder.
    device : str
        A torch device, or ``"auto"``: the GPU where there is one.
    precision : {"auto", "int8", "fp32", "bf16", "fp16"}
    groups : int, optional
        How many groups CodeGen2's ``qkv_proj`` has, for a checkpoint that doesn't say.

    Returns
    -------
    LoadedModel
        What was loaded: name, parameters, device, precision, memory in bytes, seconds.

    Raises
    ------
    LoadError
        In one line; the model that was resident stays.
    """
    from cg2magic.manager import manager
    from cg2magic.progress import progress_bar

    with progress_bar() as on_progress:
        return manager().load(
            model, device=device, precision=precision, groups=groups, on_progress=on_progress
        )


def complete(
    prompt: str,
    *,
    n: int = 1,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 0.95,
    top_k: int = 0,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    model: str | None = None,
    language: str = "python",
) -> list[Suggestion]:
    """Let the model go on writing after `prompt`.

    Parameters
    ----------
    prompt : str
    n : int
        How many candidates.
    max_new_tokens : int
        The most tokens the model may write.
    temperature : float
        0 is greedy and deterministic.
    top_p, top_k : float, int
        Restrict sampling to the likeliest tokens; used when `temperature` is above 0.
    seed : int, optional
        Makes sampling reproducible.
    stop : str or sequence of str, optional
        The text ends before the first of these. It also ends where the block does.
    model : str, optional
        As in `load`; by default the resident model, or ``"mini"``.
    language : str
        Decides where a block ends.

    Returns
    -------
    list of Suggestion
        `n` of them.

    Raises
    ------
    LoadError, GenerationError
    """
    sampling = Sampling(n, max_new_tokens, temperature, top_p, top_k, seed, as_stop(stop))
    return _answer(Request((prompt,), sampling, language, model))


def infill(
    prefix: str,
    suffix: str,
    *more: str,
    n: int = 1,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_p: float = 0.95,
    top_k: int = 0,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    model: str | None = None,
    language: str = "python",
) -> list[Suggestion]:
    """Let the model fill the hole between `prefix` and `suffix`; with more texts, all the holes in order.

    Parameters
    ----------
    prefix, suffix, *more : str
        ``k + 1`` texts around ``k`` holes.
    max_new_tokens : int
        The most tokens the model may write into each hole.
    n, temperature, top_p, top_k, seed, stop, model, language
        As in `complete`.

    Returns
    -------
    list of Suggestion
        `n` of them; `Suggestion.spans` has one text a hole.

    Raises
    ------
    FormatError
        If the model can't fill so many holes.
    LoadError, GenerationError
    """
    sampling = Sampling(n, max_new_tokens, temperature, top_p, top_k, seed, as_stop(stop))
    return _answer(Request((prefix, suffix, *more), sampling, language, model))


def _answer(request: Request) -> list[Suggestion]:
    from cg2magic.manager import manager

    job = manager().submit(request)
    try:
        return job.result()
    except KeyboardInterrupt:
        job.cancel()
        raise


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext cg2magic``."""
    from cg2magic.magics import CG2

    CG2.enter(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext cg2magic``: the magics, the model and the worker thread go."""
    from cg2magic.magics import CG2

    CG2.leave(shell)
