"""Frames of other libraries than pandas: by their own name, with their columns, and without touching data."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from cg2magic.context.variables import describe

SECRET = "a-secret"


def library(name, package=None):
    package = package or name.partition(".")[0]
    return pytest.importorskip(name, reason=f"{package} is not installed: pip install '{package}'")


def told(value, **options):
    (line,) = describe(["it"], {"it": value}, **options)
    assert SECRET not in line or options.get("values")
    return line.removeprefix("# it: ").removesuffix("\n")


def test_polars():
    pl = library("polars")
    frame = pl.DataFrame({"a": [1, 2], "b": [SECRET, "y"], "c": [[1], [2]]})
    assert told(frame) == "polars DataFrame 2×3: a Int64, b String, c List(Int64)"
    assert told(frame, values=True) == (
        "polars DataFrame 2×3: a Int64 (1, 2, …), b String ('a-secret', 'y', …), c List(Int64)"
    )
    assert told(frame["a"]) == "polars Series a of 2 Int64"
    assert told(pl.Series([1.5]), values=True) == "polars Series of 1 Float64 (1.5, …)"
    assert told(pl.DataFrame()) == "polars DataFrame 0×0"
    assert told(frame.with_columns(pl.col("b").cast(pl.Enum([SECRET, "y"])))).endswith(
        "b Enum, c List(Int64)"
    )


def test_a_wide_frame_of_polars_is_told_by_its_first_columns():
    pl = library("polars")
    line = told(pl.DataFrame({f"column {i}": [1] for i in range(5000)}))
    assert line.startswith("polars DataFrame 1×5000: column 0 Int64, column 1 Int64")
    assert line.endswith("…")
    assert len(line) < 250


def test_the_plan_of_a_lazy_frame_is_not_worked_on():
    pl = library("polars")
    asked = []

    def schema():
        asked.append("schema")
        raise RuntimeError

    plan = pl.LazyFrame({"a": [1]}).map_batches(lambda frame: asked.append(frame) or frame)
    assert told(plan, values=True) == "polars LazyFrame"
    register = library("polars.io.plugins").register_io_source
    assert told(register(lambda *_: asked.append("data"), schema=schema)) == "polars LazyFrame"
    assert asked == []


def test_pyarrow():
    pa = library("pyarrow")
    table = pa.table({"a": [1, 2], "b": [SECRET, "y"]})
    assert told(table) == "pyarrow Table 2×2: a int64, b string"
    assert told(table, values=True) == "pyarrow Table 2×2: a int64 (1, 2, …), b string ('a-secret', 'y', …)"
    assert told(table.to_batches()[0]) == "pyarrow RecordBatch 2×2: a int64, b string"
    assert told(table["a"]) == "pyarrow ChunkedArray of 2 int64"


def test_a_type_of_somebody_s_own_in_pyarrow_is_not_asked():
    pa = library("pyarrow")
    asked = []

    class Scalar(pa.ExtensionScalar):
        def as_py(self, **_):
            asked.append("value")

    class Money(pa.ExtensionType):
        def __init__(self):
            super().__init__(pa.int64(), "money")

        def __arrow_ext_serialize__(self):
            return b""

        @classmethod
        def __arrow_ext_deserialize__(cls, *_):
            return cls()

        def __arrow_ext_scalar_class__(self):
            return Scalar

        def __str__(self):
            asked.append("text")
            return SECRET

    array = pa.ExtensionArray.from_storage(Money(), pa.array([1, 2]))
    assert told(pa.table({"a": array}), values=True) == "pyarrow Table 2×1: a Money"
    assert asked == []


def test_xarray():
    xr = library("xarray")
    dataset = xr.Dataset(
        {"t": (("x", "y"), np.zeros((2, 3))), "n": ("x", [1, 2])},
        coords={"x": [10, 20], "lat": (("x", "y"), np.ones((2, 3)))},
    )
    assert told(dataset) == (
        "xarray Dataset (x 2, y 3): t(x, y) float64, n(x) int64; coords x(x) int64, lat(x, y) float64"
    )
    assert told(dataset.t, values=True) == (
        "xarray DataArray t (x 2, y 3) float64; coords x(x) int64, lat(x, y) float64"
    )
    assert told(xr.DataArray(np.zeros(3))) == "xarray DataArray (dim_0 3) float64"
    assert told(xr.Dataset()) == "xarray Dataset ()"


def test_an_array_of_somebody_s_own_in_xarray_is_not_asked():
    xr = library("xarray")
    asked = []

    class Duck:
        ndim = 1

        def __array_function__(self, *_):
            raise RuntimeError

        @property
        def shape(self):
            asked.append("shape")
            return (2,)

        @property
        def dtype(self):
            asked.append("dtype")
            return np.dtype(int)

    array = xr.DataArray(Duck(), dims="x", name="n")
    dataset = array.to_dataset()
    asked.clear()
    assert told(array) == "xarray DataArray n (x)"
    assert told(dataset) == "xarray Dataset (x 2): n(x)"
    assert asked == []


def test_geopandas():
    geopandas = library("geopandas")
    points = geopandas.points_from_xy([1, 2], [3, 4])
    frame = geopandas.GeoDataFrame({"name": [SECRET, "b"]}, geometry=points)
    assert told(frame) == "geopandas GeoDataFrame 2×2: name object, geometry geometry"
    assert told(frame.geometry) == "geopandas GeoSeries geometry of 2 geometry"


def test_dask_computes_nothing():
    dask = library("dask.dataframe", "dask[dataframe]")
    asked = []

    def read(number):
        asked.append(number)
        return pd.DataFrame({"a": [number]})

    frame = dask.from_map(read, [1, 2], meta=pd.DataFrame({"a": [0]}))
    assert told(frame, values=True) == "dask DataFrame ?×1: a int64"
    assert told(frame.a) == "dask Series a int64"
    assert asked == []


def test_duckdb_runs_no_query():
    duckdb = library("duckdb")
    asked = []
    connection = duckdb.connect()
    connection.create_function("ask", lambda n: asked.append(n) or n, ["BIGINT"], "BIGINT")
    relation = connection.sql(f"SELECT ask(i) AS n, 'x'::ENUM('x', '{SECRET}') AS e FROM range(3) t(i)")
    assert told(relation, values=True) == "duckdb DuckDBPyRelation ?×2: n BIGINT, e ENUM"
    assert asked == []


class LongType:
    """A stand-in, as all of Spark here: its releases take 400 MB and a Java. The names are theirs."""


class Field:
    def __init__(self, name, kind):
        self.name, self.dataType = name, kind


class Schema:
    fields = [Field("a", LongType()), Field("b", LongType())]  # noqa: RUF012


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("pyspark.sql.classic.dataframe", "pyspark DataFrame ?×2: a long, b long"),
        ("pyspark.sql.dataframe", "pyspark DataFrame ?×2: a long, b long"),
        ("pyspark.sql.connect.dataframe", "pyspark DataFrame"),
        ("pyspark.pandas.frame", "pyspark.pandas.frame.DataFrame"),
        ("modin.pandas.dataframe", "modin.pandas.dataframe.DataFrame"),
    ],
)
def test_frames_that_ask_a_server_are_told_by_what_they_have_at_hand(monkeypatch, module, line):
    class DataFrame:
        asked: list[str] = []  # noqa: RUF012

        @property
        def schema(self):
            if "connect" in module or "pandas" in module:
                self.asked.append("schema")
            return Schema()

        def __getattr__(self, name):
            self.asked.append(name)
            raise RuntimeError

    DataFrame.__module__ = module
    there = ModuleType(module)
    there.DataFrame = DataFrame
    monkeypatch.setitem(sys.modules, module, there)
    frame = DataFrame()
    assert told(frame, values=True) == line
    if "connect" in module:
        frame._cached_schema = Schema()
        assert told(frame) == "pyspark DataFrame ?×2: a long, b long"
    assert DataFrame.asked == []


def test_a_class_of_that_name_is_not_taken_for_the_library_s():
    class DataFrame:
        @property
        def columns(self):
            raise SystemExit

    line = told(DataFrame())
    assert line == f"{__name__}.DataFrame"
    DataFrame.__module__ = "polars.dataframe.frame"
    assert told(DataFrame()) == "polars.dataframe.frame.DataFrame"


def test_a_frame_that_can_not_be_read_keeps_its_name(monkeypatch):
    pl = library("polars")
    frame = pl.DataFrame({"a": [1]})
    monkeypatch.setattr(frame, "_df", None)
    assert told(frame) == "polars DataFrame"


def test_nothing_is_imported(monkeypatch):
    class Lazy(ModuleType):
        def __getattribute__(self, name):
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "polars", Lazy("polars"))
    monkeypatch.setitem(sys.modules, "dask.dataframe", 5)
    assert told(pd.DataFrame({"a": [1]})) == "DataFrame 1×1: a int64"
    assert told(type("DataFrame", (), {"__module__": "x"})()) == "x.DataFrame"
