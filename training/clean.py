"""What is kept of the documents: filters, removal of addresses and keys, duplicates, the held-out part."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from datasketch import MinHash, MinHashLSH

from training.extract import Document, parses

SPECIAL = re.compile(r"<\|endoftext\|>|<sep>|<eom>|<mask_\d+>")
ADDRESS = re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)*\.[a-zA-Z]{2,}\b")
KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bsk-[\w-]{20,}\b"
    r"|\bxox[abp]-[\w-]{10,}|\bAIza[\w-]{35}|(?<![\w/+.-])(?=[\w+]*\d)(?=[\w+]*[a-zA-Z])[A-Za-z0-9+]{32,}={0,2}(?=[\"'])"
)
GENERATED = re.compile(
    r"(auto-?generated|generated (by|from|automatically)|do not (edit|modify))", re.IGNORECASE
)
LICENCE = re.compile(
    r"copyright|licen[cs]e|all rights reserved|spdx|authors?:|-\*- coding|^#!", re.IGNORECASE
)


def scrub(text: str, found: Counter[str]) -> str:
    """Replace e-mail addresses and what looks like a key; count them in ``found``."""
    text, count = ADDRESS.subn("user@example.com", text)
    found["addresses"] += count
    text, count = KEY.subn("KEY", text)
    found["keys"] += count
    return text


def without_licence_header(text: str) -> str:
    """Take the comment block with shebang, coding line and licence off the top of a module."""
    lines = text.lstrip("\n").splitlines(keepends=True)
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if count and LICENCE.search("".join(lines[:count])):
        return "".join(lines[count:]).lstrip("\n")
    return "".join(lines)


def reason_to_drop(document: Document) -> str | None:
    """Name the filter that a document fails, or return None."""
    text = document.text
    if len(text) < 120:
        return "tiny"
    if len(text) > 200_000:
        return "huge"
    if SPECIAL.search(text):
        return "special tokens"
    if GENERATED.search(text[:600]):
        return "generated"
    lines = text.splitlines()
    if max(map(len, lines)) > 400 or len(text) / len(lines) > 90:
        return "minified"
    if sum(map(str.isdigit, text)) > 0.2 * len(text):
        return "numbers"
    if sum(ord(character) > 127 for character in text) > 0.05 * len(text):
        return "not English"
    if document.kind == "test" and hashlib.sha1(text.encode()).digest()[0] > 40:
        return "test"  # one in six stays
    if not document.path.endswith((".ipynb", ".rst", ".md")) and not parses(text):
        return "no Python"
    return None


def filtered(found: Iterable[Document], counts: Counter[str]) -> Iterable[Document]:
    """Yield what passes the filters, cleaned, each text once."""
    seen: set[bytes] = set()
    for document in found:
        text = scrub(without_licence_header(document.text), counts)
        text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
        document = Document(document.source, document.path, document.kind, text)
        reason = reason_to_drop(document)
        digest = hashlib.sha1(" ".join(text.split()).encode()).digest()
        if reason is None and digest in seen:
            reason = "exact duplicate"
        if reason:
            counts[reason] += 1
            continue
        seen.add(digest)
        yield document


def sketched(text: str, permutations: int = 64) -> MinHash:
    """Return the MinHash of the set of a text's longer lines."""
    lines = {line for raw in text.splitlines() if len(line := " ".join(raw.split())) > 12}
    sketch = MinHash(num_perm=permutations, hashfunc=_line_hash)
    sketch.update_batch([line.encode() for line in lines])
    return sketch


def _line_hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=4).digest(), "little")


class NearDuplicates:
    """Documents whose sets of lines overlap by about ``threshold`` (Jaccard) or more."""

    def __init__(self, threshold: float = 0.6) -> None:
        self._index = MinHashLSH(threshold=threshold, num_perm=64)
        self._count = 0

    def add(self, sketch: MinHash, name: str) -> list[str]:
        """Return the names of the documents near the one of this sketch; remember it if there are none."""
        near = self._index.query(sketch)
        if not near:
            self._index.insert(f"{name}#{self._count}", sketch)
            self._count += 1
        return near


def is_held_out(document: Document, share: float = 0.01) -> bool:
    """Whether a file is kept for evaluation: decided by its name alone, the same in every run."""
    path = document.path.removesuffix(":doctests")
    digest = hashlib.sha1(f"{document.source}/{path}".encode()).digest()
    return document.kind != "test" and int.from_bytes(digest[:4], "big") < share * 2**32
