"""What `%cg2` does, one function a command; each gives what is shown."""

from __future__ import annotations

import argparse
import difflib
import time
from typing import TYPE_CHECKING, NoReturn

from cg2magic.context import settings
from cg2magic.errors import UsageError
from cg2magic.frontends.line import plain, reads_words, split, value
from cg2magic.service.manager import manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.models.loading import LoadedModel


def run(line: str, shell: InteractiveShell) -> None:
    """Run one command line of `%cg2`.

    Raises
    ------
    UsageError
        For an unknown command or option, with the closest known one.
    LoadError
        From `%cg2 load`.
    """
    name, *words = split(line)[0] or ["status"]
    name = value(name)
    if name == "accept":
        _accept(words, shell)
    elif name == "config":
        _config(words, shell)
    elif name == "allow":
        print(_allow(words, shell))  # noqa: T201 - as below
    elif name == "models":
        _models(words)
    elif name in _COMMANDS:
        print(_COMMANDS[name](words))  # noqa: T201 - a magic answers in the cell
    else:
        known = ("accept", "allow", "config", "models", *_COMMANDS)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
        raise UsageError(f"%cg2 has no command {name!r}: {hint}")


class _Parser(argparse.ArgumentParser):
    """The options of one command, in the words of its line."""

    def __init__(self, command: str) -> None:
        super().__init__(command, add_help=False)
        reads_words(self)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%cg2 {self.prog}: {plain(message)}; {' '.join(self.format_usage().split())}")


def _status(words: list[str]) -> str:
    from cg2magic.models.int8 import files as int8_files

    _Parser("status").parse_args(words)
    status = manager().status()
    lines = [describe(status.model) if status.model else "no model is loaded; the first request loads one"]
    lines.append(f"memory of this kernel  {_size(status.process_memory)}")
    lines.append(f"writing  {'yes' if status.writing else 'no'}, waiting  {status.queued}")
    if status.tokens_per_second:
        lines.append(f"last request  {status.tokens_per_second:.0f} tokens/s")
    kept = int8_files.size()
    if kept:
        lines.append(f"int8 weights on disk  {_size(kept)}; `%cg2 cache clear` removes them")
    return "\n".join(lines)


def _load(words: list[str]) -> str:
    from cg2magic.progress import progress_bar

    parser = _Parser("load")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "int8", "fp32", "bf16", "fp16"))
    parser.add_argument("--groups", type=int)
    parser.add_argument("--model", dest="served", metavar="NAME")
    parser.add_argument("--tokenizer", metavar="NAME")
    parser.add_argument("--compile", action="store_true", default=None)
    args = parser.parse_args(words)
    if args.name is None:
        if words:
            parser.error("which model? Its name comes after load")
        return _advice()
    if args.name.startswith(("$", "{")):
        name = args.name.strip("${}")
        parser.error(f"names are not expanded here: write cg2magic.load({name}) for the variable {name}")
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


def _unload(words: list[str]) -> str:
    _Parser("unload").parse_args(words)
    gone = manager().unload()
    if gone is None:
        return "no model was loaded"
    sizes = [f"{_size(gone.process)} of memory"] if gone.process or not gone.gpu else []
    sizes += [f"{_size(gone.gpu)} of GPU memory"] if gone.gpu else []
    said = f"{gone.name} unloaded, {' and '.join(sizes)} given back"
    if gone.is_held:
        said += "; a variable still holds its weights: they go when you `del` it"
    return said


def _advice() -> str:
    from cg2magic.frontends.model_table import advice
    from cg2magic.models.survey import survey

    return advice(survey())


def _models(words: list[str]) -> None:
    from IPython.display import display

    from cg2magic.frontends.model_table import ModelTable
    from cg2magic.models.survey import survey

    _Parser("models").parse_args(words)
    resident = manager().status().model
    display(ModelTable(survey(), resident.name if resident else None))


def _history(words: list[str]) -> str:
    _Parser("history").parse_args(words)
    if not manager().history:
        return "no suggestions yet"
    rows = [("#", "time", "model", "state", "tokens", "prompt", "what became of it")]
    for entry in manager().history:
        now = entry.job.snapshot()
        outcome = ", ".join(f"{k + 1} {what}" for k, what in sorted(entry.outcomes.items()))
        prompt = _one_line("|".join(now.request.parts))
        at = time.strftime("%H:%M:%S", time.localtime(entry.time))
        rows.append((str(now.job_id), at, now.model, now.state, str(now.tokens), prompt, outcome or "-"))
    return _table(rows)


def _prompt(words: list[str]) -> str:
    from cg2magic.frontends import words as wording
    from cg2magic.frontends.visible import visible

    _Parser("prompt").parse_args(words)
    now = next((e.job.snapshot() for e in reversed(manager().history) if e.job.snapshot().seen), None)
    if now is None or now.seen is None:
        raise UsageError("no model has read anything yet: run a cell with %%complete or %%infill first")
    return f"{visible(now.seen.text)}\n\n[{wording.context(now) or 'the cell alone'}]"


def _accept(words: list[str], shell: InteractiveShell) -> None:
    parser = _Parser("accept")
    parser.add_argument("k", nargs="?", type=int, default=1)
    k = parser.parse_args(words).k
    entry = next((e for e in reversed(manager().history) if e.job.snapshot().suggestions), None)
    if entry is None:
        raise UsageError("there is no suggestion yet: run a cell with %%complete or %%infill first")
    suggestions = entry.job.snapshot().suggestions
    if not 1 <= k <= len(suggestions):
        raise UsageError(f"the last request has candidates 1 to {len(suggestions)}, there is no {k}")
    shell.set_next_input(suggestions[k - 1].code, replace=False)
    manager().record(entry.job.id, k - 1, "inserted below")


def _config(words: list[str], shell: InteractiveShell) -> None:
    from cg2magic.frontends import present as frontend

    parser = _Parser("config")
    parser.add_argument("--notebook", action="store_true")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    args = parser.parse_args(words)
    if args.notebook:
        # vars="a, b" as well as "vars=a, b".
        pairs = [pair.replace('"', "").replace("'", "") for pair in args.settings]
        frontend.configure_notebook(shell, settings.of_pairs(pairs))
    elif args.settings:
        parser.error(f"`%config CG2.{args.settings[0]}` changes a default; --notebook one of this notebook")
    else:
        shell.run_line_magic("config", "CG2")


def _allow(words: list[str], shell: InteractiveShell) -> str:
    from cg2magic.sandbox.sandbox import missing

    parser = _Parser("allow")
    parser.add_argument("what", nargs="?", default="sandbox", choices=("sandbox", "unconfined", "nothing"))
    what = parser.parse_args(words).what
    if what == "sandbox" and (trouble := missing()):
        raise UsageError(f"{trouble}; %cg2 allow unconfined lets --check run candidates with limits only")
    shell.run_line_magic("config", f"CG2.allow_execution = {what!r}")
    return _ALLOWED[what]


_ALLOWED = {
    "sandbox": "--check may run candidates in a sandbox, in this kernel; run the cell again to check it",
    "unconfined": "--check may run candidates with limits only: they can read your files and use the network",
    "nothing": "--check runs nothing any more",
}


def _cache(words: list[str]) -> str:
    from cg2magic.models.int8 import files as int8_files

    parser = _Parser("cache")
    parser.add_argument("what", nargs="?", choices=("show", "clear"), default="show")
    if parser.parse_args(words).what == "clear":
        return f"int8 weights removed from the disk, {_size(int8_files.clear())} free again"
    return f"int8 weights on disk  {_size(int8_files.size())} in {int8_files.folder()}"


_COMMANDS = {
    "status": _status,
    "load": _load,
    "unload": _unload,
    "cache": _cache,
    "history": _history,
    "prompt": _prompt,
}


def describe(loaded: LoadedModel | RemoteModel) -> str:
    """What was loaded, in one line, with the commit if it is of the Hub; then what is to be known of it."""
    if hasattr(loaded, "url"):
        return (
            f"{loaded.name}: served as {loaded.served} at {loaded.url}, context {loaded.context:,} tokens, "
            f"tokenizer {loaded.tokenizer_source}, reached in {loaded.seconds:.1f} s"
        )
    commit = f", {loaded.source}" if "@" in loaded.source else ""
    loading = (
        f"{loaded.name}: {_count(loaded.parameters)} parameters, {loaded.precision} on {loaded.device}, "
        f"{_size(loaded.memory)}, context {loaded.context:,} tokens, loaded in {loaded.seconds:.1f} s{commit}"
    )
    return "\n".join((loading, *loaded.notes))


def _count(number: int) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.1f} M"


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _one_line(text: str, width: int = 40) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else "…" + text[1 - width :]


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
