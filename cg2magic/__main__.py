"""``python -m cg2magic COMMAND``: the same suggestions on the command line, the evaluation and the export."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cg2magic.errors import Cg2Error, UsageError
from cg2magic.evaluation import command as evaluation
from cg2magic.request import DEFAULTS, Request, Sampling
from cg2magic.syntax.source_text import SourceText, decode


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    # An output in cp1252, say, lacks some characters: write an escape rather than raise an error.
    if hasattr(sys.stdout, "reconfigure") and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="backslashreplace")
    args = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = args.command
    try:
        command(args)
    except (Cg2Error, OSError) as error:
        print(f"cg2magic: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("cg2magic: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("cg2magic", description="Local models for code.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    models = commands.add_parser("models", help="list the models known by name")
    models.add_argument("--all", dest="every", action="store_true", help="all of them, with their variants")
    models.set_defaults(command=_models)

    complete = commands.add_parser("complete", help="continue where a text ends; prints the whole code")
    _add_generation(complete)
    complete.set_defaults(command=_write, cursor=None)

    infill = commands.add_parser("infill", help="fill the holes of a text; prints the whole code")
    _add_generation(infill)
    infill.add_argument("--cursor", metavar="MARK", default="|", help="text that marks a hole (%(default)s)")
    for which in ("prefix", "suffix", "middle"):
        infill.add_argument(
            f"--{which}-token", metavar="TOKEN", help="for a model whose infill format is not known"
        )
    infill.set_defaults(command=_write)

    export = commands.add_parser("export", help="write a CodeGen2 model in the layout that servers run")
    _add_export(export)
    export.set_defaults(command=_export)

    evaluation.add_to(commands)
    return parser


def _add_generation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default="-", help="the text; - or nothing for standard input")
    parser.add_argument(
        "-n", "--samples", type=int, default=DEFAULTS.n, metavar="N", help="how many candidates"
    )
    parser.add_argument("-m", "--max-new-tokens", type=int, default=DEFAULTS.max_new_tokens, metavar="N")
    parser.add_argument(
        "-t", "--temperature", type=float, default=DEFAULTS.temperature, metavar="T", help="0: greedy"
    )
    parser.add_argument("--top-p", type=float, default=DEFAULTS.top_p, metavar="P")
    parser.add_argument("--top-k", type=int, default=DEFAULTS.top_k, metavar="K")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--stop", action="append", metavar="TEXT", help="stop before TEXT; may be repeated")
    parser.add_argument(
        "--language", metavar="NAME", help="default: the one of a %%%%magic on the first line, or python"
    )
    parser.add_argument("--model", default="mini", metavar="NAME", help="a name, a Hub id or a folder")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16, …")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="a name, a Hub id or a folder")
    parser.add_argument("folder", type=Path, metavar="OUT", help="the folder to write to: new or empty")
    parser.add_argument(
        "--precision", default="auto", help="auto (as in the checkpoint), fp32, bf16, fp16 (%(default)s)"
    )
    parser.add_argument("--groups", type=int, metavar="G", help="groups in its qkv_proj, if it doesn't say")
    parser.add_argument("--gguf", action="store_true", help="write OUT/model.gguf too, for llama.cpp")
    parser.add_argument(
        "--outtype",
        default="auto",
        help="precision of the GGUF: auto (the same), q8_0 (8 bits; a CPU reads it twice as fast as 16)",
    )


def _models(args: argparse.Namespace) -> None:
    from cg2magic.frontends.model_table import ModelTable
    from cg2magic.models.survey import survey

    print(ModelTable(survey(), every=args.every))


def _write(args: argparse.Namespace) -> None:
    from cg2magic.formats import FillInMiddle
    from cg2magic.progress import progress_bar
    from cg2magic.service.manager import manager
    from cg2magic.syntax import cursor, languages

    source = _source(args.file)
    text = source.text
    if not text.strip():
        raise UsageError("the text is empty: give the beginning of some code, in a file or on standard input")
    # An editor ends a file with a newline; the cursor is before it.
    header, text = languages.split_header(text.removesuffix("\n"))
    language = args.language or languages.of_header(header) or "python"
    parts: tuple[str, ...] = (text,)
    form = None
    if args.cursor is not None:
        parts = cursor.split(text, mark=args.cursor, language=language)
        form = FillInMiddle.of_tokens(args.prefix_token, args.suffix_token, args.middle_token)
    request = Request(parts, Sampling.of_options(args), language, header=header, form=form)
    with progress_bar() as on_progress:
        manager().load(args.model, device=args.device, precision=args.precision, on_progress=on_progress)
    suggestions = manager().submit(request).result()
    codes = [f"{suggestion.code}\n" for suggestion in suggestions]
    if len(codes) > 1:
        codes = [f"# candidate {i} of {len(codes)}\n{code}" for i, code in enumerate(codes, start=1)]
    _print_code(source.restored("".join(codes)))


def _source(file: str) -> SourceText:
    """The text of a file, or of standard input."""
    if file != "-":
        return decode(Path(file).read_bytes(), file)
    if hasattr(sys.stdin, "buffer"):
        return decode(sys.stdin.buffer.read(), "standard input", sys.stdin.encoding)
    return decode(sys.stdin.read().encode(), "standard input")


def _print_code(code: str) -> None:
    """Print code with its own line ends, and report a character that can't be printed."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(newline="")
    sys.stdout.write(code)
    sys.stdout.flush()
    try:
        code.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError as error:
        lost = code[error.start]
        print(
            f"cg2magic: the output's encoding, {sys.stdout.encoding}, has no {lost}; it is written as "
            f"{ascii(lost)[1:-1]}; set PYTHONIOENCODING=utf-8 to keep it",
            file=sys.stderr,
        )


def _export(args: argparse.Namespace) -> None:
    from cg2magic.models.export import export
    from cg2magic.progress import progress_bar
    from cg2magic.wording import gigabytes

    with progress_bar() as on_progress:
        done = export(
            args.name,
            args.folder,
            precision=args.precision,
            groups=args.groups,
            gguf=args.gguf,
            outtype=args.outtype,
            progress=on_progress,
        )
    print(f"{done.folder}: {gigabytes(done.nbytes)} in {done.precision}, attention in {done.groups} groups")
    if not done.proven:
        print("the model doesn't fit into memory, so the groups that it declares were not verified")
    print(f"serve it with: vllm serve {done.folder}")


if __name__ == "__main__":
    sys.exit(main())
