"""What is wrong with a line: names that the kernel's objects do not have, judged on the syntax tree."""

from __future__ import annotations

import ast
from typing import Any

from cg2magic.grounding.column_arguments import DICTIONARIES, FUNCTIONS, METHODS
from cg2magic.syntax.languages import find
from cg2magic.syntax.tokens import read, read_open


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


def does_something(tree: ast.AST | None) -> bool:
    """Whether it is more than a comment or an import."""
    body = tree.body if isinstance(tree, ast.Module) else []
    return any(not isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in body)


def untouched(namespace: dict[str, Any], code: str) -> dict[str, Any]:
    """Return the variables that code above a line neither binds nor changes."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:
        return {}
    stored = [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)]
    bound = {name.id for node in stored for name in ast.walk(node) if isinstance(name, ast.Name)}
    imports = (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))
    bound |= {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}
    bound |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return {name: value for name, value in namespace.items() if name not in bound}


class Missing(ast.NodeVisitor):
    """Finds names in code that the kernel's objects do not have.

    Attributes
    ----------
    names : list of str
        Those that are missing.
    checked, columns : int
        How many names there were that could be judged, and how many of them were columns and keys.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.names: list[str] = []
        self.checked = self.columns = 0

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: D102
        of = self._value(node.value)
        if of is not None and isinstance(node.ctx, ast.Load):
            self._note(node.attr, there=hasattr(of, node.attr))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: D102
        of = self._value(node.value)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            of = self._value(node.value.func.value)  # df.groupby("a")["b"]
        if isinstance(node.ctx, ast.Load):
            self._columns(of, node.slice)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: D102
        frames = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "data")]
        module = ast.unparse(node.func).partition(".")[0]
        library = getattr(self.namespace.get(module), "__name__", "")
        for named in node.keywords:
            if library in FUNCTIONS and named.arg in FUNCTIONS[library][1]:
                for frame in frames:
                    self._columns(self._value(frame), named.value)
        if isinstance(node.func, ast.Attribute):
            for table in (METHODS, DICTIONARIES):
                places, keywords = table.get(node.func.attr, ((), frozenset()))
                arguments = [argument for i, argument in enumerate(node.args) if i in places]
                arguments += [keyword.value for keyword in node.keywords if keyword.arg in keywords]
                for argument in arguments:
                    wanted: ast.AST = argument
                    if table is DICTIONARIES:
                        keys = argument.keys if isinstance(argument, ast.Dict) else []
                        wanted = ast.Tuple([key for key in keys if key is not None], ast.Load())
                    self._columns(self._value(node.func.value), wanted)
        self.generic_visit(node)

    def _columns(self, of: Any, wanted: ast.AST) -> None:
        if not (isinstance(of, dict) or hasattr(of, "columns")):
            return
        listed = wanted.elts if isinstance(wanted, (ast.List, ast.Tuple)) else [wanted]
        there = of if isinstance(of, dict) else [*of.columns, *getattr(of.index, "names", ())]
        for each in listed:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self._note(each.value, there=each.value in there)
                self.columns += 1

    def _note(self, name: str, *, there: bool) -> None:
        self.checked += 1
        if not there:
            self.names.append(name)

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
