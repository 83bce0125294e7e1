"""What the kernel knows of a name, in one comment line: type and shape, and no data.

The objects are a person's: large, lazy, broken, or on a GPU. So nothing is asked of an object but of the
types that are listed here, and those by their exact class; of all others the name of the class is told. No
`repr`, no property and no attribute of an unknown type is looked at. ::

    # df: DataFrame 891×12: survived int64, age float64, …
    # x: ndarray 100×3 float64
    # clean(df, columns=…): Drop what is empty.
    # rows: list of 3
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

#: Characters of a line, and columns of a table that are named.
_LONGEST = 240
_COLUMNS = 12
#: Values that are told of a sequence or of a column, and characters of one of them.
_VALUES = 3
_LONGEST_VALUE = 40

_SCALARS = (int, float, bool, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, set, frozenset, dict)
#: Names that are in every shell.
_SHELL = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))


def describe(
    names: Iterable[str], namespace: Mapping[str, object], mark: str = "#", *, values: bool = False
) -> tuple[str, ...]:
    """Describe those of the names that are variables, a line each.

    Parameters
    ----------
    names : iterable of str
    namespace : mapping
    mark : str
        What begins a comment.
    values : bool
        Whether some values are told too, those of plain Python types.
    """
    lines = []
    for name in names:
        if name in namespace and not name.startswith("_") and name not in _SHELL:
            told = _told(name, namespace[name], values=values)
            if told:
                lines.append(f"{mark} {_one_line(told)}\n")
    return tuple(lines)


def _told(name: str, value: object, *, values: bool) -> str:
    """``name: what it is``; empty where there is nothing to tell."""
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
    except Exception:  # noqa: BLE001 - whatever a person's object does, the request goes on
        return f"{name}: {_class(kind)}"


def _described(value: Any, *, values: bool) -> str:
    kind = type(value)
    if kind in _SCALARS:
        return f"{kind.__name__} = {_shown(value)}" if values else kind.__name__
    if kind in _CONTAINERS:
        some = ""
        if values and kind is not dict:
            some = _some([item for _, item in zip(range(_VALUES), value, strict=False)])
        return f"{kind.__name__} of {len(value)}{some}"
    for module, name, tell in _KNOWN:
        known = getattr(sys.modules.get(module), name, None)
        if known is kind:
            return tell(value, values)
    return _class(kind)


def _frame(frame: Any, values: bool) -> str:  # noqa: FBT001 - as `_KNOWN` calls it
    # A slice without rows: the dtypes of a wide table would be a table themselves.
    types = list(frame.iloc[:0, :_COLUMNS].dtypes)
    columns = []
    for i, (label, dtype) in enumerate(zip(frame.columns[:_COLUMNS], types, strict=True)):
        if type(label) in _SCALARS:
            some = _some(frame.iloc[:_VALUES, i].tolist()) if values else ""
            columns.append(f"{label} {_dtype(dtype)}{some}")
    more = ", …" if frame.shape[1] > len(columns) else ""
    return f"DataFrame {_shape(frame.shape)}: {', '.join(columns)}{more}".removesuffix(": ")


def _series(series: Any, values: bool) -> str:  # noqa: FBT001
    some = _some(series.iloc[:_VALUES].tolist()) if values else ""
    name = f" {series.name}" if type(series.name) is str else ""
    return f"Series{name} of {len(series)} {_dtype(series.dtype)}{some}"


def _index(index: Any, _: bool) -> str:  # noqa: FBT001
    return f"{_class(type(index))} of {len(index)} {_dtype(index.dtype)}"


def _array(array: Any, values: bool) -> str:  # noqa: FBT001
    some = _some(array[:_VALUES].tolist()) if values and array.ndim == 1 else ""
    return f"ndarray {_shape(array.shape)} {_dtype(array.dtype)}{some}"


def _tensor(tensor: Any, values: bool) -> str:  # noqa: FBT001
    some = _some(tensor[:_VALUES].tolist()) if values and tensor.ndim == 1 and tensor.is_cpu else ""
    return f"{type(tensor).__name__} {_shape(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}{some}"


#: Where a class is, under which name, and who tells it. They are never imported here.
_KNOWN: tuple[tuple[str, str, Callable[[Any, bool], str]], ...] = (
    ("pandas", "DataFrame", _frame),
    ("pandas", "Series", _series),
    ("pandas", "Index", _index),
    ("pandas", "RangeIndex", _index),
    ("pandas", "DatetimeIndex", _index),
    ("numpy", "ndarray", _array),
    ("torch", "Tensor", _tensor),
    ("torch.nn", "Parameter", _tensor),
)


def _signature(function: FunctionType) -> str:
    """Names of parameters, from the code itself; a default is data, and an annotation may be code to run."""
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
    # A class keeps its own in its dictionary; asking a metaclass could run anything.
    doc = of.__doc__ if type(of) is FunctionType else type.__dict__["__dict__"].__get__(of).get("__doc__")
    first = doc.strip().partition("\n")[0] if type(doc) is str else ""
    return f": {first}" if first else ""


def _class(kind: type) -> str:
    """The name of a class, past what its metaclass may make of it."""
    return type.__dict__["__name__"].__get__(kind)


def _shape(shape: Iterable[int]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _dtype(dtype: Any) -> str:
    return str(dtype)[:24]


def _some(items: list[object]) -> str:
    """The first values, as far as they are plain."""
    shown = [_shown(item) for item in items if type(item) in _SCALARS]
    return f" ({', '.join(shown)}, …)" if shown else ""


def _shown(value: object) -> str:
    if isinstance(value, str | bytes):
        value = value[:_LONGEST_VALUE]
    elif isinstance(value, int) and value.bit_length() > 100:
        return "…"
    return repr(value)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
