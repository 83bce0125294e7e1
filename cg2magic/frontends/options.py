"""The options of `%%complete`, `%%infill` and `%%score`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from IPython.core.magic_arguments import argument

from cg2magic.context.settings import GROUND, LEVELS
from cg2magic.errors import UsageError
from cg2magic.frontends.line import code, parse, text

_Magic = TypeVar("_Magic", bound=Callable[..., object])

INSERT = ("ask", "below", "replace", "none")

_MODEL = argument("--model", metavar="NAME", help="mini, a name from `%%cg2 models`, a Hub id or a folder.")

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
        help="0: greedy, always the same; 1: the model's own distribution.",
    ),
    argument(
        "--top-p",
        type=float,
        metavar="P",
        help="Sample from the likeliest tokens whose probabilities add up to P.",
    ),
    argument("--top-k", type=int, metavar="K", help="Sample from the K likeliest tokens; 0: from all."),
    argument("--seed", type=int, help="Makes sampling reproducible."),
    argument(
        "--stop",
        action="append",
        type=text,
        metavar="TEXT",
        help="Stop before TEXT; may be given several times.",
    ),
    _MODEL,
    argument(
        "--language",
        metavar="NAME",
        help="The cell's language, unless %%%%bash, %%%%sql or the like at its top sets it.",
    ),
    argument(
        "--context",
        choices=LEVELS,
        help="What the model sees: this cell alone (none), also what the kernel knows of its names (cell), "
        "or also the other cells (notebook).",
    ),
    argument(
        "--vars",
        nargs="+",
        metavar="NAME",
        help="Variables to describe by type and shape; auto: those the cell mentions; or none.",
    ),
    argument(
        "--ground",
        choices=GROUND,
        help="Whether the names of attributes, columns and keys must be in the kernel: auto, or none.",
    ),
    argument("--vars-values", action="store_true", default=None, help="Show some of their values too."),
    argument("--wait", action="store_true", help="Return when the suggestion is written, not immediately."),
    argument("--insert", choices=INSERT, help="What to do with the first candidate; ask: buttons."),
    argument(
        "--check",
        action="append",
        type=code,
        metavar="CODE",
        help="Python to run after each candidate in a sandbox; candidates that pass come first.",
    ),
    argument(
        "-o",
        "--output",
        metavar="NAME",
        help="Put the list of suggestions into this variable (and wait for it).",
    ),
)

_HOLES = (
    argument(
        "--cursor",
        type=text,
        metavar="MARK",
        default="|",
        help="The text that marks a hole; with another MARK, every | is just text.",
    ),
    argument(
        "--prefix-token",
        type=text,
        metavar="TOKEN",
        help="For a model whose infill format is not known: its token before the text ahead of the hole.",
    ),
    argument("--suffix-token", type=text, metavar="TOKEN", help="Its token before the text after the hole."),
    argument(
        "--middle-token", type=text, metavar="TOKEN", help="Its token before the text that fills the hole."
    ),
)

_SCORE = (
    _MODEL,
    argument("-o", "--output", metavar="NAME", help="Put the Score into this variable as well."),
)


def _give(magic: _Magic, options: tuple[Any, ...]) -> _Magic:
    for option in reversed(options):
        magic = option(magic)
    return magic


def generation_options(magic: _Magic) -> _Magic:
    """Give a magic the options that `%%complete` and `%%infill` share."""
    return _give(magic, _GENERATION)


def hole_options(magic: _Magic) -> _Magic:
    """Give a magic the options that define what a hole is."""
    return _give(magic, _HOLES)


def score_options(magic: _Magic) -> _Magic:
    """Give a magic the options of `%%score`."""
    return _give(magic, _SCORE)


def arguments(magic: Any, line: str) -> argparse.Namespace:
    """Read the options on a magic's line.

    Raises
    ------
    UsageError
    """
    args = parse(magic.parser, line)
    if args.output and not args.output.isidentifier():
        raise UsageError(f"-o needs a variable name; {args.output!r} is not one")
    return args
