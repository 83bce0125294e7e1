"""Steps of one token through a compiled model, for a GPU: opt-in, for compiling takes a minute.

A step has to have the same shapes each time, so the KV cache is transformers' static one, with room for the
whole context, and tokens go in one by one. The prompt is read as always, and copied into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import StaticCache

if TYPE_CHECKING:
    from transformers import DynamicCache

    from cg2magic.models.loading import LoadedModel


class CompiledSteps:
    """The model's forward pass for one sequence, compiled when it is first used.

    Parameters
    ----------
    loaded : LoadedModel
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._model = loaded.model
        # One for all requests: the compiled step knows where it lies.
        self._cache = StaticCache(config=loaded.model.config, max_cache_len=loaded.context)
        # On a GPU a step is a single graph, so that Python's own time is not waited for.
        mode = "reduce-overhead" if self._model.device.type == "cuda" else "default"
        self._step = torch.compile(self._model.forward, mode=mode, dynamic=False)

    def cache_from(self, cache: DynamicCache) -> StaticCache:
        """Copy the keys and values of a prompt into a cache with room for the whole context."""
        self._cache.reset()
        for i, layer in enumerate(cache.layers):
            self._cache.update(layer.keys, layer.values, i)
        return self._cache

    def __call__(self, ids: torch.Tensor, cache: StaticCache, keep: int = 1) -> torch.Tensor:
        """Feed `ids` ``(1, length)`` one by one; logits after the last, ``(1, 1, rows)``."""
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
        # A graph's output is overwritten by its next run.
        return logits.clone()

    def close(self) -> None:
        """Let go of what was compiled: on a GPU its graphs keep memory of their own, of whoever runs them."""
        torch.compiler.reset()
