"""Tables and arrays of the libraries known here: shape, columns and their types.

Objects are recognized by their exact classes, looked up in modules that are already imported. We read only
what an object has at hand: nothing is computed, read from a disk or requested from a server. So the rows of
lazy tables are not counted (``?×3``), and where even the columns depend on a plan, as in polars' LazyFrame,
only the class is named.

A class is named with its library, except those of pandas, numpy and torch, which a model assumes anyway. A
class that only shares a name with one of these, such as modin's DataFrame, is named with its module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from cg2magic.context.plain import (
    SCALARS,
    VALUES,
    class_name,
    dtype,
    is_class_of,
    is_known_dtype,
    is_of_library,
    module_name,
    shape,
    some,
)

#: The most columns of a table that are named.
_COLUMNS = 12
#: Libraries that need not be named.
_USUAL = frozenset(("pandas", "numpy", "torch"))


def described(value: object, *, values: bool) -> str:
    """What an object is: at least the name of its class."""
    kind = type(value)
    name = class_name(kind)
    for module, describe in _KNOWN.get(name, ()):
        if is_class_of(kind, module, name):
            library = module.partition(".")[0]
            label = name if library in _USUAL else f"{library} {name}"
            try:
                return f"{label} {describe(value, values)}".rstrip()
            except Exception:  # noqa: BLE001 - a closed file, a broken column: the class is known
                return label
    return f"{module_name(kind)}.{name}" if name in _KNOWN else name


def is_known(kind: type) -> bool:
    """Whether it is a class of the libraries known here."""
    name = class_name(kind)
    return any(is_class_of(kind, module, name) for module, _ in _KNOWN.get(name, ()))


def _table(rows: int | str, width: int, columns: list[str]) -> str:
    more = ["…"] if width > len(columns) else []
    return f"{rows}×{width}: {', '.join([*columns, *more])}".removesuffix(": ")


def _pandas_frame(frame: Any, values: bool) -> str:  # noqa: FBT001 - as `_KNOWN` calls it
    return _table(len(frame), frame.shape[1], _pandas_columns(frame, values=values))


def _pandas_columns(frame: Any, *, values: bool = False) -> list[str]:
    # A slice without rows: the dtypes of a wide table would be a table themselves.
    types = list(frame.iloc[:0, :_COLUMNS].dtypes)
    columns = []
    for i, (label, kind) in enumerate(zip(frame.columns[:_COLUMNS], types, strict=True)):
        if type(label) in SCALARS:
            sample = some(frame.iloc[:VALUES, i].tolist()) if values and is_known_dtype(kind) else ""
            columns.append(f"{label} {dtype(kind)}{sample}")
    return columns


def _pandas_series(series: Any, values: bool) -> str:  # noqa: FBT001
    sample = some(series.iloc[:VALUES].tolist()) if values and is_known_dtype(series.dtype) else ""
    return f"{_name(series.name)}of {len(series)} {dtype(series.dtype)}{sample}"


def _index(index: Any, _: bool) -> str:  # noqa: FBT001
    return f"of {len(index)} {dtype(index.dtype)}"


def _array(array: Any, values: bool) -> str:  # noqa: FBT001
    sample = some(array[:VALUES].tolist()) if values and array.ndim == 1 else ""
    return f"{shape(array.shape)} {dtype(array.dtype)}{sample}"


def _tensor(tensor: Any, values: bool) -> str:  # noqa: FBT001
    sample = some(tensor[:VALUES].tolist()) if values and tensor.ndim == 1 and tensor.is_cpu else ""
    return f"{shape(tensor.shape)} {dtype(tensor.dtype).removeprefix('torch.')}{sample}"


def _polars_frame(frame: Any, values: bool) -> str:  # noqa: FBT001
    columns = []
    for i, (label, kind) in enumerate(islice(zip(frame.columns, frame.dtypes, strict=True), _COLUMNS)):
        sample = some(frame.to_series(i).head(VALUES).to_list()) if values else ""
        columns.append(f"{label} {_polars_type(kind)}{sample}")
    return _table(frame.height, frame.width, columns)


def _polars_series(series: Any, values: bool) -> str:  # noqa: FBT001
    sample = some(series.head(VALUES).to_list()) if values else ""
    return f"{_name(series.name)}of {len(series)} {_polars_type(series.dtype)}{sample}"


def _polars_type(of: Any) -> str:
    """A type without most of its parameters: those of an Enum are data."""
    if type(of) is not type and class_name(type(of)) == "List":
        return f"List({_polars_type(of.inner)})"
    return class_name(of if isinstance(of, type) else type(of))


def _arrow_table(table: Any, values: bool) -> str:  # noqa: FBT001
    columns = []
    for i, field in enumerate(islice(table.schema, _COLUMNS)):
        # An extension type's values become Python's through code of its author.
        plain = values and is_known_dtype(field.type)
        sample = some(table.column(i).slice(0, VALUES).to_pylist()) if plain else ""
        columns.append(f"{field.name} {dtype(field.type)}{sample}")
    return _table(table.num_rows, table.num_columns, columns)


def _arrow_array(array: Any, values: bool) -> str:  # noqa: FBT001
    sample = some(array.slice(0, VALUES).to_pylist()) if values and is_known_dtype(array.type) else ""
    return f"of {len(array)} {dtype(array.type)}{sample}"


def _dask_frame(frame: Any, _: bool) -> str:  # noqa: FBT001
    meta = frame._meta  # noqa: SLF001 - an empty pandas frame; the public way may optimize the whole graph
    return _table("?", meta.shape[1], _pandas_columns(meta))


def _dask_series(series: Any, _: bool) -> str:  # noqa: FBT001
    meta = series._meta  # noqa: SLF001
    return f"{_name(meta.name)}{dtype(meta.dtype)}"


def _spark_frame(frame: Any, _: bool) -> str:  # noqa: FBT001
    # Spark resolved the columns when the frame was made; its driver is asked for them once.
    return _spark_columns(frame.schema)


def _remote_spark_frame(frame: Any, _: bool) -> str:  # noqa: FBT001
    # Spark Connect requests the columns from a server, unless somebody has done so before.
    schema = vars(frame).get("_cached_schema")
    return "" if schema is None else _spark_columns(schema)


def _spark_columns(schema: Any) -> str:
    fields = schema.fields
    columns = [
        f"{one.name} {class_name(type(one.dataType)).removesuffix('Type').lower()}"
        for one in fields[:_COLUMNS]
    ]
    return _table("?", len(fields), columns)


def _duckdb_relation(relation: Any, _: bool) -> str:  # noqa: FBT001
    types = [str(one).partition("(")[0] for one in relation.types[:_COLUMNS]]  # an ENUM's values are data
    columns = [f"{label} {kind}" for label, kind in zip(relation.columns, types, strict=False)]
    return _table("?", len(relation.columns), columns)


def _dataset(dataset: Any, _: bool) -> str:  # noqa: FBT001
    variables, coordinates = dataset.variables, set(dataset.coords)
    data = _variables((name, variables[name]) for name in variables if name not in coordinates)
    own = _variables((name, variables[name]) for name in variables if name in coordinates)
    text = f"({_sizes(dataset.sizes)}): {data}".removesuffix(": ")
    return f"{text}; coords {own}" if own else text


def _data_array(array: Any, _: bool) -> str:  # noqa: FBT001
    kind = _variable_type(array.variable)
    if not kind:
        return f"{_name(array.name)}({', '.join(map(str, array.dims))})"
    own = _variables((name, array.coords[name].variable) for name in array.coords)
    text = f"{_name(array.name)}({_sizes(array.sizes)}){kind}"
    return f"{text}; coords {own}" if own else text


def _sizes(sizes: Any) -> str:
    return ", ".join(f"{dim} {size}" for dim, size in sizes.items() if type(dim) in SCALARS)


def _variables(named: Iterator[tuple[Any, Any]]) -> str:
    """The variables of a dataset: ``t(time, x) float64``."""
    texts = [
        f"{name}({', '.join(map(str, variable.dims))}){_variable_type(variable)}"
        for name, variable in islice(named, _COLUMNS + 1)
        if type(name) in SCALARS and all(type(dim) in SCALARS for dim in variable.dims)
    ]
    return ", ".join([*texts[:_COLUMNS], "…"] if len(texts) > _COLUMNS else texts)


def _variable_type(variable: Any) -> str:
    """The type of its data, if they are in a known library's array: others would run code of their own."""
    data = variable._data  # noqa: SLF001 - the public way may read a file
    return f" {dtype(data.dtype)}" if is_of_library(type(data)) else ""


def _only_class(_: object, __: bool) -> str:  # noqa: FBT001
    return ""


def _name(name: object) -> str:
    return f"{name} " if name and type(name) is str else ""


_Describe = Callable[[Any, bool], str]

#: The classes of a name: the module of each, and what describes its objects.
_KNOWN: dict[str, tuple[tuple[str, _Describe], ...]] = {
    "DataFrame": (
        ("pandas", _pandas_frame),
        ("polars", _polars_frame),
        ("dask.dataframe", _dask_frame),
        ("pyspark.sql.classic.dataframe", _spark_frame),  # from Spark 4 on
        ("pyspark.sql.connect.dataframe", _remote_spark_frame),
        ("pyspark.sql.dataframe", _spark_frame),
    ),
    "LazyFrame": (("polars", _only_class),),
    "GeoDataFrame": (("geopandas", _pandas_frame),),
    "Series": (("pandas", _pandas_series), ("polars", _polars_series), ("dask.dataframe", _dask_series)),
    "GeoSeries": (("geopandas", _pandas_series),),
    "Index": (("pandas", _index),),
    "RangeIndex": (("pandas", _index),),
    "DatetimeIndex": (("pandas", _index),),
    "ndarray": (("numpy", _array),),
    "Tensor": (("torch", _tensor),),
    "Parameter": (("torch.nn", _tensor),),
    "Table": (("pyarrow", _arrow_table),),
    "RecordBatch": (("pyarrow", _arrow_table),),
    "ChunkedArray": (("pyarrow", _arrow_array),),
    "Dataset": (("xarray", _dataset),),
    "DataArray": (("xarray", _data_array),),
    "DuckDBPyRelation": (("duckdb", _duckdb_relation),),
}
