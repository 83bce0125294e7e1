"""Read `--check CODE`: the program to run after each candidate, or why it would check nothing.

CODE is Python, the name of a variable that holds Python, or the name of a function, which is then called. A
check that runs nothing would let every candidate pass, and a misspelt one would let none pass: both are
refused before anything is written.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import inspect
import keyword
import textwrap
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeVar

from cg2magic.errors import UsageError
from cg2magic.wording import one_line

_INSTEAD = 'give it some code, such as "assert f(2) == 4", a variable that holds some, or a function'
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Node = TypeVar("_Node", bound=ast.AST)
#: Functions of these names are called only for their answer.
_PREDICATES = {
    *("all", "any", "bool", "callable", "hasattr", "isinstance", "issubclass"),
    *("isclose", "allclose", "array_equal"),
}
_ACTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)


def read(texts: Sequence[str], variables: Mapping[str, Any], language: str) -> str:
    """Combine the texts of all ``--check`` options into one program.

    Parameters
    ----------
    texts : sequence of str
    variables : mapping
        The notebook's variables.
    language : str
        The cell's language.

    Raises
    ------
    UsageError
        If a text or the cell is not Python, or if a check would check nothing.
    """
    if texts and language != "python":
        raise UsageError(f"--check runs Python, but the cell's language is {language}")
    programs = [_program(text, variables) for text in texts]
    trees = [_tree(program, text) for program, text in zip(programs, texts, strict=True)]
    statements = [statement for tree in trees for statement in tree.body]
    values = (variables.get(text.strip()) for text in texts)
    named = {inspect.unwrap(value).__name__ for value in values if isinstance(value, FunctionType)}
    calls = _calls(statements, named)
    for text, tree in zip(texts, trees, strict=True):
        _refuse_tests_that_are_dropped(tree.body, text)
        only_values = all(isinstance(statement, ast.Expr) for statement in tree.body)
        if all(map(_does_nothing, tree.body if only_values else [*statements, *calls])):
            raise UsageError(f"--check {one_line(text, 40)} checks nothing: {_INSTEAD}")
    return "\n".join([*programs, *map(ast.unparse, calls)])


def _program(text: str, variables: Mapping[str, Any]) -> str:
    name = text.strip()
    if not name:
        raise UsageError(f"--check is empty: {_INSTEAD}")
    if not name.isidentifier() or keyword.iskeyword(name):
        return text
    if name not in variables:
        raise UsageError(f"--check {name}: {_unknown(name, variables)}")
    value = variables[name]
    if isinstance(value, FunctionType):
        return _source(name, value)
    lines = [value] if isinstance(value, str) else value
    if not (isinstance(lines, list | tuple) and all(isinstance(line, str) for line in lines)):
        what = "a class" if isinstance(value, type) else f"of type {type(value).__name__}"
        raise UsageError(f"--check {name}: {name} is {what}; {_INSTEAD}")
    program = "\n".join(lines)
    if not program.strip():
        raise UsageError(f"--check {name}: {name} is empty; {_INSTEAD}")
    return program


def _unknown(name: str, variables: Mapping[str, Any]) -> str:
    if hasattr(builtins, name):
        return f"{name} is built into Python; {_INSTEAD}"
    usable = [n for n, value in variables.items() if isinstance(value, str | FunctionType) and n[0] != "_"]
    close = difflib.get_close_matches(name, usable, n=1)
    hint = f"did you mean {close[0]}?" if close else "run the cell that defines it first"
    return f"there is no variable or function {name}; {hint}"


def _source(name: str, function: FunctionType) -> str:
    """Return a function's definition; the call is added later, as for functions in a text."""
    trouble = ""
    if function.__name__ == "<lambda>":
        trouble = "a lambda: write it with def"
    elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        trouble = "a generator: calling it runs nothing"
    elif inspect.unwrap(function).__code__.co_freevars:
        trouble = (
            "defined inside another function and needs its variables: define it at the top level of a cell"
        )
    if trouble:
        raise UsageError(f"--check {name}: {name} is {trouble}")
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise UsageError(
            f"--check {name}: its source is not known; define it in a cell that has no magic at the top"
        ) from None
    tree = _tree(source, name)
    definition = tree.body[0]
    assert isinstance(definition, _FUNCTIONS)
    _refuse_tests_that_are_dropped(definition.body, name)
    return source


def _calls(statements: Sequence[ast.stmt], named: Container[str]) -> list[ast.stmt]:
    """Make calls of the tests that are defined but not used, as pytest would call them.

    Raises
    ------
    UsageError
        If one needs arguments.
    """
    calls = []
    for function in statements:
        if not isinstance(function, _FUNCTIONS) or not (
            function.name in named or function.name.startswith("test")
        ):
            continue
        others = [other for other in statements if other is not function]
        if function.name in {node.id for other in others for node in _walk(other, ast.Name)}:
            continue
        if _needs_arguments(function.args):
            raise UsageError(
                f"--check: {function.name} takes arguments, but nothing calls it with any; add the call: "
                f'--check "{function.name}(…)"'
            )
        call = f"{'await ' if isinstance(function, ast.AsyncFunctionDef) else ''}{function.name}()"
        says = any(found.value and _is_test(found.value) for found in _walk(function, ast.Return))
        calls += ast.parse(f"assert {call}" if says else call).body
    return calls


def _needs_arguments(given: ast.arguments) -> bool:
    return len(given.posonlyargs) + len(given.args) > len(given.defaults) or None in given.kw_defaults


def _walk(tree: ast.AST, kind: type[_Node]) -> Iterator[_Node]:
    return (node for node in ast.walk(tree) if isinstance(node, kind))


def _tree(program: str, text: str) -> ast.Module:
    shown = f" {text.strip()}" if text.strip().isidentifier() else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(program, "--check", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            return ast.parse(program)
    except (SyntaxError, ValueError) as error:
        magic = any(line.lstrip().startswith(("%", "!", "?")) for line in program.splitlines())
        hint = "; it can't contain magics or shell lines" if magic else ""
        said = getattr(error, "msg", error)
        raise UsageError(f"--check{shown} is not Python: {said}{hint}") from None


def _refuse_tests_that_are_dropped(body: Sequence[ast.stmt], text: str) -> None:
    """Refuse ``f(2) == 4`` without an assert, and an assert of a tuple: both let everything pass."""
    for statement in body:
        if isinstance(statement, ast.Expr) and _is_test(statement.value):
            raise UsageError(
                f"--check {one_line(text, 40)}: write assert before {one_line(ast.unparse(statement), 40)}"
            )
        if (
            isinstance(statement, ast.Assert)
            and isinstance(statement.test, ast.Tuple)
            and statement.test.elts
        ):
            raise UsageError(
                f"--check {one_line(text, 40)}: {one_line(ast.unparse(statement), 40)} is always true; "
                "leave out the parentheses"
            )


def _is_test(value: ast.expr) -> bool:
    """Whether an expression is a yes-or-no test, as far as its syntax shows."""
    if isinstance(value, ast.BoolOp):
        return any(map(_is_test, value.values))
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in _PREDICATES
    return isinstance(value, ast.Compare) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )


def _does_nothing(statement: ast.stmt) -> bool:
    """Whether it only defines or imports something, or computes a value that is dropped."""
    if isinstance(statement, ast.Expr):
        return not any(isinstance(node, _ACTS) for node in ast.walk(statement.value))
    return isinstance(statement, (*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom))
