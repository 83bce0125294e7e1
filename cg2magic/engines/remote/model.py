"""A model on a server, and its tokenizer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cg2magic.engines.remote.abilities import Abilities, look, writes_many
from cg2magic.engines.remote.calls import Completions
from cg2magic.engines.remote.client import Cancelled, Client, run
from cg2magic.engines.remote.context import asked, stated
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokenizers import find_tokenizer, is_theirs, why_not_ids
from cg2magic.engines.servers import Server
from cg2magic.errors import LoadError
from cg2magic.models.chat import notes_on_chat
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.progress import LoadCancelled
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.wording import one_line

#: The most characters of a name that are shown.
_NAME = 80


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model on a server, ready for requests.

    Attributes
    ----------
    name : str
        Name to show, including the server.
    served : str
        Its name on the server.
    client : Client
    tokenizer : FileTokenizer or None
        None if the server is sent text.
    tokenizer_source : str
        Name or folder of the tokenizer.
    family : str
        The format of its prompts: a key of `families.FORMATS`.
    context : int
        Maximum number of tokens that it can process at once.
    seconds : float
        How long connecting took.
    abilities : Abilities
        What the server can do.
    notes : tuple of str
        What users should know about it.
    """

    name: str
    client: Client = field(repr=False)
    served: str
    tokenizer: FileTokenizer | None = field(repr=False)
    tokenizer_source: str
    family: str
    context: int
    seconds: float
    abilities: Abilities
    notes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The server's address."""
        return str(self.client.url)


def reach(
    url: str,
    *,
    served: str | None = None,
    tokenizer: str | None = None,
    server: Server | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> RemoteModel:
    """Find out which model a server has and what it can do, and verify that our tokenizer belongs to it.

    Parameters
    ----------
    url : str
        Base URL of an OpenAI-compatible API, such as ``http://host:8000/v1``.
    served : str, optional
        The model's name on the server, if it has several.
    tokenizer : str, optional
        A name of the catalog, an id of the Hugging Face Hub or a folder; by default the served name, if that
        tokenizer is on this disk. Without one, the server is sent text.
    server : Server, optional
        How to ask it.
    cancelled : callable

    Raises
    ------
    LoadError
        With a message of one line that says what to try next.
    """
    try:
        return run(_reach(url, served, tokenizer, server), cancelled)
    except ServerError as error:
        if server is not None and server.title and error.status is None:
            raise LoadError(
                f"{server.title} does not run at {server.url}: start its server; without one, `ollama:NAME` "
                "and owner/name load the files that Ollama and LM Studio have"
            ) from None
        raise LoadError(str(error)) from None
    except Cancelled:
        raise LoadCancelled("the load was cancelled") from None


async def _reach(url: str, served: str | None, tokenizer: str | None, server: Server | None) -> RemoteModel:
    started = time.perf_counter()
    client, listed = await _find(url, served, server)
    info = _choose(listed, served, client.host)
    found = find_tokenizer(info, tokenizer)
    name = one_line(Path(info["id"]).name.removesuffix(".gguf"), _NAME)
    why = f"since the tokenizer of {name} is not on this machine (--tokenizer names one)"
    if found is not None:
        why = await _why_not_ids(client, info["id"], *found)
    if found is not None and not why:
        call = Completions(info["id"])
        abilities = Abilities(call, by_ids=True, many=await writes_many(client, call))
    else:
        found = None
        abilities = await look(client, info["id"], why)
    own = found[0] if found is not None else None
    return RemoteModel(
        name=f"{name} at {client.host}",
        client=client,
        served=info["id"],
        tokenizer=own,
        tokenizer_source=found[1] if found is not None else "",
        family=family_of(own.get_vocab()) if own is not None else abilities.family or "causal",
        context=stated(info, own.fields if own is not None else {}) or await asked(client, info["id"]),
        seconds=time.perf_counter() - started,
        abilities=abilities,
        notes=_notes(info["id"], own),
    )


def _notes(served: str, tokenizer: FileTokenizer | None) -> tuple[str, ...]:
    if tokenizer is None:
        return notes_on_chat(served, None, has_template=True)
    return notes_on_chat(served, tokenizer.eos_token, has_template=tokenizer.has_chat_template)


async def _why_not_ids(client: Client, served: str, tokenizer: FileTokenizer, source: str) -> str:
    """Say why a server can't be sent token ids; empty if it can."""
    try:
        await is_theirs(client, served, tokenizer, source)
    except ServerError as error:
        if error.status not in (404, 405):
            raise
        return "since it does not know /completions"
    return await why_not_ids(
        client, served, Vocabulary(tokenizer, FORMATS[family_of(tokenizer.get_vocab())].steering)
    )


async def _find(url: str, served: str | None, server: Server | None) -> tuple[Client, Mapping[str, Any]]:
    """Find the API at an address, and the models it lists; most people omit the ``/v1`` at the end.

    llama.cpp also lists its models without ``/v1``, but has a different API there. Where nothing is listed,
    the model must be named.
    """
    url = url if "://" in url else f"http://{url}"
    given = Client(url, server)
    if not given.url.path.rstrip("/").endswith("/v1"):
        client = Client(f"{given.url}/v1", server)
        try:
            return client, await client.get("models")
        except ServerError as error:
            # Only with these status codes is it possible that the API has another base URL.
            if error.status not in (200, 400, 404, 405):
                raise
    try:
        return given, await given.get("models")
    except ServerError as error:
        if error.status not in (404, 405):
            raise
        if served is None:
            raise ServerError(
                f"{given.host} lists no models ({error.status}): name one with --model, or give the address "
                "of its API, which often ends in /v1",
                error.status,
            ) from None
        return given, {"data": [{"id": served}]}


def _choose(answer: Mapping[str, Any], served: str | None, host: str) -> Mapping[str, Any]:
    """Choose the requested model from the server's list."""
    listed = answer.get("data")
    if not isinstance(listed, list):
        raise ServerError(f"{host} lists no models: is {host} a server with the completions API?")
    models = [info for info in listed if isinstance(info, dict) and _is_name(info.get("id"))]
    names = ", ".join(info["id"] for info in models) or "none"
    if served is None:
        # vLLM also lists adapters, each with the model that it belongs to.
        models = [info for info in models if not info.get("parent")]
        if len(models) == 1:
            return models[0]
        if not models:
            raise ServerError(f"{host} serves no model: load one there first")
        raise ServerError(f"{host} serves several models: choose one with --model: {names}")
    for info in models:
        aliases = info.get("aliases")
        if served in (info["id"], *(aliases if isinstance(aliases, list) else ())):
            return info
    raise ServerError(f"{host} has no model {served!r}; it serves {names}")


def _is_name(info: object) -> bool:
    return isinstance(info, str) and bool(info) and info.isprintable()
