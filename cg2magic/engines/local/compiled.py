"""Decode one token at a time with a compiled model, for GPUs. Opt-in, because compiling takes a minute.

Every step must have the same shapes. So we use transformers' static KV cache, with memory for the whole
context, and feed tokens one by one. The prefill is not compiled; its KV cache is copied into the static one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import StaticCache

if TYPE_CHECKING:
    from transformers import DynamicCache

    from cg2magic.models.loading import LoadedModel


class CompiledSteps:
    """The forward pass of the model for one sequence, compiled at first use.

    Parameters
    ----------
    loaded : LoadedModel
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._model = loaded.model
        # One cache for all requests: the compiled step refers to its memory.
        self._cache = StaticCache(config=loaded.model.config, max_cache_len=loaded.context)
        # On a GPU, a step is a single graph, so it does not wait for Python.
        mode = "reduce-overhead" if self._model.device.type == "cuda" else "default"
        self._step = torch.compile(self._model.forward, mode=mode, dynamic=False)

    def cache_from(self, cache: DynamicCache) -> StaticCache:
        """Copy the KV cache of a prompt into the static one, which has memory for the whole context."""
        self._cache.reset()
        for i, layer in enumerate(cache.layers):
            self._cache.update(layer.keys, layer.values, i)
        return self._cache

    def __call__(self, ids: torch.Tensor, cache: StaticCache, keep: int = 1) -> torch.Tensor:
        """Feed `ids`, ``[1, S]``, one by one; return the logits after the last, ``[1, 1, V]``."""
        assert keep == 1, "drafts need a pass of several tokens, and are off here"
        for token in ids.unbind(1):
            position = torch.as_tensor(cache.get_seq_length(), device=ids.device).reshape(1, 1)
            logits = self._step(
                input_ids=token[:, None],
                position_ids=position,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
        # The next run of the graph overwrites its output.
        return logits.clone()

    def close(self) -> None:
        """Release everything compiled, also by others: on a GPU, graphs keep their own memory."""
        torch.compiler.reset()
