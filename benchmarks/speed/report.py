"""The results as a Markdown table, as JSON and as a bar chart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.results import Bar, Results, Row, Spread
from benchmarks.speed.rows import TIMES, is_side_by_side

_CHART_ROWS = ("prompt_512", "prompt_1", "generation_1", "generation_4", "request", "next_request")
_OTHERS = {"machine": "this machine", "mini": "mini", "outliers": "random weights"}


def markdown(results: Results) -> str:
    """Write the report: the machine, the table, the ratios and the targets."""
    machine = results.machine
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    parts = [
        f"Measured {results.when} on {machine['description']}; {versions}.",
        _conditions(results),
        side_by_side(results, filter(is_side_by_side, results.rows)),
        "How many times better ours is, divided round by round:",
        ratios(results),
        "Ours alone:",
        _alone(results),
    ]
    if results.model["name"] == "1B":  # the targets are for this model
        parts += ["The bars:", bars(results.bars())]
    missing = [f"- {key}: {why}" for key, why in results.missing.items()]
    remarks = [f"- {remark}" for remark in results.remarks]
    if missing or remarks:
        parts.append("\n".join(["Not measured:", "", *missing, *remarks]))
    return "\n\n".join(parts) + "\n"


def _conditions(results: Results) -> str:
    model = results.model
    return (
        f"Random weights in the {model['name']} shape ({model['layers']} layers, "
        f"width {model['width']:,}, vocabulary {model['vocabulary']:,}), the same for all. "
        f"Median of {results.rounds} rounds, least and most in brackets. "
        "One sequence is greedy, several are sampled. Drafts are off in the first table: random weights "
        "repeat themselves and would flatter them. llama.cpp and ours read only what is new in a prompt "
        "that begins like an earlier one; the others do not, or only if told in advance."
    )


def side_by_side(results: Results, keys: Iterable[str]) -> str:
    """Write a table with a column for each engine, of the rows with these keys."""
    peers = [*results.peers, *results.missing]
    header = ["", *(results.peers.get(key, key) for key in peers)]
    rows = [header]
    for row in map(results.rows.__getitem__, keys):
        if not row.values.keys().isdisjoint(peers):
            cells = (
                _cell(row.spread(key)) or ("missing" if key in results.missing else "-") for key in peers
            )
            rows.append([f"{row.label}, {row.unit}", *cells])
    return _table(rows)


def ratios(results: Results) -> str:
    """Write a table of how many times better ours is than each other engine."""
    others = [key for key in results.peers if key != "ours"]
    rows = [["", *(f"against {results.peers[key]}" for key in others)]]
    for row in results.rows.values():
        found = [row.ratio("ours", key) for key in others]
        if is_side_by_side(row.key) and any(found):
            rows.append([row.label, *(f"{_cell(ratio)}{TIMES}" if ratio else "-" for ratio in found)])
    return _table(rows)


def _alone(results: Results) -> str:
    rows = [["", "of", "", ""]]
    for row in results.rows.values():
        if not is_side_by_side(row.key):
            for key in row.values:
                if key in ("ours", *_OTHERS):
                    who = results.peers.get(key) or _OTHERS[key]
                    rows.append([row.label, who, _cell(row.spread(key)), row.unit])
    return _table(rows)


def bars(wanted: list[Bar]) -> str:
    """Write a table of targets, and of what was reached."""
    rows = [["what", "at least / at most", "reached", "met"]]
    for bar in wanted:
        way = "at least" if bar.better == "more" else "at most"
        met = {True: "yes", False: "**no**", None: "not measured"}[bar.is_met]
        reached = _cell(bar.reached) or "-"
        rows.append([bar.what, f"{way} {bar.wanted:g} {bar.unit}".replace(f" {TIMES}", TIMES), reached, met])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.least == spread.most:
        return _number(spread.median)
    return f"{_number(spread.median)} ({_number(spread.least)} to {_number(spread.most)})"


def _number(value: float) -> str:
    """Format a number with three digits, the precision of these measurements."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def write_json(results: Results, file: Path) -> None:
    """Write every value, and the targets."""
    bars = [asdict(bar) | {"met": bar.is_met} for bar in results.bars()]
    file.write_text(json.dumps(asdict(results) | {"bars": bars}, indent=1) + "\n", "utf-8")


def read_json(file: Path) -> Results:
    """Read what `write_json` wrote."""
    fields = json.loads(file.read_text("utf-8"))
    del fields["bars"]
    fields["rows"] = {key: Row(**row) for key, row in fields["rows"].items()}
    return Results(**fields)


def draw_chart(results: Results, file: Path) -> None:
    """Draw the main rows as a bar chart, one panel per row; the file name determines the format."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [results.rows[key] for key in _CHART_ROWS if key in results.rows and results.rows[key].values]
    rows = rows or [row for row in results.rows.values() if is_side_by_side(row.key) and row.values][:4]
    figure = Figure(figsize=(9, 0.6 + 1.7 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    labels = list(reversed(results.peers.items()))
    for axis, row in zip(axes, rows, strict=True):
        for place, (key, _) in enumerate(labels):
            spread = row.spread(key)
            if spread is None:
                continue
            reach = [[spread.median - spread.least], [spread.most - spread.median]]
            color = "#1f77b4" if key == "ours" else "#b8c4ce"
            axis.barh(place, spread.median, xerr=reach, color=color, ecolor="#555555", capsize=2)
            axis.annotate(
                f" {_number(spread.median)}", (spread.most, place), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=8,
            )  # fmt: skip
        axis.set_yticks(range(len(labels)), [label for _, label in labels], fontsize=8)
        axis.set_title(f"{row.label} ({row.unit}, {row.better} is better)", fontsize=9, loc="left")
        axis.tick_params(axis="x", labelsize=8)
        axis.margins(x=0.12)
        axis.set_xlim(left=0)
        axis.spines[["top", "right"]].set_visible(False)
    name = results.model["name"] + (" shape" if "layers" in results.model else "")
    figure.suptitle(
        f"{name}, {results.machine['cpu']}, {results.machine['cores']} cores, {results.when[:10]}",
        fontsize=10,
    )
    figure.savefig(file, dpi=120)
