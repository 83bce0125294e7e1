r"""A cell as the model reads it: in passages of some lines, of which the engine takes those that fit.

- Markdown becomes comments, its first lines: they say what follows. Raw cells are no code, and left out.
- Magics and lines for the shell are left out, and with them whole cells in another language. So are cells
  that asked a model for something: what stands in them is unfinished.
- Lines of more than 400 characters are data, not code, and left out.
- Of a very long cell only the end is read, below the prompt the beginning: what is nearest to it.
- Behind a cell of code stands what separates cells in notebooks that are kept as scripts, ``# %%``. Behind
  prose stands nothing: it belongs to the code under it.
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

#: Characters of a cell that are looked at.
_LONGEST_CELL = 20_000
_LONGEST_LINE = 400
_LONGEST_PROSE = 400
#: Characters after which a passage ends where the next statement begins, and after which it ends anyway.
_PASSAGE, _LONGEST_PASSAGE = 300, 1_500

#: Cell magics that run what is under them in this kernel, in its own language.
_SAME_KERNEL = re.compile(r"\s*%%(time|timeit|capture|prun|python3?|pypy)\b")
_ASKS_MODEL = re.compile(r"\s*%%(complete|infill|score)\b")
_MAGIC_LINE = re.compile(r"\s*(?:[%!?](?=[\w%!?.~/])|[\w.]+\?{1,2}\s*$|[^=#'\"]*=\s*(?:!|%[a-z_]))")


@dataclass(frozen=True, slots=True)
class Passage:
    """Some lines of a cell.

    Attributes
    ----------
    text : str
        It ends at the end of a line.
    defines : frozenset of str
        Names that get their meaning in it.
    """

    text: str
    defines: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Context:
    """What the engine can choose from to put around a prompt; text, and no live object.

    Attributes
    ----------
    above, below : tuple of tuple of Passage
        The cells above and below the prompt, in the order of the document, each in its passages.
    variables : tuple of str
        One line for each variable.
    uses : frozenset of str
        Names that the prompt mentions.
    separator : str
        What stands between cells.
    tokens : int
        The most that the prompt, its answer and what stands around it may take.
    note : str
        What the person should know about it, such as that the notebook switches it off.
    """

    above: tuple[tuple[Passage, ...], ...] = ()
    below: tuple[tuple[Passage, ...], ...] = ()
    variables: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()
    separator: str = "\n"
    tokens: int = 2048
    note: str = ""


def passages(cells: Iterable[Cell], language: str, *, below: bool = False) -> tuple[tuple[Passage, ...], ...]:
    """Read cells, those that have something to say for this language."""
    read = (_passages(cell.kind, _near(cell.source, below=below), language) for cell in cells)
    return tuple(cell for cell in read if cell)


def _near(source: str, *, below: bool) -> str:
    """The part of a cell that is looked at, whole lines of it."""
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
    # The whole cell is parsed, as a passage may begin or end inside of a statement.
    named = definitions("".join(texts), language)
    texts[-1] += separator(language)
    ends = list(accumulate(text.count("\n") for text in texts))
    names: list[set[str]] = [set() for _ in texts]
    for name, line in named:
        names[min(bisect_left(ends, line), len(texts) - 1)].add(name)
    return tuple(map(Passage, texts, map(frozenset, names)))


def separator(language: str) -> str:
    r"""Give what stands between two cells: ``\n# %%\n`` in Python."""
    comments = find(language).comments
    return f"\n{comments[0]} %%\n" if comments else "\n"


def _prose(source: str, language: Language) -> list[str]:
    """Prose as comments; nothing where the language has none to the end of a line."""
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
    """Cut where a statement begins, or else where a passage has become too long."""
    texts, begun, length = [], 0, 0
    for i, line in enumerate(lines):
        statement = line[:1].strip() and line[0] not in ")]}"
        if (length >= _PASSAGE and statement) or length >= _LONGEST_PASSAGE:
            texts.append("\n".join(lines[begun:i]) + "\n")
            begun, length = i, 0
        length += len(line) + 1
    texts.append("\n".join(lines[begun:]) + "\n")
    return texts
