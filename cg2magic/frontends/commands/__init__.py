"""The commands of `%cg2`: each file has those of one subject, with their parsers and functions."""

from __future__ import annotations

import argparse
from functools import cache
from typing import TYPE_CHECKING

from cg2magic.frontends.commands import models, settings, suggestions
from cg2magic.frontends.commands.parser import Commands, HelpShown
from cg2magic.frontends.line import split, value

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_BEGIN = """\
Code completion with a language model on your own machine. How to begin:

  %%complete            continue this cell; -n 3 -t 0.8 asks for several candidates
  %%infill              fill the holes of this cell; a | marks a hole
  %%score               show how likely the model finds each token of this cell
  %config CG2.inline = True
                        suggest while you type (ghost text)

%%complete? and %%infill? show all options. %cg2 manages the model; without a COMMAND: status."""


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
    commands = _commands()
    if not words[0].startswith("-"):
        commands.named(words[0])
    try:
        args = commands.parser.parse_args(words, argparse.Namespace(words=words[1:]))
    except HelpShown:
        return
    said = args.run(args, shell)
    if said is not None:
        print(said)  # noqa: T201 - a magic answers in the cell


def names() -> list[str]:
    """Return the names of all commands."""
    return _commands().names


def overview() -> str:
    """Say how to begin, and describe all commands, each in a line."""
    return _commands().parser.format_help()


@cache
def _commands() -> Commands:
    commands = Commands(_BEGIN)
    for subject in (models, suggestions, settings):
        subject.add_to(commands)
    help_ = commands.add("help", _help, "show this help, or that of one command")
    help_.add_argument("command", nargs="?", metavar="COMMAND")
    return commands


def _help(args: argparse.Namespace, _: InteractiveShell) -> str:
    parser = _commands().named(args.command) if args.command else _commands().parser
    return parser.format_help().rstrip()
