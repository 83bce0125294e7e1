"""The parts of the model card that come from commands: figures, the curve, the list of sources."""

from __future__ import annotations

import csv
import json
import os
import platform
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from training.sources import Source, read_sources

MARKS = ("<!-- figures: written by python training/evaluate.py --card -->", "<!-- end of figures -->")


def write(
    model: Path, work: Path, figures: dict[str, Any], others: dict[str, dict[str, float]], run: str = "run"
) -> None:
    """Put the figures between the card's marks; draw the curve; list the sources.

    Where the work folder has no such run, a model is only measured again: what is known of how it was trained
    stays as it is.
    """
    kept, state = model / "figures.json", work / run / "state.pt"
    for name, row in figures["bits per byte"].items():
        row |= {other: values[name] for other, values in others.items()}
    # First what a run that begins from this checkpoint goes on counting from.
    training = totals(work / run) if state.exists() else json.loads(kept.read_text())["training"]
    figures = {"training": training, "measured": _here_and_now(), **figures}
    kept.write_text(json.dumps(figures, indent=1) + "\n")
    card = model / "README.md"
    before, _, rest = card.read_text().partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    card.write_text(f"{before}{MARKS[0]}\n{table(figures)}\n{MARKS[1]}{after}")
    if state.exists():
        draw(work / run / "log.csv", model / "curve.png")
        (model / "SOURCES.md").write_text(sources(work))


def totals(run: Path) -> dict[str, float]:
    """Return steps, tokens and hours of a run and of what it began from."""
    state = torch.load(run / "state.pt", weights_only=True, mmap=True)
    past = state["past"]
    return {
        "steps": past["steps"] + state["step"],
        "tokens": past["tokens"] + state["tokens"],
        "hours": round(past["hours"] + state["seconds"] / 3600, 2),
    }


def _here_and_now() -> str:
    torch_version = torch.__version__.partition("+")[0]
    day = datetime.now(timezone.utc).date().isoformat()
    return f"{day} ({platform.machine()}, {os.cpu_count()} cores, torch {torch_version})"


def table(figures: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    training, bits = figures["training"], figures["bits per byte"]
    models = list(next(iter(bits.values())))
    lines = [
        (
            f"Trained on {training['tokens'] / 1e6:.1f} million tokens in {training['hours']:.2f} hours "
            f"({training['steps']:,} steps). Measured on {figures['measured']}."
        ),
        "",
        f"| bits per byte (less is better) | {' | '.join(models)} |",
        "| --- |" + " --- |" * len(models),
    ]
    lines += [
        f"| {name} | {' | '.join(f'{row[model]:.2f}' for model in models)} |" for name, row in bits.items()
    ]
    lines += [
        "",
        "| greedy infills | cases | exact match | edit similarity |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {row['cases']} | {row['exact']:.1%} | {row['similarity']:.2f} |"
        for name, row in figures["infill"].items()
    ]
    twice, row = figures["bits per byte, seen before"], figures["completions of notebook openings"]
    lines += [
        "",
        (
            f"Some 500 bytes of a kept package cost {twice['first']:.2f} bits a byte, and "
            f"{twice['again']:.2f} where the same stands there a second time, word for word."
        ),
        "",
        (
            f"Of {row['cases']} greedy completions of notebook openings, {row['parse']:.0%} parse after "
            f"the cut, {row['repeat']:.0%} repeat themselves and {1 - row['not empty']:.0%} are empty."
        ),
    ]
    return "\n".join(lines)


def read_log(path: Path) -> list[dict[str, float]]:
    """Return the log's rows without those that a resumed run went back behind."""
    rows: list[dict[str, float]] = []
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            row = {key: float(value) for key, value in line.items()}
            while rows and rows[-1]["tokens"] >= row["tokens"]:
                rows.pop()
            rows.append(row)
    return rows


def draw(log: Path, picture: Path) -> None:
    """Draw the losses over the tokens."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = read_log(log)
    tokens = [row["tokens"] / 1e6 for row in rows]
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    axes.plot(tokens, [row["train"] for row in rows], color="0.7", label="training batches")
    axes.plot(tokens, [row["causal"] for row in rows], label="held-out files")
    axes.plot(tokens, [row["fills"] for row in rows], label="holes of held-out files")
    decay = next((row["tokens"] / 1e6 for row in rows if row["rate"] < 1 and row["tokens"] > 1e6), None)
    if decay:
        axes.axvline(decay, color="0.8", linestyle=":", label="learning rate falls from here")
    axes.set(
        xlabel="million tokens",
        ylabel="nats a token",
        ylim=(None, min(7.0, max(row["causal"] for row in rows))),
    )
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=90)
    plt.close(figure)


def sources(work: Path) -> str:
    """Return the list of what the model was trained on, with licences."""
    report = json.loads((work / "corpus.json").read_text())
    dropped = report["dropped or replaced"]
    lines = [
        "# What mini was trained on",
        "",
        (
            "Source archives of these packages, fetched from the package index and checked against pinned "
            "sha256 digests, and the standard library of CPython."
        ),
        "",
        "| package | version | licence | weight |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(s) for s in read_sources() if s.role == "train"]
    lines += [f"| CPython's standard library | {platform.python_version()} | PSF-2.0 | 3 |", ""]
    lines += ["| part | MB |", "| --- | --- |"]
    lines += [f"| {name} | {size / 1e6:.1f} |" for name, size in report["bytes"].items()]
    lines += ["", "| dropped or replaced | count |", "| --- | --- |"]
    lines += [f"| {name} | {count:,} |" for name, count in sorted(dropped.items())]
    lines += [
        "",
        "Files dropped because they are nearly the same as one of a package kept for evaluation:",
        "",
    ]
    lines += [f"- {name.partition('#')[0]}" for name in report["near a kept package"]] or ["- none"]
    return "\n".join(lines) + "\n"


def _row(source: Source) -> str:
    return f"| {source.name} | {source.version} | {source.license} | {source.weight:g} |"
