"""Ollama and LM Studio on this machine: whether they run, and with which models. Nobody else is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from cg2magic.engines.servers import LOCAL, Server

#: Seconds; whoever runs on this machine answers in a few milliseconds.
_WAIT = 0.3
#: How many models are named.
_MOST = 4


def running() -> tuple[str, ...]:
    """Say which of them run, and how their models are loaded, in a line each."""
    with ThreadPoolExecutor(len(LOCAL), "cg2magic nearby") as threads:
        return tuple(filter(None, threads.map(_said, LOCAL, LOCAL.values())))


def _said(name: str, server: Server) -> str:
    try:
        # Without the environment: neither its proxies nor its keys are meant for this.
        answer = httpx.get(f"{server.url}/models", timeout=_WAIT, trust_env=False)
        models = [str(model["id"]) for model in answer.json()["data"]]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""
    if not models:
        return f"{server.title} runs here, without a model"
    named = ", ".join(f"`%cg2 load {name}/{model}`" for model in models[:_MOST])
    more = f" and {len(models) - _MOST} more" if len(models) > _MOST else ""
    return f"{server.title} runs here: {named}{more}"
