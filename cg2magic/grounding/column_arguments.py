"""Which string arguments of pandas, seaborn and plotly name a column: a small table, and only what is sure.

df.groupby("…          the first argument
df.sort_values(by="…   and by its keyword, also in a list
df.agg({"…               the keys of a dictionary
sns.boxplot(data=df, x="…
"""

from __future__ import annotations

#: Places and keywords.
Places = tuple[tuple[int, ...], frozenset[str]]

#: Methods of a frame: the places and keywords that name its columns.
METHODS: dict[str, Places] = {
    name: (places, frozenset(keywords.split()))
    for name, places, keywords in (
        ("groupby", (0,), "by"),
        ("sort_values", (0,), "by"),
        ("set_index", (0,), "keys"),
        ("explode", (0,), "column"),
        ("drop", (), "columns"),
        ("drop_duplicates", (0,), "subset"),
        ("duplicated", (0,), "subset"),
        ("dropna", (), "subset"),
        ("value_counts", (0,), "subset"),
        ("nlargest", (1,), "columns"),
        ("nsmallest", (1,), "columns"),
        ("pivot", (), "index columns values"),
        ("pivot_table", (), "index columns values"),
        ("melt", (0,), "id_vars value_vars"),
        ("boxplot", (0,), "column by"),
        ("hist", (0,), "column by"),
        ("plot", (), "x y"),
        ("plot.line", (0, 1), "x y"),
        ("plot.bar", (0, 1), "x y"),
        ("plot.barh", (0, 1), "x y"),
        ("plot.area", (0, 1), "x y"),
        ("plot.scatter", (0, 1), "x y"),
        ("plot.hexbin", (0, 1), "x y"),
        ("plot.pie", (), "y"),
    )
}

#: Methods of a frame, and the places and keywords of a dictionary whose keys are its columns.
DICTIONARIES: dict[str, Places] = {
    "agg": ((0,), frozenset(("func",))),
    "aggregate": ((0,), frozenset(("func",))),
    "astype": ((0,), frozenset(("dtype",))),
    "fillna": ((0,), frozenset(("value",))),
    "rename": ((), frozenset(("columns",))),
    "round": ((0,), frozenset(("decimals",))),
}

_SEABORN = frozenset(("x", "y", "hue", "style", "size", "col", "row", "weights", "units"))
_PLOTLY = frozenset(
    ("x", "y", "z", "color", "size", "symbol", "facet_row", "facet_col", "hover_name", "animation_frame")
)
#: Libraries whose functions take a frame as ``data`` (or first): keywords that name its columns.
FUNCTIONS: dict[str, tuple[str, frozenset[str]]] = {
    "seaborn": ("data", _SEABORN),
    "plotly.express": ("data_frame", _PLOTLY),
}
