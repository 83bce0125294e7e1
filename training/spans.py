"""Span corruption the way people use it: holes that look like the ones a person leaves in a notebook cell.

A sample is written as the product writes its prompt and as the model is to answer it::

    P0 <mask_1> P1 <mask_2> … Pk <|endoftext|> <sep> <mask_1> fill_1 <eom> <mask_2> fill_2 <eom>

The rules at the seams are the product's:

1. Where the text after a hole begins with a newline, the newline goes into the fill.
2. A prefix that ends in a newline or in indentation stays as it is.
3. Otherwise the last token of the prefix is given back: it is the first of the fill. Of a word that the
   prefix ends in, all is given back that one token may begin with.
4. Each part is tokenized by itself.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from transformers import PreTrainedTokenizerFast

from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary
from training.tokenizer import END, EOM, MASKS, SEP

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: How often each kind of hole is made. ``training/README.md`` says what is known of the effect.
KINDS = {
    "line": 0.40,
    "rest of line": 0.18,
    "lines": 0.14,
    "expression": 0.12,
    "arguments": 0.11,
    "nothing": 0.05,
}
HOLES = {1: 0.34, 2: 0.24, 3: 0.20, 4: 0.22}
#: Stands between the cells of a notebook.
SEPARATOR = "# %%"
BRACKETS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Hole:
    """A hole of a text: ``text[start:end]`` is what a person would have left out."""

    start: int
    end: int


def window(text: str, rng: random.Random, longest: int) -> str:
    """Cut a piece of a text at lines, at natural places if there are, as long as a cell or a screen."""
    lines = text.splitlines(keepends=True)
    wanted = rng.choice((6, 9, 12, 16, 23, 23, 32))
    first = rng.randrange(len(lines)) if rng.random() < 0.9 else 0
    if rng.random() < 0.6:  # begin where a statement, a function or a cell begins
        for back in range(min(first, 20) + 1):
            line, above = lines[first - back], lines[first - back - 1] if first > back else "\n"
            if re.match(r"\s*(def |class |@|async def )|# %%", line) or (not above.strip() and line.strip()):
                first -= back
                break
    last = min(len(lines), first + wanted)
    if rng.random() < 0.6:  # end before an empty line, if there is one near
        last = next(
            (
                at
                for at in range(last, max(first + 3, last - 8), -1)
                if not "".join(lines[at : at + 1]).strip()
            ),
            last,
        )
    piece = "".join(lines[first:last])
    while len(piece) > longest and last > first + 1:
        last -= max(1, (last - first) // 4)
        piece = "".join(lines[first:last])
    piece = piece[:longest].removeprefix(f"{SEPARATOR}\n")
    return piece.rstrip("\n") if rng.random() < 0.5 else piece


def holes(text: str, rng: random.Random) -> list[Hole]:
    """Choose one to four holes of a text, in order, at least a character apart."""
    wanted = rng.choices(list(HOLES), list(HOLES.values()))[0]
    chosen: list[Hole] = []
    for _ in range(wanted * 4):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        hole = _MAKERS[kind](text, rng)
        # Else "a docstring begins here" is the answer to every hole at the top of a function.
        if hole and _opens_string(text[hole.start : hole.end]):
            continue
        if hole and all(hole.end < other.start or hole.start > other.end for other in chosen):
            chosen.append(hole)
            if len(chosen) == wanted:
                break
    return sorted(chosen, key=lambda hole: hole.start)


def _opens_string(fill: str) -> bool:
    """Whether a text has one end of a string of several lines, and not the other."""
    return any(fill.count(quotes) % 2 for quotes in ('"""', "'''"))


def _lines(text: str) -> list[tuple[int, int]]:
    """Return start and end (before the newline) of each line."""
    spans, at = [], 0
    for line in text.splitlines(keepends=True):
        spans.append((at, at + len(line.rstrip("\n"))))
        at += len(line)
    return spans


def _pick_line(text: str, rng: random.Random) -> tuple[int, int] | None:
    """Pick a line with something in it; the first line of a text seldom.

    Where a cell ends is never to be filled in: people leave holes inside of a cell.
    """
    full = [(start, end) for start, end in _lines(text) if text[start:end].strip() not in {"", SEPARATOR}]
    if not full:
        return None
    # People leave a hole after they have written something: the last lines more often than the first.
    return full[max(rng.randrange(len(full)), rng.randrange(len(full)))]


def _indent(text: str, start: int, end: int) -> int:
    return len(text[start:end]) - len(text[start:end].lstrip())


def _line(text: str, rng: random.Random) -> Hole | None:
    """A whole line; the cursor stands after its indentation, one time in four at the line's start."""
    line = _pick_line(text, rng)
    if line is None:
        return None
    start, end = line
    return Hole(start if rng.random() < 0.25 else start + _indent(text, start, end), end)


def _rest_of_line(text: str, rng: random.Random) -> Hole | None:
    """From the cursor, somewhere in a line, to its end; often where a person stops to think."""
    line = _pick_line(text, rng)
    if line is None:
        return None
    start, end = line
    body = start + _indent(text, start, end)
    stops = [
        body + match.end()
        for match in re.finditer(r"[.(\[,=] ?|\b(return|import|in|if|for|from) ", text[body:end])
    ]
    stops = [stop for stop in stops if stop < end]
    if stops and rng.random() < 0.7:
        return Hole(rng.choice(stops), end)
    return Hole(rng.randrange(body, end), end) if end > body else None


def _some_lines(text: str, rng: random.Random) -> Hole | None:
    """Two to six lines of one block of a cell: from a line's indentation on, as long as they are as deep."""
    line = _pick_line(text, rng)
    if line is None:
        return None
    lines = _lines(text)
    at = lines.index(line)
    depth = _indent(text, *line)
    last, count, wanted = at, 1, rng.randint(2, 6)
    for number in range(at + 1, len(lines)):
        start, end = lines[number]
        if text[start:end].strip():
            ends = text[start:end] == SEPARATOR
            if ends or _indent(text, start, end) < depth or count == wanted:
                break
            last, count = number, count + 1
    return Hole(line[0] + depth, lines[last][1]) if count > 1 else None


def expression(text: str, rng: random.Random) -> Hole | None:
    """The right side of an assignment, what is returned, a condition, or what stands between two commas."""
    found = re.finditer(
        r"(?<=[^=!<>]=)[ ]?[^=\n,]{2,60}?(?=[,)\n\]}]|$)|(?<=return )[^\n]{1,60}|(?<=if )[^\n:]{2,60}(?=:)"
        r"|(?<= in )[^\n:]{2,60}(?=:)|(?<=[(,] )[^,()\n]{1,40}(?=[,)])",
        text,
    )
    spans = [Hole(*match.span()) for match in found if match.group().strip()]
    return rng.choice(spans) if spans else None


def arguments(text: str, rng: random.Random) -> Hole | None:
    """All that stands between the brackets of a call, an index or a literal, if it is not long."""
    opens = [match.start() for match in re.finditer(r"(?<=\w)[(\[]|[(\[{]", text)]
    for _ in range(4):
        if not opens:
            return None
        start = rng.choice(opens)
        depth = 0
        for at in range(start, min(len(text), start + 160)):
            depth += (text[at] in BRACKETS) - (text[at] in BRACKETS.values())
            if depth == 0:
                if at > start + 1:
                    return Hole(start + 1, at)
                break
    return None


def _nothing(text: str, rng: random.Random) -> Hole | None:
    """A hole where nothing is missing: at the end of a line, or on an empty line."""
    empty = [start for start, end in _lines(text) if start == end]
    line = _pick_line(text, rng)
    if empty and rng.random() < 0.3:
        at = rng.choice(empty)
    elif line:
        at = line[1]
    else:
        return None
    return Hole(at, at)


_MAKERS = {
    "line": _line,
    "rest of line": _rest_of_line,
    "lines": _some_lines,
    "expression": expression,
    "arguments": arguments,
    "nothing": _nothing,
}


def parts_and_fills(text: str, chosen: list[Hole]) -> tuple[list[str], list[str]]:
    """Split a text at its holes; a newline after a hole goes into the fill (rule 1)."""
    parts, fills, at = [], [], 0
    for number, hole in enumerate(chosen):
        end = hole.end
        room = chosen[number + 1].start if number + 1 < len(chosen) else len(text)
        if end < room and text[end] == "\n":
            end += 1
        parts.append(text[at : hole.start])
        fills.append(text[hole.start : end])
        at = end
    return [*parts, text[at:]], fills


class Infill:
    """Writes samples of token ids with a tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._end, self._sep, self._eom = (tokenizer.token_to_id(token) for token in (END, SEP, EOM))
        self._masks = [tokenizer.token_to_id(mask) for mask in MASKS]

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        wrapped = PreTrainedTokenizerFast(tokenizer_object=self._tokenizer)
        return Vocabulary(wrapped, FORMATS["codegen2"].steering)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def heal(self, part: str) -> tuple[list[int], str]:
        """Return the ids of a part before a hole, and the text given back to the fill (rules 2, 3)."""
        encoding = self._tokenizer.encode(part, add_special_tokens=False)
        last_line = part.rpartition("\n")[2]
        if not encoding.ids or not last_line.strip():
            return encoding.ids, ""
        given, least = 1, self._vocabulary.open_word(part, encoding.ids)
        while sum(len(self._vocabulary.pieces[i]) for i in encoding.ids[-given:]) < least:
            given += 1
        # A character outside ASCII can be several tokens, and is given back whole.
        start = encoding.offsets[-given][0]
        kept = encoding.ids[: bisect_right(encoding.offsets, start, key=lambda offsets: offsets[1])]
        return kept, part[start:]

    def first_of_fills(self, ids: list[int]) -> Iterator[tuple[int, int]]:
        """Yield, for each mask in the prompt of a sample, its place and the first id of its fill."""
        places: dict[int, list[int]] = {mask: [] for mask in self._masks}
        for place, token in enumerate(ids):
            if token in places:
                places[token].append(place)
        yield from ((pair[0], ids[pair[1] + 1]) for pair in places.values() if len(pair) == 2)

    def sample(self, parts: list[str], fills: list[str]) -> tuple[list[int], int]:
        """Return the ids of a sample, and how many of them come before the first fill."""
        healed = [self.heal(part) for part in parts[:-1]]
        answers = [self._ids(back + fill) for (_, back), fill in zip(healed, fills, strict=True)]
        return self.join([*(kept for kept, _ in healed), self._ids(parts[-1])], answers)

    def join(self, parts: list[list[int]], fills: list[list[int]]) -> tuple[list[int], int]:
        """Return a sample of parts and fills that are ids already, and how many ids precede the fills."""
        prompt: list[int] = []
        answers: list[int] = []
        for mask, part, fill in zip(self._masks, parts, fills, strict=False):
            prompt += [*part, mask]
            answers += [mask, *fill, self._eom]
        prompt += [*parts[-1], self._end, self._sep]
        # The first <mask_1> is part of what the product sends.
        return prompt + answers, len(prompt) + 1
