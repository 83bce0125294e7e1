"""The columns of tables whose libraries are known here, and the names that are attributes because of them.

A table is recognized by its exact class, as in `context.frames`, and only its names are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cg2magic.context.plain import class_name, is_class_of
from cg2magic.grounding.objects import (
    MISSING,
    MOST,
    Known,
    imported_class,
    set_by_methods,
    short_texts,
    type_attributes,
)

#: Where pandas has the classes of groups.
GROUPS = "pandas.core.groupby.generic"


def columns(known: Known) -> frozenset[str] | None:
    """Return the columns of a table that are text; None if it is no table known here, or too wide."""
    name = class_name(known.kind)
    for module, read in _READERS.get(name, ()):
        value = grouped_frame(known) if is_groups(known.kind) else known.value
        if value is not MISSING and is_class_of(known.kind, module, name):
            listed = read(value)
            return None if listed is None else short_texts(listed)
    return None


def levels(known: Known) -> frozenset[str]:
    """Return the names of the levels of a pandas frame's index."""
    if not is_pandas(known.kind):
        return frozenset()
    frame: Any = known.value
    return short_texts(frame.index.names) or frozenset()


def has_several_levels(known: Known) -> bool:
    """Whether a row of a pandas frame may have more than one label."""
    frame: Any = known.value
    return is_pandas(known.kind) and is_class_of(type(frame.index), "pandas", "MultiIndex")


def is_pandas(kind: type) -> bool:
    """Whether it is a frame of pandas, or of geopandas."""
    return is_class_of(kind, "pandas", "DataFrame") or is_class_of(kind, "geopandas", "GeoDataFrame")


def is_groups(kind: type) -> bool:
    """Whether it is a pandas frame that is grouped."""
    return is_class_of(kind, GROUPS, "DataFrameGroupBy")


def is_of_pandas(kind: type) -> bool:
    """Whether it is a frame or a series of pandas, or one that is grouped."""
    groups = is_groups(kind) or is_class_of(kind, GROUPS, "SeriesGroupBy")
    return groups or is_pandas(kind) or is_class_of(kind, "pandas", "Series")


def attributes(known: Known) -> frozenset[str] | None:
    """Return the attributes of a pandas frame or series; None for others, or if not all can be seen."""
    kind = known.kind
    if is_pandas(kind) or is_groups(kind):
        found = columns(known)
        return None if found is None else frozenset((*type_attributes(kind), *found))
    if is_class_of(kind, GROUPS, "SeriesGroupBy") and known.value is MISSING:
        return type_attributes(kind) | set_by_methods(kind)
    if is_class_of(kind, "pandas", "Series"):
        # Labels are attributes, too.
        found = frozenset() if known.value is MISSING else labels(known.value)
        return None if found is None else frozenset((*type_attributes(kind), *found))
    return None


def column(known: Known, name: str) -> Known | None:
    """Return what a column is: its class, without the data."""
    grouped = is_groups(known.kind)
    frame: Any = grouped_frame(known) if grouped else known.value
    if frame is MISSING or not (grouped or is_pandas(known.kind)):
        return None
    found = columns(known)
    if found is None or name not in found or not frame.columns.is_unique or labels(frame) != frozenset():
        return None
    return Known(imported_class(GROUPS, "SeriesGroupBy") if grouped else imported_class("pandas", "Series"))


def grouped_frame(known: Known) -> object:
    """Return the frame that is grouped."""
    groups: Any = known.value
    return known.source if groups is MISSING else groups.obj


def unlabelled(known: Known) -> Known | None:
    """Return a series as its class; None if its labels may be attributes."""
    return Known(known.kind) if known.value is MISSING or labels(known.value) == frozenset() else None


def labels(of: Any) -> frozenset[str] | None:
    """The labels of a pandas object that are text."""
    index = of.index
    if not is_class_of(type(index), "pandas", "Index"):
        return frozenset()  # of numbers or dates
    return short_texts(index.tolist()) if len(index) <= MOST else None


def _pandas(frame: Any) -> Iterable[object] | None:
    index = frame.columns
    plain = is_class_of(type(index), "pandas", "Index") and len(index) <= MOST
    return index.tolist() if plain else None


def _polars(frame: Any) -> Iterable[object] | None:
    return frame.columns if frame.width <= MOST else None


def _arrow(table: Any) -> Iterable[object] | None:
    return table.column_names if table.num_columns <= MOST else None


def _xarray(dataset: Any) -> Iterable[object] | None:
    return list(dataset.variables) if len(dataset.variables) <= MOST else None


def _dask(frame: Any) -> Iterable[object] | None:
    return _pandas(frame._meta)  # noqa: SLF001 - an empty pandas frame


_READERS: dict[str, tuple[tuple[str, Callable[[Any], Iterable[object] | None]], ...]] = {
    "DataFrame": (("pandas", _pandas), ("polars", _polars), ("dask.dataframe", _dask)),
    "DataFrameGroupBy": ((GROUPS, _pandas),),
    "GeoDataFrame": (("geopandas", _pandas),),
    "Table": (("pyarrow", _arrow),),
    "Dataset": (("xarray", _xarray),),
}
