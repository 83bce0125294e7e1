"""Measure what it gains that suggestions may use only names that are in the kernel.

    python -m benchmarks.grounding                       # mini, 120 lines
    python -m benchmarks.grounding --model NAME --precision int8 --cases 60

The notebooks are written for this: two tables, of 4 and of 60 columns, whose names a seed makes, so that no
model has read them; a dictionary, an instance, an array, and modules. Their cells are executed. Then the
model writes the next line, below a comment that says what is wanted, or the rest of the line. It is asked in
three ways: as without any of this; with the nearest variables described; and grounded, too.

missing
    Names that do not exist, of 100 suggestions: attributes, columns and keys of the kernel's objects in the
    syntax tree of the line. Behind it, how many of these the suggestion itself says are not found.
exact, similar
    The line is the one that was meant; `difflib.SequenceMatcher.ratio` of the two.
runs
    The line runs in the sandbox, behind the notebook's cells, and is more than a comment or an import.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cg2magic.context import Cell, Document, Settings, gather
from cg2magic.context.names import mentioned
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.grounding.column_arguments import METHODS
from cg2magic.grounding.grounding import Grounding
from cg2magic.models.loading import load_model
from cg2magic.request import Request, Sampling
from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.sandbox import Sandbox
from cg2magic.syntax.languages import find
from cg2magic.syntax.tokens import read, read_open

PARTS = {"bark": "bark", "leaf": "leaf", "root": "root", "stem": "stem", "soil": "soil"}
MEASURES = {"len": "length", "wid": "width", "mass": "mass", "ph": "acidity"}
QUARTERS = {"q1": "first quarter", "q2": "second quarter", "q3": "third quarter"}

IMPORTS = """import math
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd"""
#: What the notebook shows, where the names come from a file, and what is executed instead.
READ = '{table} = pd.read_csv("{table}.csv")'
NARROW = """rng = np.random.default_rng(1)
plants = pd.DataFrame(rng.random((30, 3)), columns={columns})
plants["{group}"] = list("abc") * 10"""
WIDE = "wide = pd.DataFrame(np.random.default_rng(2).random((30, 60)), columns={columns})"
OTHERS = """limits = {limits}

class Pump:
    def __init__(self):
        self.{rate} = 2.5
        self.{depth} = 30.0

    def {drain}(self, minutes):
        return self.{rate} * minutes

pump = Pump()"""
SHOWN = """import json
from rig import Pump
limits = json.load(open("limits.json"))
pump = Pump()"""
ARRAYS = """x = np.linspace(0, 10, 50)
y = np.sin(x)
m = np.array([[2.0, 1.0], [1.0, 3.0]])
fig, ax = plt.subplots()"""


@dataclass(frozen=True)
class Case:
    """A line that is wanted.

    Attributes
    ----------
    cells : tuple of str
        The notebook as the model sees it.
    code : str
        What is executed in their place: there are no files.
    prompt : str
        The comment, and the beginning of the line.
    line : str
        The whole line.
    """

    cells: tuple[str, ...]
    code: str
    prompt: str
    line: str

    @property
    def begun(self) -> str:
        """What the prompt has of the line."""
        return self.prompt.rpartition("\n")[2]


@dataclass
class Row:
    """The figures of one way to ask."""

    missing: list[int] = field(default_factory=list)
    exact: list[bool] = field(default_factory=list)
    similar: list[float] = field(default_factory=list)
    runs: list[bool] = field(default_factory=list)
    seconds: float = 0.0
    tokens: int = 0
    corrected: int = 0
    unknown: int = 0


def names(rng: random.Random) -> dict[str, Any]:
    """Make the names of a notebook."""
    wide = [f"{part}_{measure}_{quarter}" for part in PARTS for measure in MEASURES for quarter in QUARTERS]
    rng.shuffle(wide)
    narrow = [f"{part}_{measure}" for part in PARTS for measure in MEASURES]
    shift, group = rng.choice(("site", "bed", "plot")), rng.choice(("kind", "zone", "grp"))
    return {
        "narrow": rng.sample(narrow, 3),
        "wide": wide,
        "group": f"{shift}_{group}",
        "rate": f"flow_{rng.choice(('lpm', 'lps', 'gph'))}",
        "depth": f"depth_{rng.choice(('bore', 'well', 'sump'))}_m",
        "drain": f"drain_{rng.choice(('basin', 'pond', 'tray'))}",
        "limits": {f"max_{part}_{measure}": 1.5 for part, measure in zip(PARTS, MEASURES, strict=False)},
    }


def said(column: str) -> str:
    """Say a column's name in words."""
    words = {**PARTS, **MEASURES, **{key: f"in the {text}" for key, text in QUARTERS.items()}}
    return " ".join(words.get(word, word) for word in column.split("_"))


def lines(rng: random.Random) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """Yield cells, the code behind them, a comment, and the line that it asks for."""
    given = names(rng)
    others = OTHERS
    for key in ("limits", "rate", "depth", "drain"):
        others = others.replace(f"{{{key}}}", str(given[key]))
    narrow = NARROW.replace("{columns}", str(given["narrow"])).replace("{group}", given["group"])
    wide = WIDE.replace("{columns}", str(given["wide"]))
    for table, code, columns in (("plants", narrow, given["narrow"]), ("wide", wide, given["wide"])):
        a, b = rng.sample(columns, 2)
        cells = (IMPORTS, READ.replace("{table}", table)), f"{IMPORTS}\n{code}"
        yield *cells, f"mean {said(a)}", f'mean = {table}["{a}"].mean()'
        yield *cells, f"plot {said(a)} against {said(b)}", f'plt.scatter({table}["{b}"], {table}["{a}"])'
        yield *cells, f"rows with {said(a)} above 0.5", f'high = {table}[{table}["{a}"] > 0.5]'
        yield *cells, f"sort by {said(b)}", f'ordered = {table}.sort_values(by="{b}")'
        yield *cells, f"only {said(a)} and {said(b)}", f'pair = {table}[["{a}", "{b}"]]'
        yield *cells, f"leave out {said(a)}", f'rest = {table}.drop(columns=["{a}"])'
        if table == "plants":
            yield (
                *cells,
                f"mean {said(a)} for each {said(given['group'])}",
                f'means = plants.groupby("{given["group"]}")["{a}"].mean()',
            )
    cells = (IMPORTS, SHOWN), f"{IMPORTS}\n{others}"
    key = rng.choice([*given["limits"]])
    yield *cells, f"the largest {said(key.removeprefix('max_'))}", f'largest = limits["{key}"]'
    yield *cells, "depth of the pump's well in cm", f"depth = pump.{given['depth']} * 100"
    yield *cells, "drain for ten minutes", f"litres = pump.{given['drain']}(10)"
    yield *cells, "flow per hour", f"hourly = pump.{given['rate']} * 60"
    cells = (IMPORTS, ARRAYS), f"{IMPORTS}\n{ARRAYS}"
    yield *cells, "eigenvalues of m", "values = np.linalg.eigvals(m)"
    yield *cells, "fit a parabola to x and y", "coefficients = np.polyfit(x, y, 2)"
    yield *cells, "label the x axis", 'ax.set_xlabel("x")'
    yield *cells, "a horizontal line at 0", "ax.axhline(0)"
    yield *cells, "draw y over x", "plt.plot(x, y)"
    yield *cells, "save the figure", 'plt.savefig("figure.png")'
    yield *cells, "a cumulative sum of y", "total = np.cumsum(y)"


def cases(count: int) -> list[Case]:
    """Make the cases, the same in every run: every other one begins with a part of the line."""
    rng = random.Random("grounding")
    found: list[Case] = []
    while True:
        for cells, code, comment, line in lines(rng):
            opens = [i + 1 for i, sign in enumerate(line) if sign in '."' and line[i - 1 : i] not in '0",']
            begun = line[: rng.choice(opens)] if len(found) % 2 else ""
            found.append(Case(cells, code, f"# {comment}\n{begun}", line))
            if len(found) == count:
                return found


def parsed(line: str) -> ast.AST | None:
    """Parse a line that may have been cut; a name that was cut is left out."""
    state, _, last = read_open(line, find("python"))
    line = line[:last] if state.inside == "string" else line
    closing = "".join(opened.closer or "" for opened in reversed(read(line, find("python")).stack))
    for text in (line, line + closing, line.rstrip(", =") + closing):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return None


def _does_something(tree: ast.AST | None) -> bool:
    """Whether it is more than a comment or an import."""
    body = tree.body if isinstance(tree, ast.Module) else []
    return any(not isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in body)


class Missing(ast.NodeVisitor):
    """Counts names in code that the kernel's objects do not have."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.count = 0

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: D102
        of = self._value(node.value)
        self.count += of is not None and not hasattr(of, node.attr)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: D102
        of = self._value(node.value)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            of = self._value(node.value.func.value)  # df.groupby("a")["b"]
        if isinstance(node.ctx, ast.Load):
            self.count += self._lacks(of, node.slice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: D102
        if isinstance(node.func, ast.Attribute):
            places, keywords = METHODS.get(node.func.attr, ((), frozenset()))
            arguments = [argument for i, argument in enumerate(node.args) if i in places]
            arguments += [keyword.value for keyword in node.keywords if keyword.arg in keywords]
            self.count += sum(self._lacks(self._value(node.func.value), argument) for argument in arguments)
        self.generic_visit(node)

    def _lacks(self, of: Any, wanted: ast.AST) -> int:
        if not (isinstance(of, dict) or hasattr(of, "columns")):
            return 0
        listed = wanted.elts if isinstance(wanted, (ast.List, ast.Tuple)) else [wanted]
        there = of if isinstance(of, dict) else of.columns
        texts = [each.value for each in listed if isinstance(each, ast.Constant)]
        return sum(isinstance(text, str) and text not in there for text in texts)

    def _value(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            return self.namespace.get(node.id)
        if isinstance(node, ast.Attribute):
            return getattr(self._value(node.value), node.attr, None)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            of = self._value(node.value)
            if isinstance(of, dict) or hasattr(of, "columns"):
                return of.get(node.slice.value)
        return None


def ask(engine: LocalEngine, case: Case, namespace: dict[str, Any], way: str, row: Row) -> str:
    """Let the model write a line, and note what it took."""
    document = Document(tuple(Cell(None, "code", source) for source in (*case.cells, "")), len(case.cells))
    named = None if way != "as before" else tuple(mentioned(case.prompt))
    context = gather(document, (case.prompt,), namespace, Settings(names=named))
    grounding = Grounding(namespace) if way == "grounded" else None
    request = Request(
        (case.prompt,), Sampling(max_new_tokens=40, stop=("\n",)), context=context, grounding=grounding
    )
    began = time.perf_counter()
    (suggestion,) = engine.generate(request).suggestions
    row.seconds += time.perf_counter() - began
    row.tokens += len(suggestion.tokens)
    row.corrected += any(name.outcome == "corrected" for name in suggestion.names)
    row.unknown += sum(name.outcome == "unknown" for name in suggestion.names)
    return (case.begun + suggestion.text).rstrip()


WAYS = ("as before", "nearest variables described", "grounded")


def main() -> None:
    """Ask, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--show", action="store_true", help="print every line")
    args = parser.parse_args()
    engine = LocalEngine(load_model(args.model, precision=args.precision))
    sandbox = Sandbox(limits=Limits())
    rows = {way: Row() for way in WAYS}
    kernels: dict[str, dict[str, Any]] = {}
    ran: dict[str, bool] = {}
    for case in cases(args.cases):
        if case.code not in kernels:
            namespace: dict[str, Any] = {"__name__": "__main__"}
            exec(case.code, namespace)
            kernels[case.code] = namespace
        for way, row in rows.items():
            line = ask(engine, case, kernels[case.code], way, row)
            missing = Missing(kernels[case.code])
            tree = parsed(line)
            if tree is not None:
                missing.visit(tree)
            program = f"{case.code}\n{line}"
            if program not in ran:
                ran[program] = sandbox.run(program).passed
            row.missing.append(missing.count)
            row.exact.append(line == case.line)
            row.similar.append(difflib.SequenceMatcher(None, line, case.line, autojunk=False).ratio())
            row.runs.append(ran[program] and _does_something(tree))
            if args.show:
                print(f"{way:28} {missing.count} {ran[program]:d}  {line}    [{case.line}]", flush=True)
    print(f"{args.model}, {args.cases} lines\n")
    print("| | missing of 100 | marked | exact | similar | runs | ms a token | corrected |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for way, row in rows.items():
        print(
            f"| {way} | {100 * statistics.mean(row.missing):.1f} "
            f"| {100 * row.unknown / len(row.missing):.1f} "
            f"| {100 * statistics.mean(row.exact):.1f} % "
            f"| {statistics.mean(row.similar):.3f} | {100 * statistics.mean(row.runs):.1f} % "
            f"| {1000 * row.seconds / row.tokens:.1f} | {row.corrected} |"
        )


if __name__ == "__main__":
    main()
