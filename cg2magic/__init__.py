r"""Code completion and infilling with local language models, in the notebook.

``%load_ext cg2magic`` adds the magics ``%%complete``, ``%%infill``, ``%%score`` and ``%cg2``. The same from
Python:

>>> import cg2magic
>>> suggestions = cg2magic.complete("def hello_world():")
>>> suggestions = cg2magic.infill("def hello_world():\n    ", "    return name")

torch and transformers are imported when the first model is loaded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cg2magic.errors import Cg2Error, FormatError, GenerationError, LoadError, UsageError
from cg2magic.likelihood import Score
from cg2magic.prompts.families import register_format
from cg2magic.request import DEFAULTS, CheckResult, Request, Sampling, Suggestion, TokenLogprob, as_stop
from cg2magic.syntax.endings import after_comment

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from IPython.core.interactiveshell import InteractiveShell
    from numpy.typing import NDArray

    from cg2magic.engines.remote.model import RemoteModel
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
    "Score",
    "Suggestion",
    "TokenLogprob",
    "UsageError",
    "complete",
    "embed",
    "infill",
    "load",
    "load_ipython_extension",
    "register_format",
    "score",
    "unload_ipython_extension",
]


def load(
    model: str = "mini",
    *,
    device: str = "auto",
    precision: str = "auto",
    groups: int | None = None,
    served: str | None = None,
    tokenizer: str | None = None,
    compile: bool | None = None,  # noqa: A002 - its name in torch
) -> LoadedModel | RemoteModel:
    """Load a model and make it the resident one.

    Parameters
    ----------
    model : str
        ``"mini"``, a name from the catalog (``%cg2 models``), an id on the Hugging Face Hub, a folder, a
        GGUF, or a server: ``"ollama"``, ``"lmstudio/NAME"``, a name of ``CG2.servers``, or an address such
        as ``"http://host:8000/v1"``. A GGUF is
        a file, ``"owner/name-GGUF:Q4_K_M"`` on the Hub or in LM Studio's folder, or ``"ollama:NAME"``.
    device : str
        A torch device, or ``"auto"``: the GPU if there is one, and several (through accelerate) for a model
        that does not fit on one. For a GGUF, ``"cpu"`` or ``"gpu"``.
    precision : {"auto", "int8", "fp32", "bf16", "fp16", "q4", "q8"}
        ``"q4"`` and ``"q8"`` convert a model in CodeGen's layout once, and run it in llama.cpp.
    groups : int, optional
        How many groups CodeGen2's ``qkv_proj`` has, for a checkpoint that doesn't say.
    served : str, optional
        The model's name on a server that has several.
    tokenizer : str, optional
        The tokenizer of a model on a server, if its name there doesn't identify it: a name, an id on the
        Hub or a folder.
    compile : bool, optional
        Use ``torch.compile`` with a static KV cache for single candidates, on a GPU. The first request
        waits a minute for it.

    Returns
    -------
    LoadedModel or RemoteModel
        What was loaded: name, parameters, device, precision, memory in bytes, seconds; or where it is served.
        Keeping this object does not keep the weights: they are freed when the model is unloaded or replaced.

    Raises
    ------
    LoadError
        With a message of one line; the model that was resident stays.
    """
    from cg2magic.progress import progress_bar
    from cg2magic.service.manager import manager

    with progress_bar() as on_progress:
        return manager().load(
            model,
            device=device,
            precision=precision,
            groups=groups,
            served=served,
            tokenizer=tokenizer,
            compile=compile,
            on_progress=on_progress,
        )


def complete(
    prompt: str,
    *,
    n: int = DEFAULTS.n,
    max_new_tokens: int = DEFAULTS.max_new_tokens,
    temperature: float = DEFAULTS.temperature,
    top_p: float = DEFAULTS.top_p,
    top_k: int = DEFAULTS.top_k,
    seed: int | None = None,
    stop: str | Sequence[str] | None = None,
    model: str | None = None,
    language: str = "python",
) -> list[Suggestion]:
    """Let the model continue `prompt`.

    Parameters
    ----------
    prompt : str
        A comment on its own line is answered in the next one: the text begins with a newline.
    n : int
        How many candidates to write.
    max_new_tokens : int
        The most tokens the model may write. A text that is cut there ends at its last whole statement, if it
        has one; ``finish_reason`` is then ``"length"``.
    temperature : float
        0 is greedy and deterministic.
    top_p, top_k : float, int
        Restrict sampling to the likeliest tokens; used when `temperature` is above 0.
    seed : int, optional
        Makes sampling reproducible.
    stop : str or sequence of str, optional
        The text ends before the first of these. It also ends where the block ends.
    model : str, optional
        As in `load`; by default the resident model, or ``"mini"``.
    language : str
        Determines where a block ends.

    Returns
    -------
    list of Suggestion
        `n` of them, the best first: those that parse before the others, then by mean log-probability.
        Candidates with the same text as another come last.

    Raises
    ------
    LoadError, GenerationError
    """
    sampling = Sampling(n, max_new_tokens, temperature, top_p, top_k, seed, as_stop(stop))
    asked = after_comment(prompt, language)
    answers = _answer(Request((asked,), sampling, language, model))
    return [answer.continuing(prompt) for answer in answers]


def infill(
    prefix: str,
    suffix: str,
    *more: str,
    n: int = DEFAULTS.n,
    max_new_tokens: int = DEFAULTS.max_new_tokens,
    temperature: float = DEFAULTS.temperature,
    top_p: float = DEFAULTS.top_p,
    top_k: int = DEFAULTS.top_k,
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
        `n` of them, in the same order; `Suggestion.spans` has one text per hole.

    Raises
    ------
    FormatError
        If the model can't fill so many holes.
    LoadError, GenerationError
    """
    sampling = Sampling(n, max_new_tokens, temperature, top_p, top_k, seed, as_stop(stop))
    return _answer(Request((prefix, suffix, *more), sampling, language, model))


def score(text: str, *, model: str | None = None) -> Score:
    """Compute how likely the model finds a text: the log-probability of each token, given those before it.

    Parameters
    ----------
    text : str
        Code, or any other text.
    model : str, optional
        As in `load`; by default the resident model, or ``"mini"``.

    Returns
    -------
    Score
        ``.tokens``, ``.logprob`` (sum, nats), ``.perplexity``, ``.bits_per_byte``; a notebook shows it as a
        heat map. The first token is not predicted; see `Score`.

    Raises
    ------
    UsageError
        If the text has fewer than two tokens.
    LoadError, GenerationError
    """
    from cg2magic.progress import progress_bar
    from cg2magic.service.manager import manager

    with progress_bar() as on_progress:
        return manager().score(text, model, on_progress)


def embed(texts: Sequence[str], *, model: str | None = None) -> NDArray[np.float32]:
    """Compute a vector for each text: the mean of the model's last hidden states over the text's tokens.

    These are the states after the final normalization, from which the model predicts the next token. A
    text's vector does not depend on the other texts. A text longer than 2,048 tokens, or than the model's
    context, is read in windows that don't see each other; the mean is over all its tokens.

    Parameters
    ----------
    texts : sequence of str
        For a single text, a list of one.
    model : str, optional
        As in `load`; by default the resident model, or ``"mini"``.

    Returns
    -------
    numpy.ndarray
        float32, ``(len(texts), width)``.

    Raises
    ------
    UsageError
        For a bare str, or if a text is empty.
    LoadError, GenerationError
    """
    from cg2magic.progress import progress_bar
    from cg2magic.service.manager import manager

    if isinstance(texts, str):
        raise UsageError("embed() takes a list of texts: for one text, embed([text])")
    with progress_bar() as on_progress:
        return manager().embed(list(texts), model, on_progress)


def _answer(request: Request) -> list[Suggestion]:
    from cg2magic.service.manager import manager

    job = manager().submit(request, is_ranked=True)
    try:
        return job.result()
    except KeyboardInterrupt:
        job.cancel()
        raise


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext cg2magic``."""
    if sys.platform == "emscripten":
        from IPython.core.error import UsageError as ShellUsageError

        raise ShellUsageError(
            "cg2magic needs threads and torch, which Python in a browser (JupyterLite) does not have: "
            "open this notebook in JupyterLab"
        )
    from cg2magic.frontends.magics import CG2

    CG2.enter(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext cg2magic``: remove the magics, the model and the worker thread."""
    from cg2magic.frontends.magics import CG2

    CG2.leave(shell)
