"""Servers by name: where they are, and how they are asked; keys are only named, by their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cg2magic.errors import UsageError

#: The variable that a key is read from, unless a server has one of its own.
KEY = "CG2MAGIC_API_KEY"

_NAME = re.compile(r"[\w-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Headers that hold secrets, and a value that names a variable instead of one.
_SECRET = re.compile(r"(?i)authorization|cookie|key|token|secret|password")
_NAMES_VARIABLE = re.compile(r"(?:\w+ )?\$[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and how to ask it.

    Attributes
    ----------
    url : str
        The base URL of its API.
    model : str or None
        The model's name there, if it has several.
    tokenizer : str or None
        The model's tokenizer, if its name there does not identify it.
    key : str
        The environment variable with the key.
    headers : mapping
        More headers to send; ``$NAME`` stands for an environment variable.
    timeout : float or None
        Seconds that it may be silent; None for the setting for all servers.
    title : str
        What people call it, if it is a program that runs on this machine.
    """

    url: str
    model: str | None = None
    tokenizer: str | None = None
    key: str = KEY
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float | None = None
    title: str = ""


#: Where programs on this machine listen, unless they were told something else.
LOCAL = {
    "ollama": Server("http://localhost:11434/v1", title="Ollama"),
    "lmstudio": Server("http://localhost:1234/v1", title="LM Studio"),
}


@dataclass(slots=True)
class ServerSettings:
    """Settings for all servers, including those already in use.

    Attributes
    ----------
    timeout : float
        Seconds to wait for the next part of a response; a busy server queues requests.
    named : dict
        Servers by the names that the person gave them.
    """

    timeout: float = 120.0
    named: dict[str, Server] = field(default_factory=dict)


#: The settings of this kernel.
SERVERS = ServerSettings()


def find_server(name: str) -> tuple[Server, str | None] | None:
    """Find a server by its name, or by its name and that of a model there: ``ollama/qwen2.5-coder:1.5b``."""
    called, _, model = name.partition("/")
    server = SERVERS.named.get(called) or LOCAL.get(called)
    return None if server is None else (server, model or server.model)


def server_of(name: str, settings: Mapping[str, Any]) -> Server:
    """Make a server of a person's settings.

    Raises
    ------
    UsageError
        If they are incomplete, or contain a secret: settings are shown and saved.
    """
    known = [each.name for each in fields(Server) if each.name != "title"]
    unknown = sorted(set(settings) - set(known))
    if not _NAME.fullmatch(name) or unknown or not isinstance(settings.get("url"), str):
        wrong = (
            f"has no setting {unknown[0]!r}" if unknown else "needs a url, and a name of letters and digits"
        )
        raise UsageError(f"the server {name!r} {wrong}; a server has {', '.join(known)}")
    refuse_secrets(settings["url"])
    if not _VARIABLE.fullmatch(settings.get("key", KEY)):
        raise UsageError(f"the key of the server {name!r} must be the name of an environment variable")
    for header, value in settings.get("headers", {}).items():
        if _SECRET.search(header) and not _NAMES_VARIABLE.fullmatch(value):
            raise UsageError(
                f"the header {header} of the server {name!r} must name an environment variable, such as $NAME"
            )
    return Server(**settings)


def refuse_secrets(name: str | None) -> None:
    """Reject an address that contains a key or a password: model names are shown and saved.

    Raises
    ------
    UsageError
    """
    if name and "://" in name and ("@" in name or "?" in name):
        raise UsageError(f"an address must not contain a key or password: put the key into {KEY}")
