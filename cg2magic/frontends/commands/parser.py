"""The parser of `%cg2`: a subparser for each command, errors in one line, and help that ends nothing."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from cg2magic.errors import UsageError
from cg2magic.frontends.line import plain, reads_words

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: Takes the options and the shell; returns the text to print, or None if it has shown something itself.
Command = Callable[[argparse.Namespace, "InteractiveShell"], "str | None"]


class HelpShown(Exception):  # noqa: N818 - nothing is wrong
    """``--help`` has printed its text; nothing is left to do."""


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line and never exits."""

    def __init__(self, **how: Any) -> None:
        # The same width everywhere: `%cg2?` is made before we know where it will be shown.
        formatter = partial(argparse.RawDescriptionHelpFormatter, max_help_position=22, width=100)
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
        raise HelpShown


class Commands:
    """The parser for the line, and those of its commands by name.

    Parameters
    ----------
    description : str
        What stands above the list of the commands.
    """

    def __init__(self, description: str) -> None:
        # Its help begins with the description, not with a usage that says nothing.
        self.parser = Parser(
            prog="%cg2",
            usage=argparse.SUPPRESS,
            description=description,
            epilog="`%cg2 help COMMAND` explains one of them.",
        )
        self._added = self.parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(self, name: str, does: Command, about: str, more: str = "") -> Parser:
        """Add a command.

        Parameters
        ----------
        name : str
        does : Command
        about : str
            What it does, for the list of the commands: a line.
        more : str
            The rest of its own help.
        """
        description = "\n".join(filter(None, (f"{about[0].upper()}{about[1:]}.", more)))
        # The prog would be made of the usage, which the parser of the line doesn't show.
        parser: Parser = self._added.add_parser(
            name, prog=f"%cg2 {name}", help=about.replace("%", "%%"), description=description
        )
        reads_words(parser)
        parser.set_defaults(run=does)
        return parser

    @property
    def names(self) -> list[str]:
        """The names of all commands."""
        return list(self._added.choices)

    def named(self, name: str) -> Parser:
        """Find the parser of a command.

        Raises
        ------
        UsageError
            If there is none; the message names the closest command.
        """
        known: dict[str, Parser] = self._added.choices
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(sorted(known))}"
        raise UsageError(f"%cg2 has no command {name!r}: {hint}")
