"""The commands about models: load, unload, models, status, cache."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cg2magic.errors import UsageError
from cg2magic.frontends.commands.parser import Commands
from cg2magic.frontends.demonstration import advise
from cg2magic.service.manager import manager
from cg2magic.wording import gigabytes

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.models.loading import LoadedModel


def add_to(commands: Commands) -> None:
    """Add these commands."""
    _add_load(commands)
    commands.add("unload", _unload, "free the model's memory")
    models = commands.add("models", _models, "list the models known by name, the best for this machine first")
    models.add_argument("--all", dest="every", action="store_true", help="all of them, with their variants")
    commands.add("status", _status, "show what is loaded, its memory, what waits, and the last speed")
    cache = commands.add(
        "cache", _cache, "show or clear the quantized weights kept on disk, which make the next load quick"
    )
    cache.add_argument("what", nargs="?", choices=("show", "clear"), default="show")


def _add_load(commands: Commands) -> None:
    load = commands.add(
        "load",
        _load,
        "load a model; without a name, show which suits this machine",
        "A name from `%cg2 models`, a Hub id (@commit), a folder, a GGUF file, or the address of a server.\n"
        "A GGUF is a path, owner/name-GGUF:Q4_K_M on the Hub or in LM Studio's folder, or ollama:NAME in\n"
        "Ollama's store; Tab completes what is on this disk.\n"
        "A server is `ollama` or `lmstudio` on this machine (ollama/NAME chooses a model), a name of\n"
        "CG2.servers, or the address of one with a completions API; it sees your prompts.\n"
        "If it requires a key, put the key into the environment variable CG2MAGIC_API_KEY.",
    )
    load.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="the model, or a server such as http://HOST:8000/v1",
    )
    load.add_argument(
        "--device", default="auto", help="where it runs: auto, cpu, cuda, cuda:1, mps; for a GGUF cpu or gpu"
    )
    load.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "int8", "fp32", "bf16", "fp16", "q4", "q8"),
        help="the precision of its weights; q4 and q8 run a CodeGen model in llama.cpp",
    )
    load.add_argument(
        "--groups", type=int, metavar="G", help="groups in its qkv_proj, 4 or 8, if it doesn't say"
    )
    load.add_argument(
        "--model", dest="served", metavar="NAME", help="which model to use, if the server has several"
    )
    load.add_argument(
        "--tokenizer", metavar="NAME", help="a name, Hub id or folder, if the served name doesn't identify it"
    )
    load.add_argument("--compile", action="store_true", default=None, help="use torch.compile, on a GPU")


def _status(*_: object) -> str:
    from cg2magic.models.int8 import files as int8_files

    status = manager().status()
    lines = [describe(status.model) if status.model else "no model is loaded; the first request loads one"]
    lines.append(f"memory of this kernel  {gigabytes(status.process_memory)}")
    lines.append(f"writing  {'yes' if status.writing else 'no'}, waiting  {status.queued}")
    if status.tokens_per_second:
        lines.append(f"last request  {status.tokens_per_second:.0f} tokens/s")
    kept = int8_files.size()
    if kept:
        lines.append(f"quantized weights on disk  {gigabytes(kept)}; `%cg2 cache clear` removes them")
    return "\n".join(lines)


def _load(args: argparse.Namespace, _: InteractiveShell) -> str:
    from cg2magic.progress import progress_bar

    if args.name is None:
        if args.words:
            raise UsageError("load which model? Give its name, as in `%cg2 load mini`")
        return advise()
    if args.name.startswith(("$", "{")):
        name = args.name.strip("${}")
        raise UsageError(f"%cg2 does not expand names: cg2magic.load({name}) loads what is in {name}")
    with progress_bar() as on_progress:
        loaded = manager().load(
            args.name,
            device=args.device,
            precision=args.precision,
            groups=args.groups,
            served=args.served,
            tokenizer=args.tokenizer,
            compile=args.compile,
            on_progress=on_progress,
        )
    return describe(loaded)


def _unload(*_: object) -> str:
    gone = manager().unload()
    if gone is None:
        return "no model was loaded"
    sizes = [f"{gigabytes(gone.process)} of memory"] if gone.process or not gone.gpu else []
    sizes += [f"{gigabytes(gone.gpu)} of GPU memory"] if gone.gpu else []
    said = f"{gone.name} unloaded, {' and '.join(sizes)} freed"
    if gone.is_held:
        said += "; a variable still holds its weights: `del` it to free them"
    return said


def _models(args: argparse.Namespace, _: InteractiveShell) -> None:
    from IPython.display import display

    from cg2magic.frontends.model_table import ModelTable
    from cg2magic.models.survey import survey

    resident = manager().status().model
    display(ModelTable(survey(), resident.name if resident else None, every=args.every))


def _cache(args: argparse.Namespace, _: InteractiveShell) -> str:
    from cg2magic.models.int8 import files as int8_files

    if args.what == "clear":
        return f"quantized weights removed from the disk, {gigabytes(int8_files.clear())} freed"
    return f"quantized weights on disk  {gigabytes(int8_files.size())} in {int8_files.folder()}"


def describe(loaded: LoadedModel | RemoteModel) -> str:
    """Describe a loaded model in one line, followed by its notes."""
    from cg2magic.engines.remote.model import RemoteModel

    if isinstance(loaded, RemoteModel):
        tokenizer = f"tokenizer {loaded.tokenizer_source}, " if loaded.tokenizer_source else ""
        reached = (
            f"{loaded.name}: served as {loaded.served} at {loaded.url}, context {loaded.context:,} tokens, "
            f"{tokenizer}reached in {loaded.seconds:.1f} s"
        )
        return "\n".join((reached, *loaded.abilities.lines, *loaded.notes))
    return "\n".join((str(loaded), *loaded.notes))
