"""The options of `%%complete` and `%%infill`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from IPython.core.magic_arguments import argument

from cg2magic.context.settings import LEVELS
from cg2magic.errors import UsageError
from cg2magic.frontends.line import code, parse, text

_Magic = TypeVar("_Magic", bound=Callable[..., object])

INSERT = ("ask", "below", "replace", "none")

_GENERATION = (
    argument("-n", "--samples", type=int, metavar="N", help="How many candidates."),
    argument(
        "-m", "--max-new-tokens", type=int, metavar="N", help="The most tokens to write (for each hole)."
    ),
    argument(
        "-t",
        "--temperature",
        type=float,
        metavar="T",
        help="0: greedy, always the same; 1: as the model has it.",
    ),
    argument(
        "--top-p", type=float, metavar="P", help="Sample from the likeliest tokens of this probability."
    ),
    argument("--top-k", type=int, metavar="K", help="Sample from the K likeliest tokens; 0: from all."),
    argument("--seed", type=int, help="Makes sampling reproducible."),
    argument(
        "--stop",
        action="append",
        type=text,
        metavar="TEXT",
        help="End before TEXT; may be given several times.",
    ),
    argument("--model", metavar="NAME", help="mini, a name from `%%cg2 models`, a Hub id or a folder."),
    argument(
        "--language",
        metavar="NAME",
        help="The language of the cell, if no %%%%bash, %%%%sql or the like on top of it tells.",
    ),
    argument(
        "--context",
        choices=LEVELS,
        help="What the model sees: this cell alone, with what the kernel knows of its names, or with the "
        "notebook's other cells as well.",
    ),
    argument(
        "--vars",
        nargs="+",
        metavar="NAME",
        help="Variables to describe by type and shape; auto: those that the cell mentions; none.",
    ),
    argument("--vars-values", action="store_true", default=None, help="Let it see some of their values too."),
    argument("--wait", action="store_true", help="Return when it has been written, not at once."),
    argument("--insert", choices=INSERT, help="What becomes of the first candidate; ask: buttons."),
    argument(
        "--check",
        action="append",
        type=code,
        metavar="CODE",
        help="Python to run after each candidate, in a sandbox; what passes comes first.",
    ),
    argument(
        "-o",
        "--output",
        metavar="NAME",
        help="Put the list of suggestions into this variable (and wait for it).",
    ),
)


def generation_options(magic: _Magic) -> _Magic:
    """Give a magic the options that `%%complete` and `%%infill` share."""
    for option in reversed(_GENERATION):
        magic = option(magic)
    return magic


def arguments(magic: object, line: str) -> argparse.Namespace:
    """Read the options of a magic's line, as they are given there.

    Raises
    ------
    UsageError
    """
    args = parse(magic.parser, line)  # type: ignore[attr-defined]
    if args.output and not args.output.isidentifier():
        raise UsageError(f"-o takes the name of a variable, and {args.output!r} is none")
    return args
