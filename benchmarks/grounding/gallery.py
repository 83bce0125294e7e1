"""Lines of notebooks and gallery scripts out of source archives, which are executed up to the line's cell.

In half of the cases, a seed has given the columns of the kernel's tables names that no model has read: in the
tables, in all of the notebook's text, and in the line that is wanted.
"""

from __future__ import annotations

import ast
import random
import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.grounding.case import Case, begun
from benchmarks.grounding.judge import Missing
from training.extract import CELL, from_notebook, from_script
from training.sources import members

#: Seconds that a cell may run.
SECONDS = 20
#: Lines of one notebook.
_MOST = 3
_SCRIPTS = re.compile(r"(^|/)examples/.*\.py$")
_SUFFIXES = ("_q1", "_rev", "_kp", "_adj", "_obs")


def notebooks(archives: list[Path]) -> Iterator[list[str]]:
    """Yield the cells of each notebook and script, prose as comments."""
    for archive in archives:
        for path, data in members(archive):
            text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
            if path.endswith(".ipynb") and "_docstrings" not in path:
                text = from_notebook(text)
            elif _SCRIPTS.search(path):
                text = from_script(text)
            else:
                continue
            cells = text.rstrip("\n").split(CELL)
            if len(cells) >= 3:
                yield cells


def cases(archives: list[Path], count: int, *, renamed: bool) -> Iterator[Case]:
    """Yield cases, the same in every run: every other one begins with a part of the line."""
    rng = random.Random(f"gallery {renamed}")
    documents = list(notebooks(archives))
    rng.shuffle(documents)
    made = 0
    for cells in documents:
        for case in _of_notebook(cells, rng, renamed=renamed):
            yield case
            made += 1
            if made == count:
                return


def _of_notebook(cells: list[str], rng: random.Random, *, renamed: bool) -> Iterator[Case]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    made = 0
    for at, cell in enumerate(cells):
        if at:
            for case in _of_cell(cells, at, namespace, rng, renamed=renamed):
                yield case
                made += 1
        if made >= _MOST or not _execute(cell, namespace):
            break
    if "plt" in namespace:
        namespace["plt"].close("all")


def _of_cell(
    cells: list[str], at: int, namespace: dict[str, Any], rng: random.Random, *, renamed: bool
) -> Iterator[Case]:
    """Yield one line of a cell that the kernel knows names of, if there is one that runs."""
    above = cells[:at]
    cell = cells[at]
    if renamed:
        fresh = {old: old + rng.choice(_SUFFIXES) for old in sorted(_columns(namespace))}
        tables = [name for name, value in namespace.items() if _is_table(value)]
        namespace = {
            name: value.rename(columns=fresh) if name in tables else value
            for name, value in namespace.items()
        }
        *above, cell = [_rename(text, fresh, tables) for text in (*above, cell)]
    lines = cell.split("\n")
    wanted = []
    for statement in _statements(cell):
        line = lines[statement.lineno - 1]
        missing = Missing(namespace)
        missing.visit(ast.parse(line))
        if missing.checked and (not renamed or missing.columns):
            wanted.append(statement.lineno - 1)
    rng.shuffle(wanted)
    for n in wanted[:2]:
        head = "".join(f"{line}\n" for line in lines[:n])
        case = Case(
            tuple(above), head + (begun(lines[n], rng) if rng.random() < 0.5 else ""), lines[n], namespace
        )
        missing = Missing(namespace)
        missing.visit(ast.parse(lines[n]))
        if not missing.names and case.runs(lines[n]):
            yield case
            return


def _statements(cell: str) -> list[ast.stmt]:
    """The statements of a cell that have a line for themselves."""
    try:
        body = ast.parse(cell).body
    except SyntaxError:
        return []
    plain = (ast.Assign, ast.Expr, ast.AugAssign)
    return [each for each in body if isinstance(each, plain) and each.lineno == each.end_lineno]


def _execute(cell: str, namespace: dict[str, Any]) -> bool:
    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            exec(compile(cell, "<cell>", "exec"), namespace)
    except BaseException:  # noqa: BLE001 - no file, no network, another version: the notebook ends here
        return False
    finally:
        signal.alarm(0)
    return True


def _is_table(value: object) -> bool:
    return type(value).__module__.startswith("pandas.") and type(value).__name__ == "DataFrame"


def _columns(namespace: dict[str, Any]) -> set[str]:
    tables = [value for value in namespace.values() if _is_table(value)]
    columns = {name for table in tables for name in table.columns if isinstance(name, str)}
    return {name for name in columns if name.isidentifier() and len(name) > 1}


def _rename(text: str, fresh: dict[str, str], tables: list[str]) -> str:
    """Give columns other names in code: as strings, as attributes of a table, and in formulas."""
    if not fresh:
        return text
    olds = "|".join(sorted(fresh, key=len, reverse=True))
    owners = "|".join(map(re.escape, tables))
    text = re.sub(rf"""(["'])({olds})\1""", lambda found: found[1] + fresh[found[2]] + found[1], text)
    text = re.sub(rf"\b({owners})\.({olds})\b(?!\()", lambda found: f"{found[1]}.{fresh[found[2]]}", text)
    words = re.compile(rf"\b({olds})\b(?!\()")
    return re.sub(
        r"""(["'])[^"'\n]*~[^"'\n]*\1""",
        lambda formula: words.sub(lambda found: fresh[found[1]], formula[0]),
        text,
    )


def read_bundled_data() -> None:
    """Let seaborn read its tables from those of plotnine, as far as it has them: there is no network."""
    import seaborn as sns  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from plotnine import data  # type: ignore[import-not-found, unused-ignore]

    tables = {name: getattr(data, name) for name in ("penguins", "diamonds", "mpg")}
    sns.load_dataset = lambda name, **_: tables[name].copy()
