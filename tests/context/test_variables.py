"""What is told of variables: type and shape, never data, and never at the price of running their code."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest
import torch

from cg2magic.context.variables import describe

SECRET = "a-secret"


class Hostile:
    """Says what it is asked with an error, and would say who asked."""

    asked: list[str] = []  # noqa: RUF012

    def _refuse(self, *_: object) -> object:
        self.asked.append("something")
        raise RuntimeError("leave me alone")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __hash__ = __eq__ = __getattr__ = _refuse
    __class__ = property(_refuse)
    shape = dtype = columns = __doc__ = property(_refuse)


class HostileMeta(type):
    def __getattribute__(cls, name: str) -> object:
        raise RuntimeError(name)

    def __repr__(cls) -> str:
        raise RuntimeError


class OfHostile(metaclass=HostileMeta):
    """Of a class that refuses too."""


class Frame(pd.DataFrame):
    """A table of somebody's own, whose shape may take minutes."""

    @property
    def shape(self):
        raise RuntimeError


def told(value, **options):
    (line,) = describe(["it"], {"it": value}, **options)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return line.removeprefix("# ").removesuffix("\n")


def clean(df, columns=SECRET, *rest, how=SECRET, **more):
    """Drop what is empty.

    And more.
    """


def named(a, *, b):
    return a, b


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            pd.DataFrame({"survived": [0, 1], "age": [2.5, 3]}),
            "it: DataFrame 2×2: survived int64, age float64",
        ),
        (pd.Series([1, 2], name="n"), "it: Series n of 2 int64"),
        (pd.RangeIndex(5), "it: RangeIndex of 5 int64"),
        (np.zeros((100, 3)), "it: ndarray 100×3 float64"),
        (np.zeros(()), "it: ndarray scalar float64"),
        (torch.zeros(2, 3), "it: Tensor 2×3 float32"),
        (torch.nn.Parameter(torch.zeros(2)), "it: Parameter 2 float32"),
        (clean, "it(df, columns=…, *rest, how=…, **more): Drop what is empty."),
        (named, "it(a, *, b)"),
        ([SECRET] * 3, "it: list of 3"),
        ({SECRET: SECRET}, "it: dict of 1"),
        (SECRET, "it: str"),
        (5, "it: int"),
        (None, "it: NoneType"),
        (Frame({"a": [1]}), "it: Frame"),
        (threading.Lock(), "it: lock"),
    ],
)
def test_a_variable_is_one_line_of_type_and_shape(value, line):
    assert told(value) == line
    assert SECRET not in told(value)


def test_an_object_that_refuses_everything_is_told_by_its_class_and_never_asked():
    assert told(Hostile()) == "it: Hostile"
    assert told(OfHostile()) == "it: OfHostile"
    assert told(OfHostile) == "class it: Of a class that refuses too."
    assert told([1, "b", Hostile(), 4], values=True) == "it: list of 4 (1, 'b', …)"
    assert Hostile.asked == []


def test_modules_private_names_and_those_of_the_shell_are_not_told():
    assert describe(["np", "_x", "In", "nothing"], {"np": np, "_x": 1, "In": []}) == ()


def test_a_wide_table_is_told_by_its_first_columns():
    wide = pd.DataFrame(np.zeros((1, 5000)), columns=[f"column {i}" for i in range(5000)])
    line = told(wide)
    assert line.startswith("it: DataFrame 1×5000: column 0 float64, column 1 float64")
    assert line.endswith("…")
    assert len(line) < 250


def test_labels_that_are_no_plain_values_are_left_out_and_newlines_do_not_break_the_comment():
    frame = pd.DataFrame([[1, 2, 3]], columns=[("a", "b"), "two\nlines", 7])
    assert told(frame) == "it: DataFrame 1×3: two lines int64, 7 int64, …"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (5, "it: int = 5"),
        ("x" * 100, f"it: str = {'x' * 40!r}"),
        (10**100, "it: int = …"),
        (np.arange(5), "it: ndarray 5 int64 (0, 1, 2, …)"),
        (pd.DataFrame({"a": [1, 2]}), "it: DataFrame 2×1: a int64 (1, 2, …)"),
        (torch.arange(4), "it: Tensor 4 int64 (0, 1, 2, …)"),
    ],
)
def test_values_are_told_where_they_are_asked_for(value, line):
    assert told(value, values=True) == line
