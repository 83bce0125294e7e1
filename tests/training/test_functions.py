"""Functions are cut out whole, with what they do and their examples, and without lists of parameters."""

from __future__ import annotations

import ast

from training.corpus import _to_learn_from
from training.extract import Document
from training.functions import functions

MODULE = '''"""A module."""

import math


def scaled(values, factor=2.0):
    """Return the values, each of them times a factor.

    Parameters
    ----------
    values : list of float
        What is scaled.

    Examples
    --------
    >>> scaled([1, 2])
    [2.0, 4.0]
    """
    return [factor * value for value in values]


def one_line(x):
    """Say in a single line of at least eight words what it does."""
    return math.sqrt(x)


def fields(x):
    """Return what is asked for and nothing else at all.

    :param x: a number
    """
    return x


def undocumented(x):
    return x


def terse(x):
    """Return x."""
    return x


def only_words():
    """Say much about what this does, and then do nothing."""


def on_its_line(x): return x


@cached
def decorated(x):
    """Return what it is given; whether it was cached is no matter."""
    return x


class Scaler:
    def scale(self):
        """Return the thing that a method returns, with self."""
        return self
'''


def test_a_function_keeps_what_it_does_and_its_examples():
    found = list(functions(MODULE))
    assert [ast.parse(one).body[0].name for one in found] == ["scaled", "one_line", "fields", "decorated"]
    assert "@" not in found[3]
    assert found[0] == (
        "def scaled(values, factor=2.0):\n"
        '    """Return the values, each of them times a factor.\n'
        "\n"
        "    >>> scaled([1, 2])\n"
        "    [2.0, 4.0]\n"
        '    """\n'
        "    return [factor * value for value in values]"
    )
    assert "param" not in found[2]


def test_long_bodies_and_what_is_no_python_give_nothing():
    long = (
        "def f():\n" + '    """Do a great many things, one after the other, slowly."""\n' + "    x = 1\n" * 40
    )
    assert not list(functions(long))
    assert not list(functions("def broken(:\n"))


def test_a_library_module_is_learnt_from_and_its_functions_once_more():
    given = Document("package", "module.py", "library", MODULE)
    function, whole = _to_learn_from(given)
    assert (function.kind, whole.kind) == ("function", "library")
    assert function.text.count("\ndef ") == 3
    assert function.text.endswith("return x\n")
    example = Document("package", "plot.py", "example", MODULE)
    assert list(_to_learn_from(example)) == [example]
