"""What ghost text saves: real notebooks are typed key by key, and what would be shown is compared with them.

    python -m benchmarks.ghost_text --model mini
    python -m benchmarks.ghost_text --model FOLDER --precision int8 --minutes 15

The notebooks are those of ``benchmarks.context``. Each cell is typed from its beginning, with the cells above
it as the context and nothing below, and each key asks what the page would ask, by the product's own code: all
but the page and the pauses. The person reads what is shown:

- If all of it is what comes next, they take it (Tab).
- Else they type one character; a suggestion that goes on so stays.

What is taken need not be typed; the indentation of a new line, which the editor writes, is neither. Of a
suggestion, all is wrong that follows the first character that is other than in the notebook.
"""

from __future__ import annotations

import math
import operator
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, field, replace

from cg2magic.context import Document, Settings, gather
from cg2magic.frontends.inline.ask import Ask
from cg2magic.frontends.inline.floors import Certainty
from cg2magic.frontends.inline.shown import Shown
from cg2magic.request import Suggestion
from cg2magic.service.manager import manager

#: What is shown of a suggestion.
Rule = Callable[[Suggestion, Ask], str]

_OPENS = re.compile(r":\s*(?:#.*)?$")
_LEAVES = re.compile(r"\s*(?:return|pass|break|continue|raise)\b")


@dataclass
class Count:
    """What happened, in characters."""

    characters: int = 0
    taken: int = 0
    texts: int = 0
    shown: int = 0
    wrong: int = 0

    def __add__(self, other: Count) -> Count:
        """Both together."""
        return Count(*map(operator.add, astuple(self), astuple(other)))


@dataclass
class Model:
    """The resident model; it is asked once where several rules ask the same."""

    tokens: int
    _known: dict[tuple[int, str, bool], Suggestion | None] = field(default_factory=dict)

    def answer(self, ask: Ask, document: Document) -> Suggestion | None:
        """Ask it as the kernel does; None where nothing is asked."""
        key = id(document), ask.prefix, ask.accepted
        if key not in self._known:
            self._known[key] = self._ask(ask, document)
        return self._known[key]

    def _ask(self, ask: Ask, document: Document) -> Suggestion | None:
        request = ask.request
        if request is None:
            return None
        may = Settings("notebook", tokens=self.tokens)
        context = gather(document, request.parts, {}, may, request.language)
        job = manager().aside(replace(request, context=context))
        assert job is not None  # nobody else asks
        return job.result()[0]


def by_mean(floor: float) -> Rule:
    """Show what has this mean probability, wherever that ends: the rule that was."""

    def rule(suggestion: Suggestion, ask: Ask) -> str:
        total, length, kept = 0.0, 0, 0
        for count, token in enumerate(suggestion.tokens, start=1):
            total += token.logprob
            length += len(token.text)
            if math.exp(total / count) >= floor:
                kept = length
        text = suggestion.text[:kept]
        began = len(text) - len(text.lstrip("\n")) if ask.reach == "next line" else 0
        end = text.find("\n", began) if ask.reach != "block" else -1
        return (text if end < 0 else text[:end]).rstrip()

    return rule


def learned() -> Rule:
    """Show what the product shows."""
    certainty = Certainty()

    def rule(suggestion: Suggestion, ask: Ask) -> str:
        floor = certainty.floor(on_new_line=ask.is_on_new_line)
        part = Shown.of(suggestion, ask.reach, floor, ask.language)
        certainty.learn(suggestion)
        return part.text

    return rule


def cells(documents: list[Document]) -> Iterator[Document]:
    """Choose cells of code, in the same order in every run: each as the last one of its document."""
    rng = random.Random("keys")
    while True:
        document = rng.choice(documents)
        at = rng.choice([i for i, cell in enumerate(document.cells) if cell.kind == "code"][1:])
        if document.cells[at].source.strip() and not document.cells[at].source.startswith(("%%", "!")):
            yield Document(document.cells[: at + 1], at)


def type_cell(document: Document, most: int, model: Model, rule: Rule, end: float = math.inf) -> Count | None:
    """Type a cell, up to so many characters of it; None if that takes longer than to a time."""
    source = document.cells[-1].source.strip()[:most]
    at, rest, accepted, count = 0, "", False, Count()
    while at < len(source):
        if time.monotonic() > end:
            return None
        if at and not rest:
            before, after, at = _editor(source, at)
            ask = Ask("", before, "", {}, accepted=accepted)
            suggestion = model.answer(ask, document)
            rest = rule(suggestion, ask) if suggestion is not None else ""
            count.texts += bool(rest)
            count.shown += len(rest)
            count.wrong += len(rest) - _common(rest, after)
            rest = rest if after else ""
        at, rest, accepted = _next(source, at, rest, count)
    return count


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _editor(source: str, at: int) -> tuple[str, str, int]:
    """What stands before the cursor once the editor has indented a new line, what comes next, and where.

    Nothing comes next if the line is to be left empty, or has to be indented otherwise.
    """
    before, after = source[:at], source[at:]
    if not before.endswith("\n"):
        return before, after, at
    last = before[:-1].rpartition("\n")[2]
    depth = len(last) - len(last.lstrip())
    depth += 4 if _OPENS.search(last) else -4 if _LEAVES.match(last) else 0
    line = after.split("\n", 1)[0]
    actual = len(line) - len(line.lstrip())
    if not line.strip():
        return before + " " * depth, "", at
    return before + " " * depth, after[depth:] if actual == depth else "", at + actual


def _next(source: str, at: int, rest: str, count: Count) -> tuple[int, str, bool]:
    """What the person does: where the cursor is then, what is still shown, and whether all was accepted."""
    coming = source[at:]
    if rest and coming.startswith(rest):
        count.characters += len(rest)
        count.taken += len(rest)
        return at + len(rest), "", True
    count.characters += 1
    return at + 1, rest[1:] if rest[:1] == coming[0] else "", False


def measure(
    documents: Iterable[Document], most: int, tokens: int, rules: dict[str, Rule], minutes: float
) -> tuple[int, dict[str, Count]]:
    """Type cells by each of the rules until the time is over; how many were typed, and what happened."""
    model, counts = Model(tokens), {name: Count() for name in rules}
    before = dict(counts)
    end = time.monotonic() + 60 * minutes
    for typed, document in enumerate(documents):
        for name, rule in rules.items():
            count = type_cell(document, most, model, rule, end)
            if count is None:
                return typed, before
            counts[name] += count
        before = dict(counts)
    raise AssertionError("there are always more")


def table(title: str, counts: dict[str, Count]) -> str:
    """The figures, as a table for the documentation."""
    lines = [f"| {title} | need not be typed | texts shown | of their characters, wrong |"]
    lines.append("| --- | --- | --- | --- |")
    for name, count in counts.items():
        taken = 100 * count.taken / max(1, count.characters)
        wrong = 100 * count.wrong / max(1, count.shown)
        lines.append(f"| {name} | {taken:.1f} % | {count.texts} | {wrong:.1f} % |")
    return "\n".join(lines)
