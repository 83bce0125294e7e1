"""What can be told of classes and values without running anybody's code."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

SCALARS = (int, float, bool, complex, str, bytes, type(None))
#: Values that are told of a sequence or of a column, and characters of one of them.
VALUES = 3
_LONGEST_VALUE = 40

#: Libraries whose types of data say what they are without asking code of somebody else's.
_LIBRARIES = frozenset(("numpy", "pandas", "torch", "pyarrow", "geopandas", "xarray", "dask"))


def class_name(kind: type) -> str:
    """The name of a class, past what its metaclass may make of it."""
    return type.__dict__["__name__"].__get__(kind)


def module_name(kind: type) -> str:
    """The module that a class says it is of; empty where that is no name."""
    name = type.__dict__["__module__"].__get__(kind)
    return name if type(name) is str else ""


def is_class_of(kind: type, module: str, name: str) -> bool:
    """Whether a class is the one of that name in a module that is imported already."""
    there = sys.modules.get(module)
    # Neither a lazy module nor its `__getattr__` shall import anything now.
    return (
        issubclass(type(there), ModuleType)
        and ModuleType.__getattribute__(there, "__dict__").get(name) is kind
    )


def is_of_library(kind: type) -> bool:
    """Whether a class is truly one of a known library's own."""
    module = module_name(kind)
    return module.partition(".")[0] in _LIBRARIES and is_class_of(kind, module, class_name(kind))


def is_known_dtype(of: Any) -> bool:
    """Whether a type of data is a library's, whose text and values are no code of a person's."""
    kind = type(of)
    bases = type.__dict__["__mro__"].__get__(kind)
    return is_of_library(kind) or any(is_class_of(base, "numpy", "dtype") for base in bases)


def dtype(of: Any) -> str:
    """A type of data in its library's words; a person's own is told by its class."""
    return str(of)[:24] if is_known_dtype(of) else class_name(type(of))


def shape(of: Iterable[int]) -> str:
    """A shape as it is written: ``2×3``."""
    return "×".join(map(str, of)) or "scalar"


def some(items: list[object]) -> str:
    """The first values, as far as they are plain."""
    told = [shown(item) for item in items if type(item) in SCALARS]
    return f" ({', '.join(told)}, …)" if told else ""


def shown(value: object) -> str:
    """One plain value, cut where it is long."""
    if isinstance(value, str | bytes):
        value = value[:_LONGEST_VALUE]
    elif isinstance(value, int) and value.bit_length() > 100:
        return "…"
    return repr(value)
