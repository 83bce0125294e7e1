"""What a kernel may hold, the friendly and the hostile, for the tests of the names in it."""

from __future__ import annotations

import argparse
import enum
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd


class Model:
    """As those of scikit-learn: what is fitted comes later."""

    def __init__(self, *, alpha: float = 1.0, fit_intercept: bool = True) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept

    def fit(self, x, y, *, weights=None):
        self.coef_ = x, y, weights
        return self

    @property
    def score(self):
        raise AssertionError("a property was run")


class Slots:
    __slots__ = ("left", "right")


class Colour(enum.Enum):
    RED = 1


class Hostile:
    """Whoever asks it for anything leaves a trace."""

    asked: list[str] = []  # noqa: RUF012

    def _refuse(self, *of: object) -> object:
        self.asked.append(str(of))
        time.sleep(60)
        Path("gone").unlink()
        raise RuntimeError("leave me alone")

    __repr__ = __len__ = __iter__ = __bool__ = __hash__ = __eq__ = __getattr__ = __getitem__ = _refuse
    __dir__ = __contains__ = keys = __get__ = __call__ = _refuse
    __class__ = columns = index = __dict__ = __all__ = __doc__ = property(_refuse)


class HostileMeta(type):
    def __getattribute__(cls, name: str) -> object:
        Hostile.asked.append(name)
        raise RuntimeError(name)

    __eq__ = __hash__ = __instancecheck__ = __subclasscheck__ = __dir__ = __getattribute__


class OfHostile(metaclass=HostileMeta):
    pass


def plain(first, second=1, /, third=2, *rest, fourth=3):
    return first, second, third, rest, fourth


def anything(first, **more):
    return first, more


def wrapped():
    """Its signature is somebody else's word."""


wrapped.__wrapped__ = plain


class Sets:
    def __init__(self, **given):
        for name, value in given.items():
            setattr(self, name, value)


PEOPLE = pd.DataFrame({"name": ["Ada"], "born in": [1815], "it's": [1], "ünï": [2], 3: [0]}, index=[7])
NAMESPACE = {
    "np": np,
    "df": PEOPLE,
    "series": pd.Series([1, 2], index=["low", "high"]),
    "settings": {"depth": {"max": 1, "min": 0}, "a\\b": 1, 'say "x"': 2, "two\nlines": 3, 4: 5},
    "model": Model(),
    "Model": Model,
    "slots": Slots(),
    "Colour": Colour,
    "array": np.zeros(3),
    "plain": plain,
    "anything": anything,
    "wrapped": wrapped,
    "options": argparse.Namespace(depth=1),
    "records": [{"one": 1, "two": 2}],
    "grid": np.array([[None, 1]], dtype=object),
    "grouped": PEOPLE.groupby("name"),
    "deep": pd.DataFrame({"price": [1]}, pd.MultiIndex.from_tuples([("a", 1)], names=["outer", "inner"])),
    "ordered": OrderedDict(first=1),
    "Sets": Sets,
    "hostile": Hostile(),
    "OfHostile": OfHostile,
    "ofhostile": OfHostile(),
}
