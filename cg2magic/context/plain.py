"""What can be said about classes and values without running anybody's code."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

SCALARS = (int, float, bool, complex, str, bytes, type(None))
#: How many values of a sequence or a column are shown, and how many characters of each.
VALUES = 3
_LONGEST_VALUE = 40

#: Libraries whose dtypes describe themselves without running anybody else's code.
_LIBRARIES = frozenset(("numpy", "pandas", "torch", "pyarrow", "geopandas", "xarray", "dask"))


def class_name(kind: type) -> str:
    """The name of a class, read past its metaclass."""
    return type.__dict__["__name__"].__get__(kind)


def module_name(kind: type) -> str:
    """The module that a class says it is from; empty if that is not a name."""
    name = type.__dict__["__module__"].__get__(kind)
    return name if type(name) is str else ""


def is_class_of(kind: type, module: str, name: str) -> bool:
    """Whether a class is the one of that name in a module that is already imported."""
    there = sys.modules.get(module)
    # Neither a lazy module nor its `__getattr__` may import anything now.
    return (
        issubclass(type(there), ModuleType)
        and ModuleType.__getattribute__(there, "__dict__").get(name) is kind
    )


def is_of_library(kind: type) -> bool:
    """Whether a class really is one of a known library's own."""
    module = module_name(kind)
    return module.partition(".")[0] in _LIBRARIES and is_class_of(kind, module, class_name(kind))


def is_known_dtype(of: Any) -> bool:
    """Whether a dtype is a known library's, so that its text and values run no code of a person."""
    kind = type(of)
    bases = type.__dict__["__mro__"].__get__(kind)
    return is_of_library(kind) or any(is_class_of(base, "numpy", "dtype") for base in bases)


def dtype(of: Any) -> str:
    """A dtype in its library's words; a person's own is named by its class."""
    return str(of)[:24] if is_known_dtype(of) else class_name(type(of))


def shape(of: Iterable[int]) -> str:
    """Format a shape: ``2×3``."""
    return "×".join(map(str, of)) or "scalar"


def some(items: list[object]) -> str:
    """Those of the first values that are plain."""
    plain = [shown(item) for item in items if type(item) in SCALARS]
    return f" ({', '.join(plain)}, …)" if plain else ""


def shown(value: object) -> str:
    """One plain value, cut if it is long."""
    if isinstance(value, str | bytes):
        value = value[:_LONGEST_VALUE]
    elif isinstance(value, int) and value.bit_length() > 100:
        return "…"
    return repr(value)
