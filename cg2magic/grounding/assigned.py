"""Which attributes the code of a class sets: ``fit`` sets ``self.coef_``. It is read from the bytecode.

What a decorator wraps is read as well, and so are functions that are called by their names, because
``validate_data(self, x)`` may set attributes, too. What is found is too much rather than too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from opcode import opmap
from types import CodeType, FunctionType
from typing import Any, cast

#: The most functions that are read for a class, and how many calls they may be away from its methods.
_MOST, _FAR = 2_000, 2
#: What a function uses that may set attributes whose names it does not write out.
_BY_TEXT = frozenset(("setattr", "__setattr__", "__dict__", "vars"))
_STORE_ATTR, _EXTENDED = opmap["STORE_ATTR"], opmap["EXTENDED_ARG"]


def assigned(held: Iterable[object]) -> frozenset[str]:
    """Return the names of attributes that are set by the functions among what classes hold."""
    codes = (code for function in _reached(held) for code in _codes(function.__code__))
    return frozenset(name for code in codes for name in _stored(code))


def is_assigned_by_text(held: Iterable[object], own: Mapping[str, object] | None = None) -> bool:
    """Whether functions may set attributes whose names they do not write out.

    Parameters
    ----------
    held : iterable of object
        The functions, among other things.
    own : mapping, optional
        Methods that they may call on their own object.
    """
    codes = (code for function in _reached(held, own) for code in _codes(function.__code__))
    return any(not _BY_TEXT.isdisjoint(code.co_names) for code in codes)


def _reached(held: Iterable[object], own: Mapping[str, object] | None = None) -> Iterator[FunctionType]:
    """Yield functions, what they wrap, and the functions that they call by name."""
    seen: set[int] = set()
    level = [function for value in held for function in _functions(value)]
    for _ in range(_FAR + 1):
        following: list[FunctionType] = []
        for function in level:
            if id(function) in seen or len(seen) == _MOST:
                continue
            seen.add(id(function))
            yield function
            following += _named(function, own or {})
        level = following


def _functions(value: object) -> Iterator[FunctionType]:
    """The functions that make up a method, a property or a class method, with what decorators wrap."""
    kind, inner = type(value), cast("Any", value)
    if kind is property:
        parts = [inner.fget, inner.fset, inner.fdel]
    elif kind is classmethod or kind is staticmethod:
        parts = [inner.__func__]
    else:
        parts = [value]
    seen: set[int] = set()
    while parts and len(seen) < _MOST:
        part = parts.pop()
        if type(part) is FunctionType and id(part) not in seen:
            seen.add(id(part))
            yield part
            parts += _wrapped(part)


def _wrapped(function: FunctionType) -> Iterator[object]:
    """What a decorator wraps: it is in the cells of the function that it made."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # nothing yet
            continue


def _named(function: FunctionType, own: Mapping[str, object]) -> Iterator[FunctionType]:
    """Functions that a function may call by name."""
    names = function.__globals__
    among = (names, own) if type(names) is dict else (own,)
    for name in function.__code__.co_names:
        for held in among:
            if name in held:
                yield from _functions(held[name])


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions inside of it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from _codes(constant)


def _stored(code: CodeType) -> Iterator[str]:
    """Yield the names of attributes that a function sets, whatever on."""
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    at = operations.find(_STORE_ATTR)
    while at >= 0:
        begin = at
        while begin and operations[begin - 1] == _EXTENDED:
            begin -= 1
        argument = int.from_bytes(arguments[begin : at + 1], "big")
        if argument < len(code.co_names):
            yield code.co_names[argument]
        at = operations.find(_STORE_ATTR, at + 1)
