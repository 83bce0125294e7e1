"""Measure whether it helps the model to see the rest of the notebook.

    python -m benchmarks.context                  # mini, 300 lines
    python -m benchmarks.context --model FILE.gguf --cases 50

Notebooks and gallery scripts of packages that training has not read (``context.toml``) are fetched as
archives, and one line of a cell is taken out and filled again, by the product's own engine: with the cell
alone, and with the notebook around it. Three figures, over all lines:

exact
    The fill is the line that was there.
similar
    `difflib.SequenceMatcher.ratio` of the two.
nats
    How unlikely the true line is, in nats a token: the finest of the three, and the only one that tells
    something of a small model.

Variables are not part of it: nothing of the notebooks is run.
"""

from __future__ import annotations

import argparse
import difflib
import json
import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from cg2magic.context import Cell, Document, Settings, gather
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.progress import Watch
from cg2magic.prompts.assemble import prompt_for
from cg2magic.request import Request, Sampling
from training.extract import CELL, EXAMPLES, from_script
from training.sources import WORK, fetch_all, members, read_sources

SOURCES = Path(__file__).with_suffix(".toml")
#: What is compared: the cell alone, and with the notebook in so many tokens, of which the prompt and the
#: answer take theirs.
WAYS = {
    "the cell alone": Settings("none"),
    "512 tokens": Settings("notebook", tokens=512),
    "1,024 tokens": Settings("notebook", tokens=1024),
    "2,048 tokens": Settings("notebook", tokens=2048),
}


@dataclass(frozen=True)
class Case:
    """A line that was taken out of a cell."""

    document: Document
    parts: tuple[str, str]
    line: str


def notebooks(archives: list[Path]) -> Iterator[Document]:
    """Read every notebook and gallery script that has at least four cells of code."""
    for archive in archives:
        for path, data in members(archive):
            text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
            if path.endswith(".ipynb"):
                document = Document.of_json(json.loads(text))
            elif path.endswith(".py") and EXAMPLES.search(path):
                document = Document(tuple(Cell(None, "code", cell) for cell in from_script(text).split(CELL)))
            else:
                continue
            if sum(cell.kind == "code" for cell in document.cells) >= 4:
                yield document


def cases(documents: list[Document], count: int) -> list[Case]:
    """Take out one line each, the same ones in every run, and none of the first cell of code."""
    rng = random.Random("context")
    found: list[Case] = []
    while len(found) < count:
        document = rng.choice(documents)
        codes = [i for i, cell in enumerate(document.cells) if cell.kind == "code"][1:]
        at = rng.choice(codes)
        lines = document.cells[at].source.split("\n")
        n = rng.randrange(len(lines))
        line = lines[n].strip()
        if len(line) < 8 or line.startswith(("#", "%", "!", '"""')) or document.cells[at].source[:2] == "%%":
            continue
        depth = len(lines[n]) - len(lines[n].lstrip())
        prefix = "".join(f"{each}\n" for each in lines[:n]) + lines[n][:depth]
        suffix = "".join(f"\n{each}" for each in lines[n + 1 :])
        found.append(Case(Document(document.cells, at), (prefix, suffix), line))
    return found


def fill(engine: LocalEngine, case: Case, settings: Settings) -> tuple[bool, float, float]:
    """Fill the line: whether it is the one that was there, how similar, and nats a token of the true one."""
    context = gather(case.document, case.parts, {}, settings)
    request = Request(case.parts, Sampling(max_new_tokens=48), context=context)
    (suggestion,) = engine.generate(request).suggestions
    written = suggestion.text.strip()
    similar = difflib.SequenceMatcher(None, written, case.line, autojunk=False).ratio()
    return written == case.line, similar, nats(engine, request, case.line)


def nats(engine: LocalEngine, request: Request, line: str) -> float:
    """Compute the mean of -log p of the line's tokens, where the model is asked for it."""
    prompt = prompt_for(request, engine.vocabulary, engine.loaded.context)
    # A token that was given back at the seam is asked for again, with the line behind it.
    begin = prompt.starts[0].decode(errors="replace")
    truth = torch.tensor(engine.vocabulary.encode(begin + line, inside=True))
    with torch.inference_mode():
        last, cache = engine._read(prompt.ids, lambda: False)  # noqa: SLF001 - it has just read this prompt
        assert last is not None
        logits = [last]
        if len(truth) > 1:
            rest = engine._forward(truth[None, :-1], cache, keep=len(truth) - 1)  # noqa: SLF001
            logits.append(rest[0])
    return torch.nn.functional.cross_entropy(torch.cat(logits).float(), truth).item()


def main() -> None:
    """Fill, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--archives", type=Path, default=WORK / "archives", help="where they are kept")
    args = parser.parse_args()
    archives = [path for _, path in fetch_all(read_sources(SOURCES), args.archives, SOURCES)]
    documents = list(notebooks(archives))
    engine = open_engine(ModelSpec(args.model, precision=args.precision), Watch())
    assert isinstance(engine, LocalEngine)
    asked = cases(documents, args.cases)
    print(f"{Path(args.model).name}, {len(asked)} lines of {len(documents)} notebooks and scripts\n")
    print("| the model sees | exact | similar | nats a token |\n| --- | --- | --- | --- |")
    for name, settings in WAYS.items():
        if settings.level != "none" and settings.tokens > engine.loaded.context:
            continue
        exact, similar, losses = zip(*(fill(engine, case, settings) for case in asked), strict=True)
        print(
            f"| {name} | {100 * statistics.mean(exact):.1f} % | {statistics.mean(similar):.3f} "
            f"| {statistics.mean(losses):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
