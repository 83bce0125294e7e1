"""What an object has, without running any code of its own: exact types, and the dictionaries of classes.

No property, no ``__getattr__``, no ``__getitem__`` and no ``__dir__`` is called. Where one of these could add
names that nobody can see, there is no answer (None), because then any name may exist.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABCMeta
from collections.abc import Iterable
from dataclasses import dataclass
from enum import EnumMeta
from types import FunctionType, GetSetDescriptorType, MethodType, ModuleType
from typing import Any, Final, cast

from cg2magic.context.plain import is_class_of
from cg2magic.grounding.assigned import assigned, is_assigned_by_text

#: The most names of an object; with more there is no answer.
MOST = 10_000
#: The longest name.
LONGEST = 100

_METACLASSES = (type, ABCMeta, EnumMeta)


class _Missing:
    """Stands for what is not there."""


MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Known:
    """An object, or no more than its class.

    Attributes
    ----------
    kind : type
    value : object
        `MISSING` if only the class is known.
    is_method : bool
        Whether it is a function that will be called with one argument more, `self`.
    source : object
        For the groups of a table, the table.
    """

    kind: type
    value: object = MISSING
    is_method: bool = False
    source: object = MISSING

    @classmethod
    def of(cls, value: object) -> Known:
        """Describe an object."""
        return cls(type(value), value)


def is_one_of(kind: type, classes: tuple[type, ...]) -> bool:
    """Whether a class is one of these; past its metaclass, which may have an ``__eq__``."""
    return any(kind is each for each in classes)


def mro(kind: type) -> tuple[type, ...]:
    """Return the classes that a class inherits from, past its metaclass."""
    return type.__dict__["__mro__"].__get__(kind)


def own(kind: type) -> dict[str, object]:
    """Return what a class defines itself, past its metaclass."""
    return type.__dict__["__dict__"].__get__(kind)


def entry(names: dict[Any, object], wanted: str) -> object:
    """Look a name up; by walking, because a key that is no text may have an ``__eq__`` of its own."""
    for name, value in list(names.items()):
        if type(name) is str and name == wanted:
            return value
    return MISSING


def class_entry(kind: type, name: str) -> object:
    """Return what a class has under a name, itself or from a base, unbound; `MISSING` if it has nothing."""
    return next((own(base)[name] for base in mro(kind) if name in own(base)), MISSING)


def instance_names(known: Known) -> dict[Any, object] | None:
    """Return an object's own ``__dict__``, if it has a genuine one."""
    for base in mro(known.kind):
        found = own(base).get("__dict__")
        if found is not None:
            genuine = type(found) is GetSetDescriptorType and known.value is not MISSING
            names = cast("Any", found).__get__(known.value) if genuine else None
            return names if type(names) is dict else None
    return None


def _finds_by_itself(kind: type) -> bool:
    """Whether a class looks attributes up in a way of its own."""
    if class_entry(kind, "__getattr__") is not MISSING:
        return True
    for base in mro(kind):
        if "__getattribute__" in own(base):
            return not (is_one_of(base, _PLAIN) or is_class_of(base, "numpy", "ndarray"))
    return True


#: Types written in C whose ``__getattribute__`` is the usual one.
_PLAIN = (object, type, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range, slice)


def attributes(known: Known) -> frozenset[str] | None:
    """Return the names of an object's attributes; None if there may be more than can be seen."""
    kind = known.kind
    if kind is ModuleType:
        return module_attributes(cast("ModuleType", known.value))
    if issubclass(kind, type):
        is_plain = is_one_of(kind, _METACLASSES) and known.value is not MISSING
        return _class_attributes(cast("type", known.value)) if is_plain else None
    if issubclass(kind, ModuleType) or _finds_by_itself(kind):
        return None
    names = type_attributes(kind) | set_by_methods(kind)
    there = instance_names(known)
    found = names if there is None else frozenset((*names, *texts(there)))
    return found if len(found) <= MOST else None


def type_attributes(kind: type) -> frozenset[str]:
    """Return the names that a class gives to its objects."""
    return frozenset().union(*(texts(own(base)) for base in mro(kind)))


def set_by_methods(kind: type) -> frozenset[str]:
    """Return the names of attributes that a class's methods set, or that it only annotates."""
    bases = [own(base) for base in mro(kind)]
    annotated = (names for base in bases if type(names := base.get("__annotations__")) is dict)
    return assigned(value for base in bases for value in list(base.values())).union(*map(texts, annotated))


def may_set_by_text(kind: type, methods: Iterable[str] = ()) -> bool:
    """Whether methods may set attributes whose names they do not write out: these, or most."""
    bases = [own(base) for base in mro(kind) if base is not object]
    named = frozenset(methods)
    items = [(name, value) for base in bases for name, value in list(base.items()) if type(name) is str]
    held = [value for name, value in items if (name in named if named else not name.startswith("__"))]
    inherited = {name: value for base in reversed(bases) for name, value in list(base.items())}
    return is_assigned_by_text(held, inherited)


def _class_attributes(kind: type) -> frozenset[str] | None:
    metaclass = type(kind)
    names: set[str] = set()
    for base in (*mro(kind), *mro(metaclass)):
        names.update(texts(own(base)))
    members = own(kind).get("_member_map_") if metaclass is EnumMeta else None
    if type(members) is dict:
        names.update(texts(members))
    values = (value for base in mro(kind) for value in list(own(base).values()))
    return assigned(value for value in values if type(value) is classmethod) | names


def module_names(module: ModuleType) -> dict[Any, object]:
    """Return a module's dictionary, past its class."""
    return ModuleType.__getattribute__(module, "__dict__")


def module_attributes(module: ModuleType) -> frozenset[str] | None:
    """Return the names in a module; with those of its ``__all__`` if it gets some of them late."""
    names = module_names(module)
    found = texts(names)
    if "__getattr__" in found:
        public = entry(names, "__all__")
        if type(public) not in (list, tuple):
            return None
        found = frozenset((*found, *texts(cast("list[object]", public))))
    return found if len(found) <= MOST else None


def texts(names: Iterable[object]) -> frozenset[str]:
    """Return those names that really are text."""
    return frozenset(name for name in list(names) if type(name) is str)


def short_texts(names: Iterable[object]) -> frozenset[str] | None:
    """Return names that are text; None if there are too many, or if one is too long to be a name."""
    listed = list(names)
    found = texts(listed) if len(listed) <= MOST else frozenset()
    return None if len(listed) > MOST or any(len(name) > LONGEST for name in found) else found


def attribute(known: Known, name: str) -> Known | None:
    """Return what an attribute is, if that takes no code of the object's; None if it may."""
    kind, value = known.kind, known.value
    if kind is ModuleType:
        found = entry(module_names(cast("ModuleType", value)), name)
        return None if found is MISSING else Known.of(found)
    if is_one_of(kind, _METACLASSES) and value is not MISSING:
        return _unwrapped(class_entry(cast("type", value), name), bound=False)
    if issubclass(kind, (type, ModuleType)):
        return None
    there = instance_names(known)
    if there is not None and (found := entry(there, name)) is not MISSING:
        return None if class_entry(kind, name) is not MISSING else Known.of(found)
    return _unwrapped(class_entry(kind, name), bound=True)


def _unwrapped(found: object, *, bound: bool) -> Known | None:
    """What an attribute of a class gives, if it is a function or plain."""
    kind = type(found)
    if kind is staticmethod:
        return Known.of(cast("staticmethod[Any, Any]", found).__func__)
    if kind is classmethod:
        return Known(FunctionType, cast("Any", found).__func__, is_method=True)
    if kind is FunctionType:
        return Known(FunctionType, found, is_method=bound)
    if is_class_of(kind, "pandas.core.accessor", "CachedAccessor"):
        accessor = cast("Any", found)._accessor  # noqa: SLF001 - pandas' own: a class such as PlotAccessor
        # The accessor of dates chooses its class by the data.
        plain = type(accessor) is type and class_entry(accessor, "__new__") is object.__new__
        return Known(accessor) if plain else None
    if found is MISSING or class_entry(kind, "__get__") is not MISSING:
        return None
    return Known.of(found)


def keywords(known: Known) -> frozenset[str] | None:
    """Return the names of a call's keywords; None if it takes others, or if that is not plain."""
    value, skipped = known.value, int(known.is_method)
    if known.kind is MethodType:
        value, skipped = cast("MethodType", value).__func__, 1
    elif is_one_of(known.kind, (type, ABCMeta)) and value is not MISSING:
        kind = cast("type", value)
        if class_entry(kind, "__new__") is not object.__new__ or type(value).__call__ is not type.__call__:
            return None
        value, skipped = class_entry(kind, "__init__"), 1
    if type(value) is not FunctionType or instance_names(Known.of(value)) is None:
        return None
    if "__wrapped__" in value.__dict__ or "__signature__" in value.__dict__:
        return None
    code = value.__code__
    if code.co_flags & inspect.CO_VARKEYWORDS:
        return None
    first = max(skipped, code.co_posonlyargcount)
    return frozenset(code.co_varnames[first : code.co_argcount + code.co_kwonlyargcount])


def imported(module: str) -> ModuleType | None:
    """Return a module that is imported already, if it is an ordinary one."""
    found = sys.modules.get(module)
    return found if type(found) is ModuleType else None


def is_own_module(module: str) -> bool:
    """Whether a module is the person's own: the notebook itself, or a file that is not installed."""
    there = imported(module)
    file = None if there is None else entry(module_names(there), "__file__")
    installed = type(file) is not str or file.startswith((sys.prefix, sys.base_prefix))
    return module == "__main__" or not installed


def may_be_reloaded(module: str) -> bool:
    """Whether ``%autoreload`` may read a module anew before the cell runs: the person is writing it."""
    return module != "__main__" and "IPython.extensions.autoreload" in sys.modules and is_own_module(module)


def imported_class(module: str, name: str) -> type:
    """Return a class of a module that is imported."""
    return cast("type", module_names(sys.modules[module])[name])
