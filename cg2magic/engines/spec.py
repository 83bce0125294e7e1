"""The requested model: its name or address, and how to load it."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, replace
from typing import Protocol

from cg2magic.engines.servers import find_server, refuse_secrets

# Fields in which loading replaces "auto" and None by a value.
_RESOLVED = ("device", "precision", "groups", "served")

#: An address without a scheme: a host with a port.
_HOST = re.compile(r"(?:(?:\[[0-9a-f:]+\]|[\w-][\w.-]+):\d+|localhost)(?:/|\Z)", re.IGNORECASE)

#: The page of a model on the Hub, as it is copied out of a browser, with or without a revision.
_HUB_PAGE = re.compile(
    r"https?://(?:huggingface\.co|hf\.co)/(?P<id>[\w.-]+/[\w.-]+)"
    r"(?:/(?:tree|blob|resolve)/(?P<revision>[\w.-]+)(?:/.*)?)?/?",
    re.IGNORECASE,
)


class Named(Protocol):
    """A loaded model, here or on a server."""

    @property
    def name(self) -> str:
        """Name to show."""
        ...


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model to load, and how; None keeps the current choice.

    The name may be that of a server, or its address; ``served`` and ``tokenizer`` are only for servers. The
    address of a model's page on the Hub is read as its id.
    """

    name: str
    device: str = "auto"
    precision: str = "auto"
    groups: int | None = None
    compile: bool | None = None
    served: str | None = None
    tokenizer: str | None = None

    def __post_init__(self) -> None:
        refuse_secrets(self.name)
        if page := _HUB_PAGE.fullmatch(self.name):
            revision = page["revision"] or "main"
            name = page["id"] if revision == "main" else f"{page['id']}@{revision}"
            object.__setattr__(self, "name", name)

    @property
    def is_remote(self) -> bool:
        """Whether the name is that of a server, or its address."""
        is_address = self.name.casefold().startswith(("http://", "https://")) or bool(_HOST.match(self.name))
        return is_address or find_server(self.name) is not None

    def is_met_by(self, held: ModelSpec, loaded: Named) -> bool:
        """Whether a model loaded for `held` satisfies this spec."""
        held = replace(held, **{name: getattr(loaded, name) for name in _RESOLVED if hasattr(loaded, name)})
        return self.name in (held.name, loaded.name) and all(
            wanted in ("auto", None, there)
            for wanted, there in zip(astuple(self)[1:], astuple(held)[1:], strict=True)
        )
