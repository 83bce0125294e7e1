r"""Where the holes of a cell are: ``split`` takes the marks out of it, ``join`` puts them in.

A mark is the text ``|``, or the one given with ``--cursor MARK``: then each MARK is a hole, wherever it is,
and ``|`` is plain text.

``|`` is also Python's or, and part of many texts. Some can only be holes:

- one that is alone on its line, whatever is around that line;
- one where no operator can be: ``x = |``, ``f(a, |)``, ``plt.|``, ``n = x |`` at the end of a statement, and
  ``f"{|:.2f}"``, because the braces of an f-string contain code;
- one that is all of a docstring: triple quotes with nothing else between them.

If there is such a hole, every other ``|`` of the cell is what it looks like: an operator, or text. If not,

- a mark that is the only one in the cell may also be a hole in a string or a comment, at either end of the
  text on its line: ``"|"``, ``"Hello |!"``, ``"Total: | euros"``, ``x = 1  # |``. Between two things it is as
  often a pattern, a type, a pipe or a separator: ``r"a|b"``, ``"int | None"``, ``"ls | wc"``,
  ``f"{a} | {b}"``.
- Nothing else is guessed: the person is asked.

In other languages a ``|`` can only be a hole if it is alone on its line, or if neither of its sides can be an
operand: ``x = |;``, ``f(a, |)``, ``return |``. In shells, whose pipe may end a line, and in languages whose
blocks we don't know, it has to be alone on its line; in shells, the line before must not end with ``\``.

In code, a backslash before a mark makes it plain: ``\|`` is read as ``|`` and is never a hole. Before a mark,
and only there, two backslashes count as one: ``\\|`` is a backslash and a hole, ``\\\|`` is the text ``\|``.

In strings and comments, backslashes are the person's own and stay, and ``\|`` is not a hole either:
``r"\|"`` is a pattern for a bar, ``"C:\\|"`` has a hole after an escaped backslash. The same holds in a
shell's words (``grep a\|b``), and in languages whose strings we can't recognize: in LaTeX ``\|`` is a norm,
in Markdown it is a bar in a table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import accumulate

from cg2magic.errors import UsageError
from cg2magic.syntax.holes import Mark, Reading
from cg2magic.syntax.languages import find

_PIPE = "|"
_SHOWN = 5  # places that an error lists
_EXCERPT = 32  # characters of the line shown for each


def split(cell: str, *, mark: str = _PIPE, language: str = "python") -> tuple[str, ...]:
    r"""Take the marks out of a cell.

    Parameters
    ----------
    cell : str
        Code with one or more marks.
    mark : str
        Printable text without a backslash.
    language : str
        Any name of a language.

    Returns
    -------
    tuple of str
        The exact texts around the holes, untrimmed: ``k + 1`` for ``k`` holes. In code, ``\|`` has become
        ``|``.

    Raises
    ------
    UsageError
        If there is no hole, or if it is not clear whether a ``|`` is one.

    Examples
    --------
    >>> split("def area(r):\n    return |\n")
    ('def area(r):\n    return ', '\n')
    >>> split("def load(path: str | None):\n    return |\n")
    ('def load(path: str | None):\n    return ', '\n')
    """
    _check(mark)
    marks = list(_marks(cell, mark))
    candidates = [one for one in marks if not one.is_escaped]
    if not candidates:
        instead = ", or another mark with --cursor MARK" if mark == _PIPE else ""
        raise UsageError(f"no hole in the cell: put {mark} where the code should go{instead}")
    reading = Reading(cell, mark, marks, find(language))
    holes = {one.place for one in candidates}
    if mark == _PIPE:
        clear = {place for place in holes if reading.is_clear(place)}
        if not clear and not (len(holes) == 1 and reading.is_end_of_text(*holes)):
            raise UsageError(_question(reading, cell, candidates))
        holes = clear or holes
    return _parts(cell, mark, marks, holes, reading.is_text)


def join(parts: Sequence[str], *, mark: str = _PIPE, language: str = "python") -> str:
    r"""Write a cell with a mark between the parts; the inverse of `split`.

    Parameters
    ----------
    parts : sequence of str
        Any texts; in code, each mark in them is written with a backslash before it.
    mark, language : str
        As in `split`.

    Returns
    -------
    str
        A cell that `split` splits into these parts; for one part, a cell without a hole.

    Raises
    ------
    UsageError
        If `split` would read no cell with this mark so: if the mark is part of a string in the texts, or if a
        ``|`` would be between two operands.

    Examples
    --------
    >>> join(["x: int | None = ", "\n"])
    'x: int \\| None = |\n'
    """
    _check(mark)
    plain = mark.join(parts)
    ends = list(accumulate(len(part) + len(mark) for part in parts))
    holes = [Mark(end - len(mark), end - len(mark)) for end in ends[:-1]]
    reading = Reading(plain, mark, holes, find(language))

    def is_kept(place: int) -> bool:
        start = place
        while start and plain[start - 1] == "\\":
            start -= 1
        return reading.is_text(Mark(start, place))

    begins = [0, *ends[:-1]]
    following = [mark] * len(holes) + [""]
    cell = mark.join(map(partial(_escape, mark, is_kept), parts, begins, following))
    if holes:
        with suppress(UsageError):
            if split(cell, mark=mark, language=language) == tuple(parts):
                return cell
        raise UsageError(
            f"the mark {mark} can't separate these texts: choose a mark that does not occur in them"
        )
    return cell


def _check(mark: str) -> None:
    if not mark or "\\" in mark or not mark.isprintable():
        raise UsageError(
            f"a cursor mark must be printable text without a backslash, not {mark!r}: try --cursor <here>"
        )


def _marks(cell: str, mark: str) -> Iterator[Mark]:
    """Find the marks, including those that a backslash makes plain."""
    pattern = re.compile(r"(?<!\\)\\*(?=" + re.escape(mark) + ")")
    at = 0
    while found := pattern.search(cell, at):
        yield (one := Mark(*found.span()))
        # After a plain one, skip only its first character: marks such as @@ may overlap.
        at = one.place + (1 if one.is_escaped else len(mark))


def _parts(
    cell: str, mark: str, marks: Sequence[Mark], holes: Collection[int], is_text: Callable[[Mark], bool]
) -> tuple[str, ...]:
    """Cut the cell at its holes, and remove the backslashes that were not the person's own."""
    parts, at = [""], 0
    for one in marks:
        is_hole = one.place in holes
        if is_hole or one.is_escaped:
            kept = one.place - one.start
            if kept and not is_text(one):
                kept //= 2
            parts[-1] += cell[at : one.start] + "\\" * kept
            at = one.place
        if is_hole:
            parts.append("")
            at += len(mark)
    parts[-1] += cell[at:]
    return tuple(parts)


def _escape(mark: str, is_kept: Callable[[int], bool], text: str, begin: int, following: str) -> str:
    """Write a text so that `split` reads it back.

    ``begin`` is its place, ``following`` is the text right after it, and ``is_kept`` takes a mark's place and
    returns whether backslashes before it stay as they are.
    """
    written = []  # from the end, because a backslash depends on what comes after it
    head = following
    escapes = head == mark and not is_kept(begin + len(text))
    for i in range(len(text) - 1, -1, -1):
        char = text[i]
        head = (char + head)[: len(mark)]
        if char == "\\":
            written.append("\\\\" if escapes else "\\")
            continue
        escapes = head == mark and not is_kept(begin + i)
        written.append("\\" + char if escapes else char)
        if escapes:
            head = ("\\" + head)[: len(mark)]
    return "".join(reversed(written))


def _question(reading: Reading, cell: str, doubtful: Sequence[Mark]) -> str:
    """Ask where the holes are, and say how to mark them."""
    shown = ", ".join(
        f"({n}) {_show(reading, cell, one.place)}" for n, one in enumerate(doubtful[:_SHOWN], 1)
    )
    more = f" and {len(doubtful) - _SHOWN} more" if len(doubtful) > _SHOWN else ""
    escape = "" if any(map(reading.is_text, doubtful)) else rf"write \{_PIPE} where it is not, or "
    return (
        f"it is not clear whether {_PIPE} is a hole at {shown}{more}: "
        f"{escape}mark the holes with another text, --cursor MARK"
    )


def _show(reading: Reading, cell: str, place: int) -> str:
    """Say where a mark is: line:column, counted from 1, and the text around it."""
    first, end = reading.line(place)
    line = "".join(char if char.isprintable() else " " for char in cell[first:end])
    left = max(0, place - first - _EXCERPT // 2)
    shown = line[left : left + _EXCERPT].strip()
    before = "…" if line[:left].strip() else ""
    after = "…" if line[left + _EXCERPT :].strip() else ""
    number = 1 + reading.outline.count("\n", 0, place)
    return f"{number}:{place - first + 1} `{before}{shown}{after}`"
