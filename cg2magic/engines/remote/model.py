"""A model on a server, and its tokenizer."""

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
from cg2magic.models.chat import notes_on_chat
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.progress import LoadCancelled
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary

#: CodeGen2's context length, used if neither the server nor the tokenizer states one.
_CONTEXT = 2048

# Two tokenizers that split this into the same number of tokens are the same, or similar enough to exchange
# token ids.
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
    """A model on a server, ready for requests.

    Attributes
    ----------
    name : str
        Name to show, including the server.
    served : str
        Its name on the server.
    client : Client
    tokenizer : FileTokenizer
    tokenizer_source : str
        Name or folder of the tokenizer.
    family : str
        The format of its prompts: a key of `families.FORMATS`.
    context : int
        Maximum number of tokens that it can process at once.
    seconds : float
        How long connecting took.
    notes : tuple of str
        What users should know about it.
    """

    name: str
    client: Client = field(repr=False)
    served: str
    tokenizer: FileTokenizer = field(repr=False)
    tokenizer_source: str
    family: str
    context: int
    seconds: float
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
    cancelled: Callable[[], bool] = lambda: False,
) -> RemoteModel:
    """Find out which model a server has, and verify that our tokenizer belongs to it.

    Parameters
    ----------
    url : str
        Base URL of an OpenAI-compatible API, such as ``http://host:8000/v1``.
    served : str, optional
        The model's name on the server, if it has several.
    tokenizer : str, optional
        A name of the catalog, an id of the Hugging Face Hub or a folder; by default the served name, if that
        tokenizer is on this disk.
    cancelled : callable

    Raises
    ------
    LoadError
        With a message of one line that says what to try next.
    """
    started = time.perf_counter()
    try:
        client, listed = _find(url, cancelled)
        info = _choose(listed, served, client.host)
        found, source = _tokenizer(info, tokenizer)
        counted = run(_count(client, info["id"]), cancelled)
        family = family_of(found.get_vocab())
        run(_prove(client, info["id"], Vocabulary(found, FORMATS[family].steering)), cancelled)
    except ServerError as error:
        raise LoadError(str(error)) from None
    except Cancelled:
        raise LoadCancelled("the load was cancelled") from None
    # With or without a special token for the beginning of the text.
    ours = len(found.encode(_SAMPLE, add_special_tokens=False))
    if counted is not None and counted not in (ours, ours + 1):
        raise LoadError(
            f"the tokenizer {source} does not belong to {info['id']} at {client.host}: it splits a text into "
            f"{ours} tokens, the server into {counted}; name the right one with --tokenizer"
        )
    name = Path(info["id"]).name.removesuffix(".gguf")
    return RemoteModel(
        name=f"{name} at {client.host}",
        client=client,
        served=info["id"],
        tokenizer=found,
        tokenizer_source=source,
        family=family,
        context=_context(info, found),
        seconds=time.perf_counter() - started,
        notes=notes_on_chat(info["id"], found.eos_token, has_template=found.has_chat_template),
    )


def _find(url: str, cancelled: Callable[[], bool]) -> tuple[Client, Mapping[str, Any]]:
    """Find the API at an address, and the models it lists; most people omit the ``/v1`` at the end.

    llama.cpp also lists its models without ``/v1``, but has a different API there.
    """
    url = url if "://" in url else f"http://{url}"
    given = Client(url)
    if not given.url.path.rstrip("/").endswith("/v1"):
        client = Client(f"{given.url}/v1")
        try:
            return client, run(client.get("models"), cancelled)
        except ServerError as error:
            # Only with these status codes is it possible that the API has another base URL.
            if error.status not in (200, 400, 404, 405):
                raise
    return given, run(given.get("models"), cancelled)


async def _count(client: Client, served: str) -> int | None:
    """Ask how many tokens the sample has on the server; None if it doesn't report that."""
    body = {"model": served, "prompt": _SAMPLE, "max_tokens": 1, "temperature": 0}
    usage = (await client.post("completions", body)).get("usage")
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return counted if isinstance(counted, int) and not isinstance(counted, bool) else None


async def _prove(client: Client, served: str, vocabulary: Vocabulary) -> None:
    """Request one token like the engine does, so that an unsuitable server is refused at once.

    Raises
    ------
    ServerError
        If it accepts only text, or doesn't return tokens.
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


def _tokenizer(info: Mapping[str, Any], name: str | None) -> tuple[FileTokenizer, str]:
    if name is not None:
        for folder in _folders(name, offline=False):
            return FileTokenizer(folder), name
        raise LoadError(f"there is no tokenizer {name!r}: give a folder with a tokenizer.json, or a Hub id")
    root = info.get("root")
    for candidate in dict.fromkeys((info["id"], root if isinstance(root, str) and root else info["id"])):
        for folder in _folders(candidate, offline=True):
            return FileTokenizer(folder), candidate
    raise LoadError(
        f"the tokenizer of {info['id']} is not on this machine: give --tokenizer a folder with its "
        "tokenizer.json, or a Hub id"
    )


def _folders(name: str, *, offline: bool) -> Iterator[Path]:
    """Yield folders with a tokenizer that a name may refer to; try the Hub last."""
    path = Path(name).expanduser()
    try:
        is_here = (path / "tokenizer.json").is_file()
    except (OSError, ValueError):  # not a valid name for a folder
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
        except Exception:  # noqa: BLE001 - missing, not cached, no network: the caller reports it
            return
        yield Path(found).parent


def _context(info: Mapping[str, Any], tokenizer: FileTokenizer) -> int:
    meta = info.get("meta")
    slot = meta.get("n_ctx") if isinstance(meta, dict) else None
    for length in (info.get("max_model_len"), slot, tokenizer.fields.get("model_max_length")):
        # A tokenizer without a length has a huge number there.
        if isinstance(length, int) and not isinstance(length, bool) and 0 < length < 10**7:
            return length
    return _CONTEXT
