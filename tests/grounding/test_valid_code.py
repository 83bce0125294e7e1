"""Valid code, written from its first character to its last: no name in it is ever forbidden."""

from __future__ import annotations

import types
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest

from cg2magic.grounding.grounding import Grounding


def blend(a, b=1, *, ratio=50):
    return a, b, ratio


FRAME = pd.DataFrame(
    {
        "price": [1.0],
        "leaf": [2.0],
        "leaf_wid": [3.0],
        "kind": ["a"],
        "it's": [1],
        'q"x': [1],
        "ünï": [1],
        "a\\b": [1],
        "two\nl": [1],
    }
)
NAMESPACE = {
    "np": np,
    "pd": pd,
    "df": FRAME,
    "grouped": FRAME.groupby("kind"),
    "limits": {"depth": 1, "width": {"left": 2}},
    "rows": [{"a": 1}],
    "counts": Counter(a=1),
    "lists": defaultdict(list),
    "space": types.SimpleNamespace(a=1),
    "blend": blend,
    "text": "abc",
}

VALID = r"""
for df in frames:
    x = df["other"]
%%
def f(a: int, df: "Frame" = None) -> None:
    return df.other
%%
f = lambda x, df=1: df.other
%%
df.assign(ratio=lambda d: d.other / d["other"]).ratio
%%
df = df[df["price"] > 1].rename(columns={"leaf": "blatt"})
df["blatt"].mean()
%%
df["new"] = df["price"] * 2
x = df["new"] + df.new
%%
df[["one", "two"]] = 1, 2
x = df["one"], df.two
%%
df.loc[df["price"] > 1, "new"] = 1
x = df["new"]
%%
df["a"], limits["b"] = 1, 2
x = df["a"], limits["b"]
%%
for row in rows:
    row["new"] = 1
x = rows[0]["new"]
%%
part = limits["width"]
part["new"] = 1
x = limits["width"]["new"]
%%
rows.append({"new": 1})
x = rows[-1]["new"]
%%
limits.update(new=1)
x = limits["new"]
%%
df.insert(0, "new", 1)
x = df["new"]
%%
tools.add_features(df)
x = df["new"]
%%
if "new" in limits:
    x = limits["new"]
%%
if "new" not in df.columns:
    df["new"] = 1
%%
x = hasattr(np, "float128") and np.float128
%%
x = [df.other for df in frames if df["other"]]
%%
x = {df["other"]: df.another for df in frames}
%%
x = sum(df.other for df in frames), next(df.other for df in frames)
%%
x = pd.concat(df.other for df in frames)
%%
if (df := read()) is not None and df.other:
    pass
%%
with open("x") as df, df.other:
    pass
%%
try:
    pass
except ValueError as df:
    df.other
%%
match x:
    case {"a": df}:
        df.other
%%
class df:
    other = 1
df.other
%%
import numpy as df
df.zeros
%%
from x import y as df, z
df.other
%%
def g():
    global df
    df = 1
g()
df.other
%%
del df
df = read()
df.other
%%
exec("df = 1")
df.other
%%
%run other.py
df.other
%%
x = "df.other", 'df["other"]', f"df.other {x}", f"{{df.other}}"  # df["other"]
%%
x = '''df.other
df["other"]'''
%%
x = f"{df['price'].sum():.2f}" + rf"{df.leaf.mean()}\df.other"
%%
x = df["it's"] + df['it\'s'] + df["q\"x"] + df['q"x'] + df["a\\b"] + df["two\nl"] + df["ünï"]
%%
x = df["leaf_" + kind] + df["leaf_{}".format("wid")] + df["leaf_%s" % "wid"] + df[f"leaf_{kind}"]
%%
x = df[ "price" ].sum() + df [ "price" ].sum()
%%
x = (
    df["price"]
    # df.other
    .mean()
)
%%
x = df.price \
    .mean()
%%
df.price.mean(); df["price"].mean().item()
%%
x = df.T.other, df.T["other"], df.iloc[0]["price"], df.pivot(index="kind", columns="leaf")["a"]
%%
x = df.groupby("kind").agg(total=("leaf", "sum")).total
%%
x = df.sort_values(axis=1, by="other")
%%
x = grouped["leaf"].mean(), grouped.get_group("a")["kind"], grouped.apply(lambda g: g.other)
%%
x = df.describe().T["mean"], df["kind"].value_counts()["a"], df.eval("new = leaf + 1")["new"]
%%
x = counts["other"] + lists["other"]
%%
space.new = 1
x = space.new
%%
blend.calls = 0
%%
x = blend(1, b=2, ratio=3), blend(b=lambda a, b: a, a=1)
%%
x = sorted(text, key=lambda a, b=1: a), text.upper().lower()
%%
async def f():
    async for df in frames:
        df.other
%%
from math import (pi,
    tau as df)
df.other
%%
df.rename(columns={"leaf": "blatt"}, inplace=True)
df.blatt
"""


@pytest.mark.parametrize("code", [code.strip("\n") for code in VALID.split("\n%%\n")])
def test_no_name_of_valid_code_is_forbidden(code):
    follower = Grounding(NAMESPACE).follow()
    for at in range(len(code)):
        found = follower.allowed()
        if found is not None and not (found[0].quote and found[0].begins):
            name, allowed = found
            # What is there can't go on to another name that exists: it is left alone.
            free = allowed.is_hopeless and allowed.is_expression
            assert free or allowed.leaves(code[at:].encode()), code[name.start :]
        follower.read(code[at])
