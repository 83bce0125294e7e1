"""Which attributes the code of a class sets, also where decorators and helpers hide it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import pytest

from cg2magic.grounding.grounding import Grounding


def validated(method):
    @functools.wraps(method)
    def checked(self, *args):
        return method(self, *args)

    return checked


def counted(method):
    def counting(*args):
        return method(*args)

    return counting


def check(estimator, x):
    _count(estimator, x)


def _count(estimator, x):
    estimator.n_seen_ = len(x)


class Scaler:
    """As those of scikit-learn: `fit` is decorated, and gives the object to a function."""

    unit: str

    def __init__(self, *, centred=True):
        self.centred = centred

    @validated
    def fit(self, x):
        check(self, x)
        self.mean_ = sum(x)
        return self

    @counted
    def reset(self):
        self.resets = 1

    @property
    def scale(self):
        self.scale_ = 1
        return self.scale_

    @classmethod
    def shared(cls):
        cls.pool = {}

    def later(self):
        def inner():
            self.inner_ = 1

        inner()


class Decorated:
    @validated
    def __init__(self):
        self.hidden = 1


class Delegates:
    def __init__(self, **given):
        self.load(given)

    def load(self, given):
        for name, value in given.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class Frozen:
    side: int


def names(code: str, **namespace: object) -> set[str] | None:
    found = Grounding(namespace).follow(code).allowed()
    return None if found is None else {name.decode() for name in found[1].names}


@pytest.mark.parametrize(
    "name", ["mean_", "n_seen_", "resets", "scale_", "pool", "inner_", "unit", "centred", "fit"]
)
def test_what_fitting_will_set_is_there_before_it_is_fitted(name):
    for there in (names("y = scaler.", scaler=Scaler()), names("y = Scaler().", Scaler=Scaler)):
        assert name in there
        assert "mean" not in there


def test_what_a_decorated_constructor_sets_is_there():
    assert "hidden" in names("y = Decorated().", Decorated=Decorated)


def test_of_a_class_that_sets_attributes_by_text_all_may_exist():
    assert names("y = Delegates(a=1).", Delegates=Delegates) is None
    assert names("y = Frozen(1).", Frozen=Frozen) is None
    assert "side" in names("y = frozen.", frozen=Frozen(1))
    scope = {"__name__": "__main__"}
    exec("class Mine:\n    def load(self, given):\n        vars(self).update(given)", scope)
    assert names("y = mine.", mine=scope["Mine"]()) is None  # it may be loaded by then


def test_what_class_methods_set_is_there_on_the_class():
    assert "pool" in names("y = Scaler.", Scaler=Scaler)
    assert "mean_" not in names("y = Scaler.", Scaler=Scaler)
