"""The commands of `%cg2`: one parser with a subparser and a function for each command."""

from __future__ import annotations

import argparse
import difflib
import time
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

from cg2magic.context import settings
from cg2magic.errors import UsageError
from cg2magic.frontends.line import plain, reads_words, split, value
from cg2magic.service.manager import manager
from cg2magic.wording import gigabytes, one_line, parameters

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.models.loading import LoadedModel
    from cg2magic.service.job import Job

#: Takes the options and the shell; returns the text to print, or None if it has shown something itself.
Command = Callable[[argparse.Namespace, "InteractiveShell"], "str | None"]


def run(line: str, shell: InteractiveShell) -> None:
    """Run one command line of `%cg2`.

    Raises
    ------
    UsageError
        For an unknown command, naming the closest known one, or for an unknown option.
    LoadError
        From `%cg2 load`.
    """
    words = split(line)[0] or ["status"]
    words[0] = value(words[0])
    if not words[0].startswith("-"):
        _subparser(words[0])
    try:
        args = _parser()[0].parse_args(words, argparse.Namespace(words=words[1:]))
    except _HelpShown:
        return
    said = args.run(args, shell)
    if said is not None:
        print(said)  # noqa: T201 - a magic answers in the cell


def names() -> list[str]:
    """Return the names of all commands."""
    return list(_parser()[1])


def overview() -> str:
    """Describe all commands, each in a line or two."""
    return _parser()[0].format_help()


class _HelpShown(Exception):  # noqa: N818 - nothing is wrong
    """``--help`` has printed its text; nothing is left to do."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line and never exits."""

    def __init__(self, **how: Any) -> None:
        # The same width everywhere: `%cg2?` is made before we know where it will be shown.
        formatter = partial(argparse.HelpFormatter, max_help_position=22, width=100)
        super().__init__(formatter_class=formatter, add_help=False, **how)
        self.add_argument("-h", "--help", action="help", help="show this help")
        self.color = False  # from Python 3.14 on, help would contain escape codes

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown arguments here, so that the error names this command and how to get its help."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """Raise an error of one line that says how to get help."""
        raise UsageError(f"{self.prog}: {plain(message)}; `{self.prog} --help` shows what it takes")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        """Leave the parser after ``--help``, but not the kernel."""
        raise _HelpShown


@cache
def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    """Make the parser for the line, and a dictionary of its commands' parsers."""
    parser = _Parser(
        prog="%cg2",
        description="Manage the model. Without a COMMAND: status.",
        epilog="`%cg2 COMMAND --help` explains one of them.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, does: Command, about: str, more: str = "") -> _Parser:
        description = f"{about[0].upper()}{about[1:]}. {more}".strip()
        command: _Parser = commands.add_parser(name, help=about.replace("%", "%%"), description=description)
        reads_words(command)
        command.set_defaults(run=does)
        return command

    add("status", _status, "show what is loaded, its memory, what waits, and the speed of the last request")

    load = add(
        "load",
        _load,
        "load a model: mini, a name from `%cg2 models`, a Hub id (@commit), a folder, a GGUF file, or the "
        "address of a server that runs one; without a name, show what this machine can run well",
        "A GGUF is a path, owner/name-GGUF:Q4_K_M on the Hub or in LM Studio's folder, or ollama:NAME in "
        "Ollama's store; Tab completes what is on this disk. "
        "A server is vLLM, llama.cpp or another with OpenAI's completions API; it sees your prompts. "
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

    add("unload", _unload, "free the model's memory")
    add("models", _models, "list the models known by name: size, memory, what fits here, holes, licence")

    cache_ = add(
        "cache",
        _cache,
        "show or clear the int8, q4 and q8 weights kept on disk, which make the next load quick",
    )
    cache_.add_argument("what", nargs="?", choices=("show", "clear"), default="show")

    config = add(
        "config",
        _config,
        "show the defaults; with --notebook, show or narrow what this notebook lets a model see",
        "`%config CG2.temperature = 0.4` changes a default.",
    )
    config.add_argument(
        "--notebook",
        action="store_true",
        help="the settings saved in the notebook, for everybody who opens it",
    )
    config.add_argument(
        "settings",
        nargs="*",
        metavar="NAME=VALUE",
        help="with --notebook, narrow it: context=none, context=cell, vars=none, vars=NAME,NAME, ground=none",
    )

    accept = add("accept", _accept, "put a candidate of the last suggestion into a new cell")
    accept.add_argument(
        "k", nargs="?", type=int, default=1, metavar="K", help="which candidate (%(default)s)"
    )

    go_on = add(
        "continue",
        _continue,
        "go on with a candidate of the last suggestion that was cut by its length, or stopped",
        "It goes on as one longer request would have, and counts the length anew.",
    )
    go_on.add_argument("k", nargs="?", type=int, default=1, metavar="K", help="which candidate (%(default)s)")

    add("prompt", _prompt, "show what the model read for the last suggestion, word for word")
    add("history", _history, "list the suggestions of this kernel and what became of them")

    allow = add("allow", _allow, "let --check run candidates, or forbid it again")
    allow.add_argument(
        "what",
        nargs="?",
        default="sandbox",
        choices=tuple(_ALLOWED),
        help="in a sandbox (%(default)s), with limits only, or not at all",
    )

    help_ = add("help", _help, "show this help, or that of one command")
    help_.add_argument("command", nargs="?", metavar="COMMAND")
    return parser, commands.choices


def _subparser(name: str) -> _Parser:
    """Find the parser of a command by its name."""
    known = _parser()[1]
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(sorted(known))}"
    raise UsageError(f"%cg2 has no command {name!r}: {hint}")


def _help(args: argparse.Namespace, _: InteractiveShell) -> str:
    parser = _subparser(args.command) if args.command else _parser()[0]
    return parser.format_help().rstrip()


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
        return _advice()
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


def _advice() -> str:
    from cg2magic.frontends.model_table import advice
    from cg2magic.models.survey import survey

    return advice(survey())


def _models(*_: object) -> None:
    from IPython.display import display

    from cg2magic.frontends.model_table import ModelTable
    from cg2magic.models.survey import survey

    resident = manager().status().model
    display(ModelTable(survey(), resident.name if resident else None))


def _history(*_: object) -> str:
    if not manager().history:
        return "no suggestions yet"
    rows: list[tuple[str, ...]] = [("#", "time", "model", "state", "tokens", "prompt", "what became of it")]
    for entry in manager().history:
        now = entry.job.snapshot()
        outcome = ", ".join(f"{k + 1} {what}" for k, what in sorted(entry.outcomes.items()))
        prompt = one_line("|".join(now.request.parts), 40, tail=True)
        at = time.strftime("%H:%M:%S", time.localtime(entry.time))
        rows.append((str(now.job_id), at, now.model, now.state, str(now.tokens), prompt, outcome or "-"))
    return _table(rows)


def _prompt(*_: object) -> str:
    from cg2magic.frontends import status_text
    from cg2magic.frontends.visible import visible

    now = next((e.job.snapshot() for e in reversed(manager().history) if e.job.snapshot().seen), None)
    if now is None or now.seen is None:
        raise UsageError("no model has read anything yet: run a cell with %%complete or %%infill first")
    return f"{visible(now.seen.text)}\n\n[{status_text.context(now) or 'the cell alone'}]"


def _accept(args: argparse.Namespace, shell: InteractiveShell) -> None:
    job, index = _candidate(args.k)
    shell.set_next_input(job.snapshot().suggestions[index].code, replace=False)
    manager().record(job.id, index, "inserted below")


def _continue(args: argparse.Namespace, shell: InteractiveShell) -> None:
    from cg2magic.frontends import present as frontend

    job, index = _candidate(args.k)
    frontend.present(frontend.extend(job, index, alone=True), shell)


def _candidate(k: int) -> tuple[Job, int]:
    """Find a candidate of the last suggestion, which people count from 1: its job, and its index."""
    job = next((e.job for e in reversed(manager().history) if e.job.snapshot().suggestions), None)
    if job is None:
        raise UsageError("there is no suggestion yet: run a cell with %%complete or %%infill first")
    count = len(job.snapshot().suggestions)
    if not 1 <= k <= count:
        raise UsageError(f"the last request has candidates 1 to {count}, not {k}")
    return job, k - 1


def _config(args: argparse.Namespace, shell: InteractiveShell) -> None:
    from cg2magic.frontends import present as frontend

    if args.notebook:
        # Both vars="a, b" and "vars=a, b".
        pairs = [pair.replace('"', "").replace("'", "") for pair in args.settings]
        frontend.configure_notebook(shell, settings.of_pairs(pairs))
    elif args.settings:
        raise UsageError(
            f"`%config CG2.{args.settings[0]}` changes a default; `%cg2 config --notebook "
            f"{args.settings[0]}` changes what this notebook lets a model see"
        )
    else:
        shell.run_line_magic("config", "CG2")


def _allow(args: argparse.Namespace, shell: InteractiveShell) -> str:
    from cg2magic.sandbox.sandbox import missing

    what: str = args.what
    if what == "sandbox" and (trouble := missing()):
        raise UsageError(f"{trouble}; %cg2 allow unconfined lets --check run candidates with limits only")
    shell.run_line_magic("config", f"CG2.allow_execution = {what!r}")
    return _ALLOWED[what]


_ALLOWED = {
    "sandbox": "--check may run candidates in a sandbox, in this kernel; run the cell again to check it",
    "unconfined": "--check may run candidates with limits only: they can read your files and use the network",
    "nothing": "--check runs nothing any more",
}


def _cache(args: argparse.Namespace, _: InteractiveShell) -> str:
    from cg2magic.models.int8 import files as int8_files

    if args.what == "clear":
        return f"quantized weights removed from the disk, {gigabytes(int8_files.clear())} freed"
    return f"quantized weights on disk  {gigabytes(int8_files.size())} in {int8_files.folder()}"


def describe(loaded: LoadedModel | RemoteModel) -> str:
    """Describe a loaded model in one line, with its commit if it is from the Hub, followed by its notes."""
    from cg2magic.engines.remote.model import RemoteModel

    if isinstance(loaded, RemoteModel):
        reached = (
            f"{loaded.name}: served as {loaded.served} at {loaded.url}, context {loaded.context:,} tokens, "
            f"tokenizer {loaded.tokenizer_source}, reached in {loaded.seconds:.1f} s"
        )
        return "\n".join((reached, *loaded.notes))
    commit = f", {loaded.source}" if "@" in loaded.source else ""
    loading = (
        f"{loaded.name}: {parameters(loaded.parameters)} parameters, {loaded.precision} on {loaded.device}, "
        f"{gigabytes(loaded.memory)}, context {loaded.context:,} tokens, "
        f"loaded in {loaded.seconds:.1f} s{commit}"
    )
    return "\n".join((loading, *loaded.notes))


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
