"""Sphinx directives for the magics and their settings, as a running IPython has them.

``.. magic:: complete`` shows a magic's help, ``.. settings::`` the traits behind `%config CG2`.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from IPython.core.interactiveshell import InteractiveShell
from IPython.lib.lexers import IPython3Lexer
from pygments.lexer import bygroups, using
from pygments.token import Keyword, Operator, Text
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class NotebookLexer(IPython3Lexer):
    """IPython's code, which goes on below our magics."""

    tokens: ClassVar = {
        **IPython3Lexer.tokens,
        "root": [
            (
                r"(?s)(\s*)(%%)(complete|infill|score)(.*?\n)(.*)",
                bygroups(Text, Operator, Keyword, Text, using(IPython3Lexer)),
            ),
            *IPython3Lexer.tokens["root"],
        ],
    }


@cache
def magics() -> Any:
    """Load the extension into an IPython and return the object that has the magics."""
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "cg2magic")
    return shell.magics_manager.registry["CG2"]


class MagicDirective(SphinxDirective):
    """The help of one magic: its docstring and its options."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the help where the directive is."""
        magic = getattr(magics(), self.arguments[0])
        parser = getattr(magic, "parser", None)
        if parser is None:
            first, _, table = inspect.cleandoc(magic.__doc__).partition("\n")
            return [
                *self.parse(paragraphs(first)),
                nodes.literal_block(table, table.strip("\n"), language="text"),
            ]
        return [*self.parse(paragraphs(inspect.cleandoc(parser.description))), *self.parse(options(parser))]

    def parse(self, lines: Iterator[str]) -> list[nodes.Node]:
        """Parse reStructuredText."""
        return self.parse_text_to_nodes("\n".join(lines))


class SettingsDirective(SphinxDirective):
    """The settings with their types, defaults and help."""

    columns: ClassVar = ("Setting", "Default", "What it is")

    def run(self) -> list[nodes.Node]:
        """Parse a table where the directive is."""
        rows = [self.columns]
        for name, trait in sorted(magics().class_traits(config=True).items()):
            rows.append((f"``{name}``", f"``{trait.default()!r}``", plain(trait.help)))
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 15 65", ""]
        for row in rows:
            lines += [f"   {'*' if not i else ' '} - {cell}" for i, cell in enumerate(row)]
        return self.parse_text_to_nodes("\n".join(lines))


def plain(text: str) -> str:
    """Escape what reStructuredText would take for markup in a line of help."""
    for mark in "\\|*":
        text = text.replace(mark, "\\" + mark)
    return text


def paragraphs(text: str) -> Iterator[str]:
    """Keep a docstring's paragraphs and examples; a hole's mark in them is no markup."""
    for line in text.splitlines():
        yield line if line.startswith(" ") else line.replace("\\", "\\\\").replace("|", "\\|")


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """List a magic's options as definitions."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no public list of them
        value = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else "")
        if not value and action.nargs != 0:
            value = action.dest.upper()
        names = ", ".join(f"``{name}{' ' if value else ''}{value}``" for name in action.option_strings)
        many = " …" if action.nargs == "+" else ""
        yield ""
        yield names.replace(f"{value}``", f"{value}{many}``") if many else names
        yield f"    {plain((action.help or '').replace('%%', '%'))}"
    yield ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx about the directives."""
    app.add_lexer("ipython3", NotebookLexer)
    app.add_directive("magic", MagicDirective)
    app.add_directive("settings", SettingsDirective)
    return {"parallel_read_safe": True}
