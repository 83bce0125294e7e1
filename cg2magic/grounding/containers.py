"""What is in dictionaries and sequences, and in objects of libraries that stand for another one.

Only exact classes count: of a class of somebody's own, looking up a key may run anything.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, cast

from cg2magic.context.plain import is_class_of
from cg2magic.grounding import objects
from cg2magic.grounding.objects import MISSING, MOST, Known


def keys(known: Known) -> frozenset[str] | None:
    """Return the keys of a dictionary that are text; None for others, or if there are too many."""
    held = _dictionary(known)
    return None if held is None or len(held) > MOST else objects.short_texts(held)


def item(known: Known, key: str) -> Known | None:
    """Return what a dictionary has under a key; None if there is no such key, or for others."""
    held = _dictionary(known)
    found = MISSING if held is None or len(held) > MOST else objects.entry(held, key)
    return None if found is MISSING else Known.of(found)


def element(known: Known, index: tuple[int, ...]) -> Known | None:
    """Return an element of a list, a tuple, or an array of objects, as ``plt.subplots`` gives it."""
    held = cast("Any", known.value)
    if known.value is MISSING:
        return None
    if objects.is_one_of(known.kind, (list, tuple)) and len(index) == 1:
        found = held[index[0]]
    elif is_class_of(known.kind, "numpy", "ndarray") and held.dtype.kind == "O" and held.ndim >= len(index):
        found = held[index]
    else:
        return None
    return Known.of(found)


def is_bunch(kind: type) -> bool:
    """Whether it is scikit-learn's dictionary whose keys are attributes."""
    return is_class_of(kind, "sklearn.utils", "Bunch")


def attributes(known: Known) -> frozenset[str] | None:
    """Return the attributes of scikit-learn's bunches and statsmodels' results; None for others."""
    kind = known.kind
    if is_bunch(kind):
        found = keys(known)
        return None if found is None else found | objects.type_attributes(kind)
    if any(is_class_of(base, "statsmodels.base.wrapper", "ResultsWrapper") for base in objects.mro(kind)):
        # It passes on what it does not have itself.
        names = objects.instance_names(known)
        results = MISSING if names is None else objects.entry(names, "_results")
        found = None if results is MISSING else objects.attributes(Known.of(results))
        return None if found is None else found | objects.type_attributes(kind)
    return None


def _dictionary(known: Known) -> dict[Any, object] | None:
    plain = objects.is_one_of(known.kind, (dict, OrderedDict))
    if known.value is MISSING or not (plain or is_bunch(known.kind)):
        return None
    return cast("dict[Any, object]", known.value)
