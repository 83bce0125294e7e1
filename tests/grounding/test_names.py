"""Which names exist: read from classes and dictionaries, and never by running what is in the kernel."""

from __future__ import annotations

import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.context import Cell, Document, Settings
from cg2magic.grounding.grounding import Grounding, ground
from tests.grounding.objects import NAMESPACE, Hostile


def names(code: str, namespace=NAMESPACE, unrun=()) -> list[str] | None:
    """The names that may follow code, as they are written."""
    follower = Grounding(namespace, unrun).follow(code)
    found = follower.allowed()
    return None if found is None else [name.decode() for name in found[1].names]


@pytest.mark.parametrize(
    ("code", "there"),
    [
        ("np.lins", ["linspace"]),
        ("np.linalg.eigvalsh", ["eigvalsh"]),
        ("y = df.nam", ["name"]),
        ("y = df.groupb", ["groupby"]),
        ('y = df["', ["born in", "it's", "name", "ünï"]),
        ("y = df['it", ["it\\'s"]),
        ("y = df['name'].str.casef", ["casefold"]),
        ('y = series["', ["high", "low"]),
        ('y = settings["', ["a\\\\b", "depth", 'say \\"x\\"', "two\\nlines"]),
        ("y = settings['say", ['say "x"']),
        ('y = settings["depth"]["', ["max", "min"]),
        ("y = model.coe", ["coef_"]),
        ("y = model.scor", ["score"]),
        ("y = model.fit_", ["fit_intercept"]),
        ("y = slots.l", ["left"]),
        ("y = Model(alpha=1).coe", ["coef_"]),
        ("y = df.name.str.casef", ["casefold"]),
        ("y = df['name'].str.strip().str.casef", ["casefold"]),
        ("y = df.head(3).sort_values('name')[['nam", ["name"]),
        ("y = df[df['name'] == 'Ada'].nam", ["name"]),
        ("y = df.groupby('name').agg({'bor", ["born in"]),
        ('df.groupby("name")["b', ["born in"]),
        ("y = df.groupby('name')['born in'].cumco", ["cumcount"]),
        ("y = df.groupby('name').max().na", ["name"]),
        ("y = records[0]['", ["one", "two"]),
        ("y = grid[0, 1].re", ["real"]),
        ("y = ordered['", ["first"]),
        ("y = [name for name in df.born", []),
        ("df = df[df['na", ["name"]),
        ("grouped['bor", ["born in"]),
        ("y = grouped.max().na", ["name"]),
        ("y = grouped['name'].cumco", ["cumcount"]),
        ("y = deep.groupby('", ["inner", "outer", "price"]),
        ("y = df.loc[:, 'n", ["name"]),
        ("y = f'{settings[\"dep", ["depth"]),
        ("y = Colour.R", ["RED"]),
        ("y = Model.fi", ["fit"]),
        ("array.sha", ["shape"]),
        ("Model(alpha=1, ", ["fit_intercept"]),
        ("model.fit(x, y=1, ", ["weights", "x"]),
        ("plain(1, third=1, ", ["fourth"]),
        ("from pandas import DataF", ["DataFrame"]),
        ("from json import de", ["decoder", "detect_encoding"]),
    ],
)
def test_names_that_exist_are_found(code, there):
    assert names(code) == there


@pytest.mark.parametrize(
    "code",
    [
        "nothing.",
        "anything(first=1, ",
        "wrapped(first=1, ",
        "model.",  # an object of the person's gets attributes as one goes
        "plain.",  # so does a function of the person's
        "options.",  # a namespace gets names as one goes
        "y = df['name'].dt.",  # its class depends on the data
        "from not_imported import ",
        "y = array['",
        "y = hostile.",
        "y = hostile['a'].",
        "y = plain().",
        "y = Sets(a=1).",  # whatever it is given
        "y = df.apply(plain).",
        "y = df.loc['a'].",
        "y = series.value_counts().",  # its labels are attributes
        "y = array[0].",
        "y = array[7].",
        "y = records[9].",
        "y = settings.depth.",
        "y = deep.loc['a', '",  # a label of the second level
    ],
)
def test_where_more_may_exist_than_can_be_seen_there_is_no_answer(code):
    assert names(code) is None


def test_nothing_of_a_hostile_object_is_ever_run():
    Hostile.asked.clear()  # whoever collects tests looks at what is in their modules
    mixed = {"hostile": Hostile(), "one": 1}
    namespace = {**NAMESPACE, "mixed": mixed, "listed": [Hostile()], "module": _module(Hostile())}
    given = ("hostile", "OfHostile", "ofhostile", "mixed['hostile']", "listed", "listed[0]", "module.hostile")
    for receiver in given:
        called = (f"y = {receiver}().", f"y = {receiver}.head().a['", f"y = {receiver}.groupby('a')['")
        chosen = (
            f"y = {receiver}[[1]].",
            f"y = {receiver}[a > 1].b['",
            f"y = {receiver}[0, 1].",
            f"f'{{{receiver}.",
        )
        plain = (f"y = {receiver}.", f"y = {receiver}['", f"{receiver}(a=1, ", f"y = {receiver}.a.b['")
        for code in (*plain, *called, *chosen):
            names(code, namespace)
    names("hostile.groupby('", namespace)
    names("x.boxplot(data=hostile, x='", namespace)
    assert names("y = mixed['", namespace) == ["hostile", "one"]
    assert names("y = module.hos", namespace) == ["hostile"]
    assert Hostile.asked == []


def _module(of: object) -> types.ModuleType:
    module = types.ModuleType("some")
    module.hostile = of
    return module


def test_a_key_that_compares_itself_is_not_compared():
    class Same:
        compared = 0

        def __eq__(self, other: object) -> bool:
            Same.compared += 1
            return False

        def __hash__(self) -> int:
            return hash("a")

    held = {Same(): 1, "a": {"b": 2}}
    Same.compared = 0
    assert names("y = d['", {"d": held}) == ["a"]
    assert names("y = d['a']['", {"d": held}) == ["b"]
    assert not Same.compared


def test_a_module_that_gets_names_late_is_known_by_its_all():
    late = types.ModuleType("late")
    late.__getattr__ = pytest.fail
    assert names("late.", {"late": late}) is None
    late.__all__ = ["early", "later"]
    assert {"early", "later"} <= set(names("late.", {"late": late}))


def test_modules_that_hold_each_other_are_read_once():
    one, two = types.ModuleType("one"), types.ModuleType("two")
    one.two, two.one = two, one
    assert names("one.two.one.two.on", {"one": one}) == ["one"]


def test_a_million_keys_or_columns_are_not_read():
    huge = {f"key {i}": i for i in range(1_000_000)}
    assert names("y = huge['", {"huge": huge}) is None
    wide = pd.DataFrame(np.zeros((1, 20_000)), columns=[f"c{i}" for i in range(20_000)])
    assert names("y = wide['", {"wide": wide}) is None
    assert names("y = d['", {"d": {"x" * 101: 1, "y": 2}}) is None


def test_what_the_cell_or_a_cell_that_was_not_run_makes_anew_is_free():
    assert names("y = df['") is not None
    assert names("df = df.dropna()\ny = df['") is None
    assert names("for np in x:\n    np.") is None
    assert names("def f(df):\n    return df['") is None
    assert names("y = df['", unrun=("df = read()",)) is None
    assert names("y = df['", unrun=("x = 1",)) is not None
    assert names("y = df['", unrun=("from m import *",)) is None
    assert "new" in names("df['new'] = 1\ny = df['")
    assert "new" in names("y = df['", unrun=("df['new'] = 1",))


def test_what_methods_set_is_found_however_many_names_they_have():
    scope = {"__name__": "fitted"}
    sets = "; ".join(f"self.name_{n} = {n}" for n in range(400))
    exec(f"class Fitted:\n    def fit(self):\n        {sets}\nfitted = Fitted()", scope)
    assert names("y = fitted.name_", scope) == sorted(f"name_{n}" for n in range(400))


def test_a_new_name_may_be_given_where_a_statement_begins():
    follower = Grounding(NAMESPACE).follow("df['")
    name, _ = follower.allowed()
    follower.read("new'] = 1")
    assert name.begins
    assert not follower.is_read(name)
    namespace = {"mine": _of_main()}
    assert names("mine.", namespace) is None
    assert names("y = mine.", namespace) is not None


def _of_main() -> object:
    scope = {"__name__": "__main__"}
    exec("class Mine:\n    pass\nmine = Mine()", scope)
    return scope["mine"]


def test_a_hole_in_a_word_or_with_a_name_bound_behind_it_is_free():
    grounding = Grounding(NAMESPACE)
    assert grounding.follow("y = df.", "\nz = 1").allowed() is not None
    assert grounding.follow("y = df.", "ns").allowed() is None
    assert grounding.follow("for i in x:\n    y = df.", "\n    df = i").allowed() is None


def test_the_kernel_is_looked_at_when_the_model_writes_not_before():
    namespace = {}
    grounding = Grounding(namespace)
    namespace["d"] = {"key": 1}
    assert grounding.follow("y = d['").allowed() is not None


def test_a_dictionary_that_another_thread_fills_is_read_all_the_same():
    filled = {f"k{i}": i for i in range(2_000)}
    stop = threading.Event()

    def fill():
        i = 0
        while not stop.is_set():
            filled[f"n{i % 3000}"] = i
            filled.pop(f"n{(i + 1500) % 3000}", None)
            i += 1

    worker = threading.Thread(target=fill)
    worker.start()
    try:
        for _ in range(50):
            assert names("y = d['k1", {"d": filled})
    finally:
        stop.set()
        worker.join()


def test_settings_and_metadata_switch_it_off():
    document = Document((Cell(None, "code", "d = {}"),))

    def grounded(settings, metadata=None, language="python"):
        there = Document(document.cells, None, metadata or {})
        return ground(there, {"d": {}}, ["d = {}\n"], settings, language)

    assert grounded(Settings()).unrun == ()
    assert ground(document, {}, [], Settings()).unrun == ("d = {}",)
    for off in (Settings("none"), Settings(names=()), Settings(ground=False)):
        assert grounded(off) is None
    for off in ({"vars": "none"}, {"context": "none"}, {"ground": "none"}, {"ground": "what?"}):
        assert grounded(Settings(), {"cg2magic": off}) is None
    assert grounded(Settings(), {"cg2magic": {"ground": "auto"}}, "sql") is None


@given(
    st.dictionaries(st.text(max_size=20), st.integers(), max_size=20),
    st.sampled_from("'\""),
    st.integers(0, 10),
)
def test_what_is_allowed_is_always_the_beginning_of_a_key_that_exists(held, quote, length):
    follower = Grounding({"d": held}).follow(f"y = d[{quote}")
    found = follower.allowed()
    if found is None:
        assert not held
        return
    allowed = found[1]
    for name in allowed.names:
        assert eval(f"{quote}{name.decode()}{quote}") in held
        assert allowed.permits(name[: length + 1] or quote.encode())
        assert allowed.permits(name + f"{quote}]".encode())
    assert not allowed.permits(b"\x00no such key")


def test_importing_it_imports_none_of_the_libraries_it_knows():
    import subprocess

    code = "import sys, cg2magic.grounding.grounding; print({'pandas', 'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_module_that_is_being_written_may_be_reloaded_and_others_not(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "being_written.py").write_text(
        "class Pump:\n    pass\n\n\ndef drain(*, fast=1, slow=2):\n    pass\n"
    )
    import being_written

    namespace = {"own": being_written, "pump": being_written.Pump(), "np": np}
    codes = ("own.dra", "y = pump.", "own.drain(fast=1, ", "from being_written import dra")
    assert all(names(code, namespace) is not None for code in codes)
    monkeypatch.setitem(sys.modules, "IPython.extensions.autoreload", types.ModuleType("autoreload"))
    assert all(names(code, namespace) is None for code in codes)
    assert names("np.lins", namespace) == ["linspace"]
    monkeypatch.delitem(sys.modules, "being_written")


def test_functions_that_hold_each_other_are_read_once():
    def one():
        two()

    def two():
        one()

    both = type("Both", (), {"one": one, "two": two})
    assert "one" in names("y = both.", {"both": both()})
