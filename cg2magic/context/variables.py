"""What the kernel knows of a name, in one comment line: type and shape. Values only if asked for.

The objects are a person's: they may be large, lazy, broken, or on a GPU. So we look only into objects of the
types known here and in `frames`, recognized by their exact class; for all others we name the class. We use no
`repr`, no property and no attribute of an unknown type. ::

    # df: DataFrame 891×12: survived int64, age float64, …
    # trips: polars DataFrame 3×2: start Datetime, fare Float64
    # x: ndarray 100×3 float64
    # clean(df, columns=…): Drop what is empty.
    # rows: list of 3
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from cg2magic.context import frames
from cg2magic.context.plain import SCALARS, VALUES, class_name, shown, some
from cg2magic.wording import one_line

#: The most characters of a line.
_LONGEST = 240

_CONTAINERS = (list, tuple, set, frozenset, dict)
#: Names that are in every shell.
_SHELL = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))


def describe(
    names: Iterable[str], namespace: Mapping[str, object], mark: str = "#", *, values: bool = False
) -> tuple[str, ...]:
    """Describe the names that are variables, one line each.

    Parameters
    ----------
    names : iterable of str
    namespace : mapping
    mark : str
        What begins a comment.
    values : bool
        Whether to show some values too, those of plain Python types.
    """
    lines = []
    for name in names:
        if name in namespace and not name.startswith("_") and name not in _SHELL:
            text = _line(name, namespace[name], values=values)
            if text:
                lines.append(f"{mark} {one_line(text, _LONGEST)}\n")
    return tuple(lines)


def is_material(value: object) -> bool:
    """Whether it is something that code is about: a table, an array, a model, a function of the person's."""
    kind = type(value)
    if type(value) is FunctionType:
        return value.__globals__.get("__name__") == "__main__"
    if frames.is_known(kind):
        return True
    bases = type.__dict__["__mro__"].__get__(kind)
    own = (type.__dict__["__dict__"].__get__(base) for base in bases)
    return any("predict" in names or "forward" in names for names in own)


def _line(name: str, value: Any, *, values: bool) -> str:
    """``name: what it is``; empty if there is nothing to say."""
    kind = type(value)
    try:
        if issubclass(kind, ModuleType):
            return ""
        if kind is FunctionType:
            return f"{name}{_signature(value)}{_doc(value)}"
        if kind is BuiltinFunctionType:
            return ""
        if issubclass(kind, type):
            return f"class {name}{_doc(value)}"
        return f"{name}: {_described(value, values=values)}"
    except Exception:  # noqa: BLE001 - whatever a person's object does, the request continues
        return f"{name}: {class_name(kind)}"


def _described(value: Any, *, values: bool) -> str:
    kind = type(value)
    if kind in SCALARS:
        return f"{kind.__name__} = {shown(value)}" if values else kind.__name__
    if kind in _CONTAINERS:
        sample = ""
        if values and kind is not dict:
            sample = some([item for _, item in zip(range(VALUES), value, strict=False)])
        return f"{kind.__name__} of {len(value)}{sample}"
    return frames.described(value, values=values)


def _signature(function: FunctionType) -> str:
    """The parameters' names, from the code itself: defaults are data, and annotations may be code to run."""
    code, defaults = function.__code__, len(function.__defaults__ or ())
    names = iter(code.co_varnames)
    first = code.co_argcount - defaults
    shown = [f"{next(names)}{'=…' if i >= first else ''}" for i in range(code.co_argcount)]
    only = [next(names) for _ in range(code.co_kwonlyargcount)]
    if code.co_flags & inspect.CO_VARARGS:
        shown.append(f"*{next(names)}")
    elif only:
        shown.append("*")
    shown += [f"{name}{'=…' if name in (function.__kwdefaults__ or ()) else ''}" for name in only]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        shown.append(f"**{next(names)}")
    return f"({', '.join(shown)})"


def _doc(of: Any) -> str:
    # A class keeps its docstring in its dictionary; asking a metaclass could run anything.
    doc = of.__doc__ if type(of) is FunctionType else type.__dict__["__dict__"].__get__(of).get("__doc__")
    first = doc.strip().partition("\n")[0] if type(doc) is str else ""
    return f": {first}" if first else ""
