"""Load a causal language model that transformers supports and its tokenizer, quietly."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cg2magic.errors import LoadError
from cg2magic.models.files import check_tokenizer_files
from cg2magic.progress import LoadCancelled
from cg2magic.wording import one_line

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

#: How transformers calls the bar in which it counts the tensors that it reads.
_BAR = "Loading weights"


def load_causal(
    folder: Path,
    config: PreTrainedConfig,
    dtype: torch.dtype,
    *,
    is_spread: bool,
    report: Callable[[float], None],
    kind: type[PreTrainedModel] | None = None,
) -> PreTrainedModel:
    """Load a model, on the CPU unless it is spread over several GPUs.

    Parameters
    ----------
    folder : Path
    config : PreTrainedConfig
    dtype : torch.dtype
    is_spread : bool
        Whether accelerate distributes it.
    report : callable
        Receives the share that has been read; it may raise.
    kind : type, optional
        Class of the model; by default, transformers chooses.

    Raises
    ------
    LoadError
    """
    from transformers import AutoModelForCausalLM

    try:
        with _followed(report):
            model, loaded = (kind or AutoModelForCausalLM).from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                device_map="auto" if is_spread else None,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except LoadCancelled:
        raise
    except Exception as error:
        raise LoadError(f"it can't be loaded as a causal language model: {one_line(error)}") from error
    if loaded["missing_keys"]:
        missing = min(loaded["missing_keys"])
        raise LoadError(f"the checkpoint has no tensor {missing}; download it again, or check config.json")
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a checkpoint; raise LoadError if there is none that works."""
    from transformers import AutoTokenizer

    check_tokenizer_files(folder)
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise LoadError(
            f"its tokenizer can't be loaded ({one_line(error)}); download the model again"
        ) from error


def context_length(model: PreTrainedModel) -> int:
    """Return how many tokens a model reads at the most."""
    config = model.config.get_text_config()
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_seq_len"):
        length = getattr(config, name, None)
        if isinstance(length, int) and length > 0:
            return length
    return 2048  # recurrent models have no limit; this length is fast


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' progress bars and warnings: we report what matters ourselves."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    had_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if had_bars:
            transformers_logging.enable_progress_bar()


@contextlib.contextmanager
def _followed(report: Callable[[float], None]) -> Iterator[None]:
    """Report what transformers' own bar would show."""
    from transformers.utils import logging as transformers_logging

    def bar(make: Callable[..., Any], args: tuple[Any, ...], how: dict[str, Any]) -> Any:
        return _counted(args[0], report) if how.get("desc") == _BAR and args else make(*args, **how)

    before = transformers_logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        transformers_logging.set_tqdm_hook(before)


def _counted(items: Any, report: Callable[[float], None]) -> Iterator[Any]:
    for done, item in enumerate(items):
        report(done / len(items))
        yield item
