r"""The languages of cells: their names, their comments, and what opens and closes a block in them.

The CodeGen2 models were trained on nineteen of these; R, Perl, Julia and HTML have cell magics of their own.
A cell's language is set with ``--language``, or with the cell magic that runs it::

    %%complete
    %%bash
    for file in *.csv; do

The model does not see such lines (`split_header`). They are put at the top of the new cell again.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from cg2magic.errors import UsageError
from cg2magic.syntax.texts import TEXTS, Text

Blocks = Literal["python", "braces", "words", "statements", "none"]


@dataclass(frozen=True, slots=True)
class Language:
    r"""What we must know about a language to find where a block ends.

    Attributes
    ----------
    name : str
        Its name in Pygments.
    blocks : {"python", "braces", "words", "statements", "none"}
        Blocks are indented; in braces; opened and closed by words; single statements closed by ``;``; or
        not understood, so that blank lines decide.
    comments : tuple of str
        What begins a comment that runs to the end of its line.
    patterns : bool
        Whether ``/…/`` is a regular expression where a value may begin.
    openers : tuple of str
        Words that open a block; one with a trailing space does so only where a statement begins.
    closers : tuple of str
        Words that close a block.
    definitions : tuple of str
        Openers of something with a name: a completion inside it should continue to its end.
    aliases : tuple of str
        Other names, including those of cell magics.
    """

    name: str
    blocks: Blocks
    comments: tuple[str, ...] = ("//",)
    patterns: bool = False
    openers: tuple[str, ...] = ()
    closers: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[Text, ...]:
        """Its strings, and its comments that span lines."""
        return TEXTS.get(self.name, ())


_HASH = ("#",)

LANGUAGES: tuple[Language, ...] = (
    Language("c", "braces", aliases=("h",)),
    Language("c++", "braces", aliases=("cpp", "cxx", "cplusplus")),
    Language("c#", "braces", aliases=("csharp", "c-sharp", "cs")),
    Language("dart", "braces"),
    Language("go", "braces", aliases=("golang",)),
    Language("java", "braces"),
    Language(
        "javascript",
        "braces",
        patterns=True,
        aliases=("js", "node", "nodejs", "deno"),
    ),
    Language("kotlin", "braces", aliases=("kt",)),
    Language(
        "lua",
        "words",
        comments=("--",),
        openers=("function", "if", "do", "repeat"),
        closers=("end", "until"),
        definitions=("function",),
    ),
    Language("php", "braces", comments=("//", "#")),
    Language("python", "python", comments=_HASH, aliases=("python3", "py", "py3", "ipython", "pypy")),
    Language(
        "ruby",
        "words",
        comments=_HASH,
        patterns=True,
        openers=(
            "def",
            "class",
            "module",
            "begin",
            "do",
            "case ",
            "if ",
            "unless ",
            "while ",
            "until ",
            "for ",
        ),
        closers=("end",),
        definitions=("def", "class", "module"),
        aliases=("rb",),
    ),
    # A ' begins a lifetime as often as a character.
    Language("rust", "braces", aliases=("rs",)),
    Language("scala", "braces"),
    Language(
        "shell",
        "words",
        comments=_HASH,
        openers=("if ", "do ", "case "),
        closers=("fi", "done", "esac"),
        aliases=("bash", "sh", "zsh", "system", "sx", "!"),
    ),
    Language(
        "sql",
        "statements",
        comments=("--",),
        aliases=("postgresql", "sqlite", "mysql", "bigquery"),
    ),
    Language("swift", "braces", patterns=True),
    Language("typescript", "braces", patterns=True, aliases=("ts",)),
    Language("vue", "none", comments=()),
    Language("r", "braces", comments=_HASH),
    Language("perl", "braces", comments=_HASH, patterns=True, aliases=("pl",)),
    Language(
        "julia",
        "words",
        comments=_HASH,
        openers=(
            "function",
            "struct",
            "module",
            "macro",
            "begin",
            "do",
            "let",
            "quote",
            "try",
            "if",
            "for",
            "while",
        ),
        closers=("end",),
        definitions=("function", "struct", "module", "macro"),
        aliases=("jl",),
    ),
    Language("html", "none", comments=(), aliases=("svg", "xml")),
    Language("markdown", "none", comments=(), aliases=("md",)),
    Language("latex", "none", comments=("%",), aliases=("tex",)),
)

_BY_NAME = {name: language for language in LANGUAGES for name in (language.name, *language.aliases)}

_HEADER = re.compile(r"\s*%%\S[^\n]*\n?(?:[ \t]*%%\S[^\n]*\n?)*")
_CELL_MAGIC = re.compile(r"%%(\S+)([^\n]*)")


def find(name: str) -> Language:
    """Return a language by any of its names; a language that only Pygments knows has no blocks.

    Raises
    ------
    UsageError
        If there is no such language; the error names the closest one.
    """
    wanted = name.strip().lower()
    if known := _BY_NAME.get(wanted):
        return known
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        get_lexer_by_name(wanted)
    except ClassNotFound:
        close = difflib.get_close_matches(wanted, _BY_NAME, n=1)
        instead = (
            f"did you mean {close[0]}?"
            if close
            else "use a name that `pygmentize -L lexers` lists, or leave it out"
        )
        raise UsageError(f"there is no language {name!r}: {instead}") from None
    return Language(wanted, "none", comments=())


def split_header(cell: str) -> tuple[str, str]:
    r"""Take the cell magics off the top of a cell.

    Returns
    -------
    header : str
        Their lines with their line ends, and blank lines before them.
    code : str
        The rest.

    Examples
    --------
    >>> split_header("%%sql\nSELECT 1")
    ('%%sql\n', 'SELECT 1')
    """
    found = _HEADER.match(cell)
    at = found.end() if found else 0
    return cell[:at], cell[at:]


def of_header(header: str) -> str | None:
    """Name the language of the last cell magic that sets one; None if none does."""
    spoken = None
    for magic in _CELL_MAGIC.finditer(header):
        name, line = magic[1].lower(), magic[2].split()
        if name == "script":
            name = next((word.rpartition("/")[2] for word in line if not word.startswith("-")), "")
        if language := _BY_NAME.get(name):
            spoken = language.name
    return spoken
