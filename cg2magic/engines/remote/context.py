"""How many tokens a model on a server can read at once, as far as the server says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.route import ServerError

#: CodeGen2's context length, used if neither the server nor the tokenizer states one.
_CONTEXT = 2048
#: Fields of a model in a list of models, or of what is said about one: vLLM's, LM Studio's (as loaded, and at
#: most), Mistral's and text-generation-inference's.
_FIELDS = ("max_model_len", "loaded_context_length", "max_context_length", "max_total_tokens")


def stated(info: Mapping[str, Any], tokenizer_fields: Mapping[str, Any]) -> int | None:
    """Return what a list of models or the tokenizer says; None if they don't."""
    meta = info.get("meta")
    slot = meta.get("n_ctx") if isinstance(meta, dict) else None  # llama.cpp
    return _first(*(info.get(name) for name in _FIELDS), slot, tokenizer_fields.get("model_max_length"))


async def asked(client: Client, served: str) -> int:
    """Ask in the ways of Ollama, LM Studio and text-generation-inference; a short one if nobody answers."""
    running = await _get(client, "/api/ps")
    models = running.get("models")
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict) and served in (model.get("name"), model.get("model")):
            return _first(model.get("context_length")) or _CONTEXT
    for path in (f"/api/v0/models/{served}", "/info"):
        found = stated(await _get(client, path), {})
        if found is not None:
            return found
    return _CONTEXT


async def _get(client: Client, path: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = await client.get(path)
    except ServerError:
        return {}
    return found


def _first(*lengths: object) -> int | None:
    for length in lengths:
        # A tokenizer without a length has a huge number there.
        if isinstance(length, int) and not isinstance(length, bool) and 0 < length < 10**7:
            return length
    return None
