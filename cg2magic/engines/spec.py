"""The requested model: its name or address, and how to load it."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass, replace
from typing import Protocol

from cg2magic.errors import UsageError

# Fields in which loading replaces "auto" and None by a value.
_RESOLVED = ("device", "precision", "groups", "served")


#: An address without a scheme: a host with a port.
_HOST = re.compile(r"(?:(?:\[[0-9a-f:]+\]|[\w-][\w.-]+):\d+|localhost)(?:/|\Z)", re.IGNORECASE)


@dataclass(slots=True)
class ServerSettings:
    """Settings for all servers, including those already in use.

    Attributes
    ----------
    timeout : float
        Seconds to wait for the next part of a response; a busy server queues requests.
    """

    timeout: float = 120.0


#: The settings of this kernel.
SERVERS = ServerSettings()


class Named(Protocol):
    """A loaded model, here or on a server."""

    @property
    def name(self) -> str:
        """Name to show."""
        ...


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model to load, and how; None keeps the current choice.

    The name may be the address of a server; ``served`` and ``tokenizer`` are only for servers.
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

    @property
    def is_remote(self) -> bool:
        """Whether the name is the address of a server."""
        return self.name.casefold().startswith(("http://", "https://")) or bool(_HOST.match(self.name))

    def is_met_by(self, held: ModelSpec, loaded: Named) -> bool:
        """Whether a model loaded for `held` satisfies this spec."""
        held = replace(held, **{name: getattr(loaded, name) for name in _RESOLVED if hasattr(loaded, name)})
        return self.name in (held.name, loaded.name) and all(
            wanted in ("auto", None, there)
            for wanted, there in zip(astuple(self)[1:], astuple(held)[1:], strict=True)
        )


def refuse_secrets(name: str | None) -> None:
    """Reject an address that contains a key or a password: model names are shown and saved.

    Raises
    ------
    UsageError
    """
    if name and "://" in name and ("@" in name or "?" in name):
        raise UsageError("an address must not contain a key or password: put the key into CG2MAGIC_API_KEY")
