"""Which model a person wants, and the engine for it: in this process, or on a server."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

from cg2magic.errors import LoadError, UsageError
from cg2magic.request import Progress

if TYPE_CHECKING:
    from cg2magic.engines.engine import Engine
    from cg2magic.engines.remote_model import RemoteModel
    from cg2magic.models.loading import LoadedModel

# What loading makes of "auto" and None.
_RESOLVED = ("device", "precision", "groups", "served")


#: An address without its scheme: a host with a port.
_HOST = re.compile(r"(?:(?:\[[0-9a-f:]+\]|[\w-][\w.-]+):\d+|localhost)(?:/|\Z)", re.IGNORECASE)


@dataclass(slots=True)
class ServerSettings:
    """How servers are dealt with, those that are used already too.

    Attributes
    ----------
    timeout : float
        Seconds to wait for the next piece of an answer: a full server lets requests wait for their turn.
    """

    timeout: float = 120.0


#: Those of this kernel.
SERVERS = ServerSettings()


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model, and how it is to be held; None leaves a choice as it is.

    The name may be the address of a server; ``served`` and ``tokenizer`` are for such a model.
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

    def is_met_by(self, held: ModelSpec, loaded: LoadedModel | RemoteModel) -> bool:
        """Whether a model that was loaded for `held` will do."""
        held = replace(held, **{name: getattr(loaded, name) for name in _RESOLVED if hasattr(loaded, name)})
        return self.name in (held.name, loaded.name) and all(
            wanted in ("auto", None, there)
            for wanted, there in zip(astuple(self)[1:], astuple(held)[1:], strict=True)
        )


def refuse_secrets(name: str | None) -> None:
    """Refuse an address with a key or a password in it: names of models are shown, saved and kept.

    Raises
    ------
    UsageError
    """
    if name and "://" in name and ("@" in name or "?" in name):
        raise UsageError("an address holds no key or password: put the key into CG2MAGIC_API_KEY")


def open_engine(
    spec: ModelSpec,
    on_progress: Callable[[Progress], None] | None,
    cancelled: Callable[[], bool],
    resident: LoadedModel | RemoteModel | None = None,
) -> Engine:
    """Load a model here, or find it where it is served; the resident one is in memory meanwhile.

    Raises
    ------
    LoadError
        In one line, with what to try next.
    """
    if spec.is_remote:
        from cg2magic.engines.remote import RemoteEngine
        from cg2magic.engines.remote_model import reach

        if (spec.device, spec.precision, spec.groups, spec.compile) != ("auto", "auto", None, None):
            raise LoadError("how a served model is held (device, precision …) is the server's: leave it out")
        return RemoteEngine(
            reach(spec.name, served=spec.served, tokenizer=spec.tokenizer, cancelled=cancelled)
        )
    from cg2magic.engines.local import LocalEngine
    from cg2magic.models.loading import LoadedModel, load_model

    if spec.served or spec.tokenizer:
        raise LoadError(f"--model and --tokenizer are for the address of a server, and {spec.name} is none")
    loaded = load_model(
        spec.name,
        device=spec.device,
        precision=spec.precision,
        groups=spec.groups,
        progress=on_progress,
        cancelled=cancelled,
        resident=resident if isinstance(resident, LoadedModel) else None,
    )
    return LocalEngine(loaded, compile=bool(spec.compile))
