"""Open the engine for the requested model: in this process, or on a server."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import LoadError
from cg2magic.progress import Watch

if TYPE_CHECKING:
    from cg2magic.engines.engine import Engine
    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.models.gguf.sources import GgufSource
    from cg2magic.models.loading import LoadedModel

#: Said where `auto` has chosen int8, and four bits are to be had. Nothing is converted unasked: that takes
#: minutes, and gigabytes of the disk.
_FOUR_BITS = (
    "in int8, which reads a new prompt fastest; `--precision q4` writes faster and takes less memory, once "
    "it is converted"
)


#: How much of a load is done when a GGUF is here: downloaded, or made.
_FOUND = 0.8


def open_engine(
    spec: ModelSpec,
    watch: Watch,
    resident: LoadedModel | RemoteModel | None = None,
) -> Engine:
    """Load a model here, or connect to its server; meanwhile the resident one stays in memory.

    Raises
    ------
    LoadError
        With a message of one line that says what to try next.
    """
    if spec.is_remote:
        from cg2magic.engines.remote.engine import RemoteEngine
        from cg2magic.engines.remote.model import reach
        from cg2magic.engines.servers import Server, find_server

        if (spec.device, spec.precision, spec.groups, spec.compile) != ("auto", "auto", None, None):
            raise LoadError("the server chooses the device, the precision and so on: leave them out")
        server, model = find_server(spec.name) or (Server(spec.name), None)
        reached = reach(
            server.url,
            served=spec.served or model,
            tokenizer=spec.tokenizer or server.tokenizer,
            server=server,
            cancelled=watch.cancelled,
        )
        return RemoteEngine(reached)
    if find_spec("torch") is None:
        raise LoadError(
            "a model in this kernel needs torch, which is not installed: pip install torch, or use a model "
            "on a server, as in %cg2 load http://HOST:8000/v1"
        )
    from cg2magic.engines.local.engine import LocalEngine
    from cg2magic.models.gguf.binding import is_installed
    from cg2magic.models.gguf.sources import find_gguf
    from cg2magic.models.loading import LoadedModel, load_model

    if spec.served or spec.tokenizer:
        raise LoadError(f"--model and --tokenizer need the address of a server; {spec.name} is not one")
    gguf = find_gguf(spec.name, watch.upto(_FOUND))
    if gguf is not None or spec.precision in ("q4", "q8"):
        return _open_gguf(spec, gguf, watch)
    loaded = load_model(
        spec.name,
        device=spec.device,
        precision=spec.precision,
        groups=spec.groups,
        progress=watch.progress,
        cancelled=watch.cancelled,
        resident=resident if isinstance(resident, LoadedModel) else None,
    )
    if spec.precision == "auto" and loaded.precision == "int8" and loaded.groups and is_installed():
        loaded = replace(loaded, notes=(*loaded.notes, _FOUR_BITS))
    return LocalEngine(loaded, compile=bool(spec.compile))


def _open_gguf(spec: ModelSpec, source: GgufSource | None, watch: Watch) -> Engine:
    """Load a GGUF file, or one that is made of a checkpoint."""
    from cg2magic.engines.gguf.engine import GgufEngine
    from cg2magic.models.gguf.conversion import converted
    from cg2magic.models.gguf.loading import load_gguf

    if source is None:
        if spec.compile:
            raise LoadError(f"--compile is for torch, and {spec.precision} runs in llama.cpp: leave it out")
        made = converted(spec.name, spec.precision, spec.groups, watch.upto(_FOUND))
        reading = watch.upto(1.0)
        return GgufEngine(load_gguf(made, device=spec.device, watch=reading, precision=spec.precision))
    if (spec.precision, spec.groups, spec.compile) != ("auto", None, None):
        raise LoadError(
            f"{source.name} is a GGUF, which has its own precision and layout: leave out --precision, "
            "--groups and --compile"
        )
    return GgufEngine(load_gguf(source, device=spec.device, watch=watch.upto(1.0)))
