"""Notebooks that are written for this: names that no model has read, and a comment for each line.

Two tables, of 4 and of 60 columns, whose names a seed makes; a dictionary, an instance, an array, modules.
What is executed is not what the model sees: there, the names come from files.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from benchmarks.grounding.case import Case, begun

PARTS = {"bark": "bark", "leaf": "leaf", "root": "root", "stem": "stem", "soil": "soil"}
MEASURES = {"len": "length", "wid": "width", "mass": "mass", "ph": "acidity"}
QUARTERS = {"q1": "first quarter", "q2": "second quarter", "q3": "third quarter"}

IMPORTS = """import math
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd"""
#: What the notebook shows, where the names come from a file, and what is executed instead.
READ = '{table} = pd.read_csv("{table}.csv")'
NARROW = """rng = np.random.default_rng(1)
plants = pd.DataFrame(rng.random((30, 3)), columns={columns})
plants["{group}"] = list("abc") * 10"""
WIDE = "wide = pd.DataFrame(np.random.default_rng(2).random((30, 60)), columns={columns})"
OTHERS = """limits = {limits}

class Pump:
    def __init__(self):
        self.{rate} = 2.5
        self.{depth} = 30.0

    def {drain}(self, minutes):
        return self.{rate} * minutes

pump = Pump()"""
SHOWN = """import json
from rig import Pump
limits = json.load(open("limits.json"))
pump = Pump()"""
ARRAYS = """x = np.linspace(0, 10, 50)
y = np.sin(x)
m = np.array([[2.0, 1.0], [1.0, 3.0]])
fig, ax = plt.subplots()"""


def names(rng: random.Random) -> dict[str, Any]:
    """Make the names of a notebook."""
    wide = [f"{part}_{measure}_{quarter}" for part in PARTS for measure in MEASURES for quarter in QUARTERS]
    rng.shuffle(wide)
    narrow = [f"{part}_{measure}" for part in PARTS for measure in MEASURES]
    shift, group = rng.choice(("site", "bed", "plot")), rng.choice(("kind", "zone", "grp"))
    return {
        "narrow": rng.sample(narrow, 3),
        "wide": wide,
        "group": f"{shift}_{group}",
        "rate": f"flow_{rng.choice(('lpm', 'lps', 'gph'))}",
        "depth": f"depth_{rng.choice(('bore', 'well', 'sump'))}_m",
        "drain": f"drain_{rng.choice(('basin', 'pond', 'tray'))}",
        "limits": {f"max_{part}_{measure}": 1.5 for part, measure in zip(PARTS, MEASURES, strict=False)},
    }


def said(column: str) -> str:
    """Say a column's name in words."""
    words = {**PARTS, **MEASURES, **{key: f"in the {text}" for key, text in QUARTERS.items()}}
    return " ".join(words.get(word, word) for word in column.split("_"))


def lines(rng: random.Random) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """Yield cells, the code behind them, a comment, and the line that it asks for."""
    given = names(rng)
    others = OTHERS
    for key in ("limits", "rate", "depth", "drain"):
        others = others.replace(f"{{{key}}}", str(given[key]))
    narrow = NARROW.replace("{columns}", str(given["narrow"])).replace("{group}", given["group"])
    wide = WIDE.replace("{columns}", str(given["wide"]))
    for table, code, columns in (("plants", narrow, given["narrow"]), ("wide", wide, given["wide"])):
        a, b = rng.sample(columns, 2)
        cells = (IMPORTS, READ.replace("{table}", table)), f"{IMPORTS}\n{code}"
        yield *cells, f"mean {said(a)}", f'mean = {table}["{a}"].mean()'
        yield *cells, f"plot {said(a)} against {said(b)}", f'plt.scatter({table}["{b}"], {table}["{a}"])'
        yield *cells, f"rows with {said(a)} above 0.5", f'high = {table}[{table}["{a}"] > 0.5]'
        yield *cells, f"sort by {said(b)}", f'ordered = {table}.sort_values(by="{b}")'
        yield *cells, f"only {said(a)} and {said(b)}", f'pair = {table}[["{a}", "{b}"]]'
        yield *cells, f"leave out {said(a)}", f'rest = {table}.drop(columns=["{a}"])'
        if table == "plants":
            yield (
                *cells,
                f"mean {said(a)} for each {said(given['group'])}",
                f'means = plants.groupby("{given["group"]}")["{a}"].mean()',
            )
    cells = (IMPORTS, SHOWN), f"{IMPORTS}\n{others}"
    key = rng.choice([*given["limits"]])
    yield *cells, f"the largest {said(key.removeprefix('max_'))}", f'largest = limits["{key}"]'
    yield *cells, "depth of the pump's well in cm", f"depth = pump.{given['depth']} * 100"
    yield *cells, "drain for ten minutes", f"litres = pump.{given['drain']}(10)"
    yield *cells, "flow per hour", f"hourly = pump.{given['rate']} * 60"
    cells = (IMPORTS, ARRAYS), f"{IMPORTS}\n{ARRAYS}"
    yield *cells, "eigenvalues of m", "values = np.linalg.eigvals(m)"
    yield *cells, "fit a parabola to x and y", "coefficients = np.polyfit(x, y, 2)"
    yield *cells, "label the x axis", 'ax.set_xlabel("x")'
    yield *cells, "a horizontal line at 0", "ax.axhline(0)"
    yield *cells, "draw y over x", "plt.plot(x, y)"
    yield *cells, "save the figure", 'plt.savefig("figure.png")'
    yield *cells, "a cumulative sum of y", "total = np.cumsum(y)"


def cases(count: int) -> Iterator[Case]:
    """Yield the cases, the same in every run: every other one begins with a part of the line."""
    rng = random.Random("grounding")
    kernels: dict[str, dict[str, Any]] = {}
    made = 0
    while made < count:
        for cells, code, comment, line in lines(rng):
            if code not in kernels:
                kernels[code] = {"__name__": "__main__"}
                exec(code, kernels[code])
            prompt = f"# {comment}\n{begun(line, rng) if made % 2 else ''}"
            yield Case(cells, prompt, line, kernels[code])
            made += 1
            if made == count:
                return
