"""From an open name to the names that exist: the resolver.

What was read is kept for the request: names, and no objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import cast

from cg2magic.context.plain import is_class_of, module_name
from cg2magic.grounding import containers, objects, results, tables
from cg2magic.grounding.column_arguments import FUNCTIONS
from cg2magic.grounding.objects import MISSING, MOST, Known
from cg2magic.grounding.receivers import OpenName, Receiver, StepKind

#: Modules of plain namespaces, whose objects are given attributes as one goes.
_OPEN = frozenset(("types", "argparse"))


class Names:
    """The names that exist in a namespace.

    Parameters
    ----------
    namespace : mapping
        The shell's variables by their names.
    """

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._found: dict[tuple[object, ...], frozenset[str] | None] = {}

    def of(self, name: OpenName) -> frozenset[str] | None:
        """Return the names that may stand where a name is open; None where that can't be told."""
        key = (name.kind, name.of, name.function, name.argument, name.begins)
        if key not in self._found:
            try:
                found = self._read(name)
            except Exception:  # noqa: BLE001 - whatever is in the kernel, the request continues
                found = None
            self._found[key] = found or None
        return self._found[key]

    def _read(self, name: OpenName) -> frozenset[str] | None:
        if name.kind == "import":
            return None if objects.may_be_reloaded(name.of.root) else _in_module(name.of.root)
        known = self._known(name.of)
        if known is None or (name.kind != "key" and objects.may_be_reloaded(_module_of(known))):
            return None
        if name.kind == "attribute":
            return _attributes(known, begins=name.begins)
        if name.kind == "keyword":
            return objects.keywords(known)
        if name.kind == "key":
            return _keys(known)
        if name.function is not None and not self._names_column(name.function, name.argument):
            return None
        found = tables.columns(known)
        if name.argument == "loc":
            return None if tables.has_several_levels(known) else found
        return None if found is None else found | tables.levels(known)

    def _known(self, receiver: Receiver) -> Known | None:
        """Follow a receiver; None as soon as a step would run code, or is not there."""
        value = self._namespace.get(receiver.root, MISSING)
        known = None if value is MISSING else Known.of(value)
        for kind, step in receiver.steps:
            if known is None:
                return None
            known = _after(known, kind, step)
        return known

    def _names_column(self, function: Receiver, keyword: str) -> bool:
        """Whether a keyword of a function names a column of the frame that it is given."""
        module = self._namespace.get(function.root)
        if not function.steps or type(module) is not ModuleType:
            return False
        name = objects.module_names(module).get("__name__")
        _, keywords = FUNCTIONS.get(name, ("", frozenset())) if type(name) is str else ("", frozenset())
        return keyword in keywords


def _module_of(known: Known) -> str:
    """The module that an object is, or that says what it has."""
    if known.kind is ModuleType:
        name = objects.module_names(cast("ModuleType", known.value)).get("__name__")
    elif known.kind is FunctionType and known.value is not MISSING:
        name = cast("FunctionType", known.value).__module__
    else:
        name = module_name(cast("type", known.value) if issubclass(known.kind, type) else known.kind)
    return name if type(name) is str else ""


def _attributes(known: Known, *, begins: bool) -> frozenset[str] | None:
    if tables.is_of_pandas(known.kind):
        return tables.attributes(known)
    found = containers.attributes(known) or objects.attributes(known)
    if objects.is_own_module(module_name(known.kind)) and objects.may_set_by_text(known.kind):
        return None  # as far as it is the person's own: libraries set what there is already
    return None if begins and found is not None and _may_get_attributes(known) else found


def _may_get_attributes(known: Known) -> bool:
    """Whether a statement may give an object new attributes: it is the person's, or made for it."""
    if known.value is MISSING:
        return False
    kind = cast("type", known.value) if issubclass(known.kind, type) else known.kind
    takes_any = kind is known.kind and type(objects.class_entry(known.kind, "__setattr__")) is FunctionType
    return known.kind is FunctionType or containers.is_bunch(kind) or takes_any or _is_open(module_name(kind))


def _is_open(module: str) -> bool:
    """Whether objects of a module's classes are given attributes as one goes, as the person's own are."""
    return module in _OPEN or objects.is_own_module(module)


def _keys(known: Known) -> frozenset[str] | None:
    if is_class_of(known.kind, "pandas", "Series") and known.value is not MISSING:
        return tables.labels(known.value)
    return containers.keys(known) or tables.columns(known)


def _after(known: Known, kind: StepKind, step: str) -> Known | None:
    """What a step leads to; None where that is not sure."""
    if kind == "attribute":
        return objects.attribute(known, step) or _item_by_attribute(known, step)
    if kind == "index":
        return containers.element(known, tuple(map(int, step.split(","))))
    if kind == "key":
        return _item(known, step)
    if kind == "part":
        return results.of_selection(known)
    if kind == "call":
        return results.of_class(known)
    found = results.of_method(known, step)
    if found is None and (called := objects.attribute(known, step)) is not None:
        found = results.of_class(called)
    return found


def _item_by_attribute(known: Known, name: str) -> Known | None:
    """What a column, or the entry of a bunch, is that is written as an attribute."""
    if objects.class_entry(known.kind, name) is not MISSING:
        return None
    return containers.item(known, name) if containers.is_bunch(known.kind) else tables.column(known, name)


def _item(known: Known, key: str) -> Known | None:
    return containers.item(known, key) or tables.column(known, key)


def _in_module(name: str) -> frozenset[str] | None:
    """What can be imported from a module: its names, and the modules in its folders."""
    module = objects.imported(name)
    found = None if module is None else objects.module_attributes(module)
    if module is None or found is None:
        return None
    folders = objects.module_names(module).get("__path__", [])
    if type(folders) is not list or not all(type(folder) is str for folder in folders):
        return None
    files = [file.name.partition(".")[0] for folder in folders for file in Path(folder).iterdir()]
    return found | {file for file in files if file.isidentifier()} if len(files) <= MOST else None
