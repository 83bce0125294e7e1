"""A model on a server: which one it is, and the tokenizer that goes with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cg2magic.engines.remote.client import Cancelled, Client, run
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES, TokenReader
from cg2magic.errors import LoadError
from cg2magic.models.catalog import find
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.progress import LoadCancelled
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary

#: Where neither the server nor the tokenizer tells: what CodeGen2 has.
_CONTEXT = 2048

# Two tokenizers that cut this into as many tokens are the same, or near enough to be told by their ids.
_SAMPLE = '''\
import numpy as np


class Table:
    """Rows and columns, with names: größer, 東京."""

    def __init__(self, rows, columns=None):
        self.rows = [list(row) for row in rows if row is not None]
        self.columns = columns or [f"column_{i}" for i in range(len(rows[0]))]

    def mean(self, name: str) -> float:
        return sum(self[name]) / max(1, len(self.rows))  # 0.0 where there are none
'''


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model on a server, ready to be asked.

    Attributes
    ----------
    name : str
        What to call it, with the server.
    served : str
        Its name on the server.
    client : Client
    tokenizer : FileTokenizer
    tokenizer_source : str
        Its name or folder.
    family : str
        How its prompts are written: a key of `families.FORMATS`.
    context : int
        The most tokens it can see at once.
    seconds : float
        What it took to reach it.
    """

    name: str
    client: Client = field(repr=False)
    served: str
    tokenizer: FileTokenizer = field(repr=False)
    tokenizer_source: str
    family: str
    context: int
    seconds: float

    @property
    def url(self) -> str:
        """The server's address."""
        return str(self.client.url)


def reach(
    url: str,
    *,
    served: str | None = None,
    tokenizer: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> RemoteModel:
    """Find out what a server serves, and prove that the tokenizer here is that of its model.

    Parameters
    ----------
    url : str
        Base of an OpenAI-compatible API, such as ``http://host:8000/v1``.
    served : str, optional
        The model's name there, where there are several.
    tokenizer : str, optional
        A name of the catalog, an id of the Hugging Face Hub or a folder; by default what the served name
        is, of what is on this disk.
    cancelled : callable

    Raises
    ------
    LoadError
        In one line, with what to try next.
    """
    started = time.perf_counter()
    try:
        client, listed = _find(url, cancelled)
        told = _choose(listed, served, client.host)
        found, source = _tokenizer(told, tokenizer)
        counted = run(_count(client, told["id"]), cancelled)
        family = family_of(found.get_vocab())
        run(_prove(client, told["id"], Vocabulary(found, FORMATS[family].steering)), cancelled)
    except ServerError as error:
        raise LoadError(str(error)) from None
    except Cancelled:
        raise LoadCancelled("the load was cancelled") from None
    # With or without the beginning of text in front.
    ours = len(found.encode(_SAMPLE, add_special_tokens=False))
    if counted is not None and counted not in (ours, ours + 1):
        raise LoadError(
            f"the tokenizer {source} does not belong to {told['id']} at {client.host}: it splits a text into "
            f"{ours} tokens, the server into {counted}; name the right one with --tokenizer"
        )
    name = Path(told["id"]).name.removesuffix(".gguf")
    return RemoteModel(
        name=f"{name} at {client.host}",
        client=client,
        served=told["id"],
        tokenizer=found,
        tokenizer_source=source,
        family=family,
        context=_context(told, found),
        seconds=time.perf_counter() - started,
    )


def _find(url: str, cancelled: Callable[[], bool]) -> tuple[Client, Mapping[str, Any]]:
    """Find the API at an address, and what it lists; most people leave out the ``/v1`` that it ends in.

    llama.cpp lists its models without that as well, but has another API there.
    """
    url = url if "://" in url else f"http://{url}"
    given = Client(url)
    if not given.url.path.rstrip("/").endswith("/v1"):
        client = Client(f"{given.url}/v1")
        try:
            return client, run(client.get("models"), cancelled)
        except ServerError as error:
            # Only where there is nothing of the kind the API may begin elsewhere.
            if error.status not in (200, 400, 404, 405):
                raise
    return given, run(given.get("models"), cancelled)


async def _count(client: Client, served: str) -> int | None:
    """Ask how many tokens the server makes of the sample; None where it doesn't say."""
    body = {"model": served, "prompt": _SAMPLE, "max_tokens": 1, "temperature": 0}
    usage = (await client.post("completions", body)).get("usage")
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return counted if isinstance(counted, int) and not isinstance(counted, bool) else None


async def _prove(client: Client, served: str, vocabulary: Vocabulary) -> None:
    """Ask for one token as the engine does, so that a server that can't tell it is refused at once.

    Raises
    ------
    ServerError
        It takes text only, or doesn't tell its tokens.
    """
    body = {
        "model": served, "prompt": vocabulary.encode(_SAMPLE), "max_tokens": 1, "temperature": 0,
        "logprobs": ALTERNATIVES, "return_tokens_as_token_ids": True,
    }  # fmt: skip
    try:
        answer = await client.post("completions", body)
    except ServerError as error:
        if error.status not in (200, 400, 404, 415, 422, 500, 501):
            raise
        raise ServerError(
            f"{error}; it accepted the same prompt as text, so it may not support token ids and logprobs, "
            "which are needed here: vLLM and llama.cpp do"
        ) from None
    reader = TokenReader(vocabulary, client.host)
    choice = reader.choice(answer)
    if choice is None or not (reader.tokens(choice) or choice.get("finish_reason") == "stop"):
        raise ServerError(
            f"{client.host} does not report the tokens it writes (logprobs); vLLM and llama.cpp do"
        )


def _choose(answer: Mapping[str, Any], served: str | None, host: str) -> Mapping[str, Any]:
    """Take the model that is meant out of the server's list."""
    listed = answer.get("data")
    if not isinstance(listed, list):
        raise ServerError(f"{host} lists no models: is {host} a server with the completions API?")
    models = [told for told in listed if isinstance(told, dict) and _is_name(told.get("id"))]
    names = ", ".join(told["id"] for told in models) or "none"
    if served is None:
        # vLLM lists adapters too, each with the model it belongs to.
        models = [told for told in models if not told.get("parent")]
        if len(models) == 1:
            return models[0]
        if not models:
            raise ServerError(f"{host} serves no model: load one there first")
        raise ServerError(f"{host} serves several models: choose one with --model: {names}")
    for told in models:
        aliases = told.get("aliases")
        if served in (told["id"], *(aliases if isinstance(aliases, list) else ())):
            return told
    raise ServerError(f"{host} has no model {served!r}; it serves {names}")


def _is_name(told: object) -> bool:
    return isinstance(told, str) and bool(told) and told.isprintable()


def _tokenizer(told: Mapping[str, Any], name: str | None) -> tuple[FileTokenizer, str]:
    if name is not None:
        for folder in _folders(name, offline=False):
            return FileTokenizer(folder), name
        raise LoadError(f"there is no tokenizer {name!r}: give a folder with a tokenizer.json, or a Hub id")
    root = told.get("root")
    for candidate in dict.fromkeys((told["id"], root if isinstance(root, str) and root else told["id"])):
        for folder in _folders(candidate, offline=True):
            return FileTokenizer(folder), candidate
    raise LoadError(
        f"the tokenizer of {told['id']} is not on this machine: give --tokenizer a folder with its "
        "tokenizer.json, or a Hub id"
    )


def _folders(name: str, *, offline: bool) -> Iterator[Path]:
    """Folders with a tokenizer that a name may mean; the Hub is asked last."""
    path = Path(name).expanduser()
    try:
        is_here = (path / "tokenizer.json").is_file()
    except (OSError, ValueError):  # no name that a folder can have
        return
    if is_here:
        yield path
    stem = path.name.removesuffix(".gguf")
    entry = find(name) or find(stem)
    if entry is not None and entry.repo is None:
        yield MINI
        return
    repo = entry.repo if entry is not None and entry.repo else name
    if repo.count("/") == 1 and not repo.startswith(("/", ".", "~")):
        from huggingface_hub import hf_hub_download

        try:
            for file in ("tokenizer_config.json", "tokenizer.json"):
                found = hf_hub_download(repo, file, local_files_only=offline)
        except Exception:  # noqa: BLE001 - not there, not cached, no network: the caller says what to do
            return
        yield Path(found).parent


def _context(told: Mapping[str, Any], tokenizer: FileTokenizer) -> int:
    meta = told.get("meta")
    slot = meta.get("n_ctx") if isinstance(meta, dict) else None
    for length in (told.get("max_model_len"), slot, tokenizer.fields.get("model_max_length")):
        # A tokenizer that knows no length has a huge number there.
        if isinstance(length, int) and not isinstance(length, bool) and 0 < length < 10**7:
            return length
    return _CONTEXT
