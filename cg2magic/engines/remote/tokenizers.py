"""The tokenizer of a model on a server: found on this machine, and compared with the server's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cg2magic.engines.remote.abilities import UNKNOWN, counted
from cg2magic.engines.remote.client import Client
from cg2magic.engines.remote.route import ServerError
from cg2magic.engines.remote.tokens import ALTERNATIVES, TokenReader
from cg2magic.errors import LoadError
from cg2magic.models.catalog import find
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.vocabulary import Vocabulary

# Two tokenizers that split this into the same number of tokens are the same, or similar enough to exchange
# token ids.
SAMPLE = '''\
import numpy as np


class Table:
    """Rows and columns, with names: größer, 東京."""

    def __init__(self, rows, columns=None):
        self.rows = [list(row) for row in rows if row is not None]
        self.columns = columns or [f"column_{i}" for i in range(len(rows[0]))]

    def mean(self, name: str) -> float:
        return sum(self[name]) / max(1, len(self.rows))  # 0.0 where there are none
'''


def find_tokenizer(info: Mapping[str, Any], name: str | None) -> tuple[FileTokenizer, str] | None:
    """Find a model's tokenizer and its name or folder; None if it is not on this machine.

    Parameters
    ----------
    info : mapping
        What the server says about the model.
    name : str or None
        A name of the catalog, an id of the Hub or a folder, if the person gave one.

    Raises
    ------
    LoadError
        If there is none of this name.
    """
    if name is not None:
        for folder in _folders(name, offline=False):
            return FileTokenizer(folder), name
        raise LoadError(f"there is no tokenizer {name!r}: give a folder with a tokenizer.json, or a Hub id")
    root = info.get("root")
    for candidate in dict.fromkeys((info["id"], root if isinstance(root, str) and root else info["id"])):
        for folder in _folders(candidate, offline=True):
            return FileTokenizer(folder), candidate
    return None


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


async def is_theirs(client: Client, served: str, tokenizer: FileTokenizer, source: str) -> None:
    """Compare the number of tokens of a sample.

    Raises
    ------
    ServerError
        If the server counts others, so the tokenizer is another model's.
    """
    body = {"model": served, "prompt": SAMPLE, "max_tokens": 1, "temperature": 0}
    theirs = counted(await client.post("completions", body))
    # With or without a special token for the beginning of the text.
    ours = len(tokenizer.encode(SAMPLE, add_special_tokens=False))
    if theirs is not None and theirs not in (ours, ours + 1):
        raise ServerError(
            f"the tokenizer {source} does not belong to {served} at {client.host}: it splits a text into "
            f"{ours} tokens, the server into {theirs}; name the right one with --tokenizer"
        )


async def why_not_ids(client: Client, served: str, vocabulary: Vocabulary) -> str:
    """Say why a server can't be sent token ids; empty if it can, and returns them, and takes a bias.

    It is asked for one token as the engine does, once freely and once for a certain token.
    """
    ids = vocabulary.encode(SAMPLE)
    body = {
        "model": served, "prompt": ids, "max_tokens": 1, "temperature": 0,
        "logprobs": ALTERNATIVES, "return_tokens_as_token_ids": True,
    }  # fmt: skip
    reader = TokenReader(vocabulary, client.host)
    wanted = ids[0]
    for bias in ({}, {"logit_bias": {str(wanted): 100}}):
        try:
            answer = await client.post("completions", body | bias)
        except ServerError as error:
            if error.status not in UNKNOWN:
                raise
            return "since it refuses logit_bias" if bias else "since it refuses token ids"
        try:
            choice = reader.choice(answer)
            tokens = [] if choice is None else reader.tokens(choice)
        except ServerError:
            return "since it does not report its tokens (logprobs)"
        if bias and [token.id for token in tokens] != [wanted]:
            return "since it ignores logit_bias"
        if not tokens and (choice is None or choice.get("finish_reason") != "stop"):
            return "since it does not report its tokens (logprobs)"
    return ""
