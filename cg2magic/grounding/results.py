"""What calls and selections give, where that is sure: listed methods of exact classes, and classes.

Nothing is called. A result that has some of a table's columns counts as the table.
"""

from __future__ import annotations

from abc import ABCMeta
from typing import cast

from cg2magic.context.plain import is_class_of
from cg2magic.grounding import objects, tables
from cg2magic.grounding.objects import MISSING, Known


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Methods of a pandas frame, and of one that is grouped, whose result has no other columns.
_FRAME = _listed(
    "abs astype bfill copy corr cov describe drop drop_duplicates dropna ffill fillna head isna isnull "
    "nlargest notna notnull nsmallest query round sample sort_index sort_values tail"
)
_GROUPED = _listed("count first last max mean median min nunique std sum var")
#: Methods of a pandas series, and of its texts, whose result is a series with some of the same labels.
_SERIES = _listed(
    "abs astype bfill clip copy cumsum diff drop_duplicates dropna ffill fillna head isin isna isnull notna "
    "notnull pct_change rank round sample shift sort_index sort_values tail"
)
_TEXTS = _listed(
    "capitalize casefold contains count endswith fullmatch len lower lstrip match pad replace rstrip slice "
    "startswith strip title upper zfill"
)

#: What runs when an object is made.
_CONSTRUCTORS = ("__init__", "__post_init__")


def of_method(known: Known, method: str) -> Known | None:
    """Return what a method gives; None where that is not sure."""
    kind = known.kind
    if tables.is_pandas(kind) and known.value is not MISSING:
        if method == "groupby":
            return Known(objects.imported_class(tables.GROUPS, "DataFrameGroupBy"), source=known.value)
        return known if method in _FRAME else None
    if tables.is_groups(kind) and method in _GROUPED:
        return Known.of(tables.grouped_frame(known))
    if is_class_of(kind, "pandas", "Series") and method in _SERIES:
        return tables.unlabelled(known)
    if is_class_of(kind, "pandas.core.strings.accessor", "StringMethods") and method in _TEXTS:
        return Known(objects.imported_class("pandas", "Series"))
    return None


def of_class(known: Known) -> Known | None:
    """Return what calling a class gives: an object of it, if its class lets one see its attributes."""
    kind, value = known.kind, known.value
    if not objects.is_one_of(kind, (type, ABCMeta)) or value is MISSING:
        return None
    made = cast("type", value)
    plain = objects.class_entry(made, "__new__") is object.__new__
    ours = kind is type or objects.class_entry(kind, "__call__") is type.__dict__["__call__"]
    return Known(made) if plain and ours and not objects.may_set_by_text(made, _CONSTRUCTORS) else None


def of_selection(known: Known) -> Known | None:
    """Return what rows, or some columns, of a table are."""
    if tables.is_pandas(known.kind) or tables.is_groups(known.kind):
        return known
    return tables.unlabelled(known) if is_class_of(known.kind, "pandas", "Series") else None
