r"""A cell as the model reads it: in passages of a few lines, of which the engine takes those that fit.

- The first lines of Markdown become comments: they say what follows. Raw cells are not code and are left out.
- Magics and shell lines are left out, and so are whole cells in another language. Cells that asked a model
  for something are left out too: their text is unfinished.
- Lines of more than 400 characters are data, not code, and are left out.
- Only the part of a very long cell that is nearest to the prompt is read: the end of a cell above it, the
  beginning of one below it.
- A code cell is followed by ``# %%``, which separates cells in notebooks that are kept as scripts. Prose is
  followed by nothing: it belongs to the code below it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from cg2magic.context.document import Cell, Kind
from cg2magic.context.names import definitions
from cg2magic.syntax.languages import Language, find, of_header, split_header

#: The most characters of a cell that are read.
_LONGEST_CELL = 20_000
_LONGEST_LINE = 400
_LONGEST_PROSE = 400
#: Characters after which a passage ends at the next statement, and after which it ends in any case.
_PASSAGE, _LONGEST_PASSAGE = 300, 1_500

#: Cell magics that run the code below them in this kernel, in its own language.
_SAME_KERNEL = re.compile(r"\s*%%(time|timeit|capture|prun|python3?|pypy)\b")
_ASKS_MODEL = re.compile(r"\s*%%(complete|infill|score)\b")
_MAGIC_LINE = re.compile(r"\s*(?:[%!?](?=[\w%!?.~/])|[\w.]+\?{1,2}\s*$|[^=#'\"]*=\s*(?:!|%[a-z_]))")


@dataclass(frozen=True, slots=True)
class Passage:
    """A few lines of a cell.

    Attributes
    ----------
    text : str
        Whole lines.
    defines : frozenset of str
        Names that it defines.
    """

    text: str
    defines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What the engine can choose from to put around a prompt: text, and no live objects.

    Attributes
    ----------
    above, below : tuple of tuple of Passage
        The cells above and below the prompt, in the document's order, each as its passages.
    variables : tuple of str
        One line for each variable.
    uses : frozenset of str
        Names that the prompt mentions.
    separator : str
        The text between cells.
    tokens : int
        The most tokens that the prompt, its answer and the context may take together.
    note : str
        What the person should know about it, for example that the notebook switches it off.
    """

    above: tuple[tuple[Passage, ...], ...] = ()
    below: tuple[tuple[Passage, ...], ...] = ()
    variables: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    separator: str = "\n"
    tokens: int = 2048
    note: str = ""


def passages(cells: Iterable[Cell], language: str, *, below: bool = False) -> tuple[tuple[Passage, ...], ...]:
    """Read the cells that have something to offer for this language."""
    read = (_passages(cell.kind, _near(cell.source, below=below), language) for cell in cells)
    return tuple(cell for cell in read if cell)


def _near(source: str, *, below: bool) -> str:
    """The part of a cell that is read, in whole lines."""
    if len(source) <= _LONGEST_CELL:
        return source
    if below:
        return source[: source.rfind("\n", 0, _LONGEST_CELL) + 1]
    return source[source.find("\n", len(source) - _LONGEST_CELL) + 1 or len(source) :]


@lru_cache(maxsize=2048)
def _passages(kind: Kind, source: str, language: str) -> tuple[Passage, ...]:
    written_in = find(language)
    source = source.replace("\r\n", "\n").encode(errors="replace").decode()
    lines = _prose(source, written_in) if kind == "markdown" else _code(source, written_in)
    if kind == "raw" or not any(line.strip() for line in lines):
        return ()
    texts = _split("\n".join(lines).strip("\n").split("\n"))
    if kind == "markdown":
        return tuple(map(Passage, texts))
    # The whole cell is parsed, because a passage may begin or end inside a statement.
    named = definitions("".join(texts), language)
    texts[-1] += separator(language)
    ends = list(accumulate(text.count("\n") for text in texts))
    names: list[set[str]] = [set() for _ in texts]
    for name, line in named:
        names[min(bisect_left(ends, line), len(texts) - 1)].add(name)
    return tuple(map(Passage, texts, map(frozenset, names)))


def separator(language: str) -> str:
    r"""Return the text between two cells: ``\n# %%\n`` in Python."""
    comments = find(language).comments
    return f"\n{comments[0]} %%\n" if comments else "\n"


def _prose(source: str, language: Language) -> list[str]:
    """Prose as comments; nothing if the language has no comments to the end of a line."""
    if not language.comments:
        return []
    lines = [" ".join(line.strip("#=- \t").split()) for line in source[:_LONGEST_PROSE].split("\n")]
    return [f"{language.comments[0]} {line}" for line in lines if line]


def _code(source: str, language: Language) -> list[str]:
    header, code = split_header(source)
    if _ASKS_MODEL.match(header):
        return []
    if header.strip():
        spoken = of_header(header) or ("python" if _SAME_KERNEL.match(header) else None)
    else:
        spoken = "python"
    if spoken != language.name:
        return []
    lines = [line.rstrip() for line in code.split("\n") if len(line) <= _LONGEST_LINE]
    if language.name != "python":
        return lines
    return [line for line in lines if not _MAGIC_LINE.match(line)]


def _split(lines: list[str]) -> list[str]:
    """Cut where a statement begins, or where a passage has become too long."""
    texts, begun, length = [], 0, 0
    for i, line in enumerate(lines):
        statement = line[:1].strip() and line[0] not in ")]}"
        if (length >= _PASSAGE and statement) or length >= _LONGEST_PASSAGE:
            texts.append("\n".join(lines[begun:i]) + "\n")
            begun, length = i, 0
        length += len(line) + 1
    texts.append("\n".join(lines[begun:]) + "\n")
    return texts
