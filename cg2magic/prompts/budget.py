"""What of a `Context` stands around the prompt: one function, and its reasons.

`choose` fills a number of tokens in this order, and what it takes keeps the order of the document:

1. **Variables**, a quarter at most: one line tells what a screen of code would. They change most often, so
   they stand last, right above the prompt, where a change leaves all that is before it in the KV cache.
2. **Cells below**, an eighth at most, the nearest first. They are behind the hole, and so behind all that
   could be kept in a cache; and a small model loses sight of the hole behind a long text
   (`benchmarks/context.py`).
3. **Cells above**, with what is left. All of them where they fit. Else the nearest, and before those, in up
   to a quarter, whatever defines a name that the prompt uses and that the nearest don't define: the imports
   on top of the notebook, most of the time; of several definitions the last one.

The same cells, prompt and model give the same choice. A cell that is added at the bottom, or edited in the
prompt, must not change the text above it, or the KV cache of the request before is lost. So where the
cells no longer fit, they go in steps of about a quarter: the text begins at the first passage behind a
multiple of so many characters, counted from the top of the notebook, and stays there until the next step is
needed. The room for them counts in steps too, since it shrinks with each token of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from cg2magic.context.passages import Context, Passage

Encode = Callable[[str], Sequence[int]]

#: A token of code has about so many characters.
_CHARACTERS = 3


@dataclass(frozen=True, slots=True)
class Around:
    """What was chosen, in tokens.

    Attributes
    ----------
    before, after : tuple of int
        Ids to stand in front of the prompt and behind it.
    cells, variables : int
        Of how many it is made.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    cells: int = 0
    variables: int = 0

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A passage, the place of its cell, and how many characters are above it."""

    passage: Passage
    cell: int
    offset: int


def choose(context: Context, room: int, whole: int, encode: Encode, *, gap: str = "") -> Around:
    """Choose what stands around a prompt.

    Parameters
    ----------
    context : Context
    room : int
        The most tokens.
    whole : int
        The most tokens of the prompt, its answer and what stands around it; what steps are parts of.
    encode : callable
        The tokens of a text; asked for the same texts again and again, so it should remember.
    gap : str
        What stands between the variables and the prompt: without a blank line a comment reads as if it were
        about them, and models end the cell at once.
    """
    variables = _fitting(context.variables, room // 4, encode)
    if variables and gap:
        variables = [*variables, gap]
    room -= sum(len(encode(line)) for line in variables)
    below = _pieces(context.below)
    lead = f"\n{context.separator}"
    fitting = _fitting((piece.passage.text for piece in below), room // 8 - len(encode(lead)), encode)
    below = below[: len(fitting)]
    after = [*encode(lead), *_tokens(below, encode)] if below else []
    step = max(1, whole // 16)
    room = (room - len(after)) // step * step
    above = _above(_pieces(context.above), context.uses, room, whole // 4 * _CHARACTERS, encode)
    before = [*_tokens(above, encode), *(i for line in variables for i in encode(line))]
    cells = len({piece.cell for piece in above}) + len({piece.cell for piece in below})
    return Around(tuple(before), tuple(after), cells, sum(bool(line.strip()) for line in variables))


def _above(
    pieces: list[_Piece], uses: frozenset[str], room: int, stride: int, encode: Encode
) -> list[_Piece]:
    """The nearest pieces, and those before them that define what the prompt uses."""
    start = _start(pieces, room, stride, encode)
    if start and _definitions(pieces, start, uses, room // 4, encode):
        start = _start(pieces, room - room // 4, stride, encode)
    return [*_definitions(pieces, start, uses, room // 4, encode), *pieces[start:]]


def _start(pieces: list[_Piece], room: int, stride: int, encode: Encode) -> int:
    """Index of the first piece of the nearest ones that take at most `room` tokens, see the module."""
    start = len(pieces)
    while start and (room := room - len(encode(pieces[start - 1].passage.text))) >= 0:
        start -= 1
    if start in (0, len(pieces)):
        return start
    edge = -(-pieces[start].offset // stride) * stride
    later = next((i for i in range(start, len(pieces)) if pieces[i].offset >= edge), None)
    # What there is room for may lie between two steps.
    return start if later is None else later


def _definitions(
    pieces: list[_Piece], start: int, uses: frozenset[str], room: int, encode: Encode
) -> list[_Piece]:
    """Pieces before `start` that define names which are used and not defined behind it."""
    missing = set(uses).difference(*(piece.passage.defines for piece in pieces[start:]))
    found = []
    for piece in reversed(pieces[:start]):
        if missing & piece.passage.defines:
            missing -= piece.passage.defines
            length = len(encode(piece.passage.text))
            if length <= room:
                room -= length
                found.append(piece)
    return found[::-1]


def _pieces(cells: Iterable[tuple[Passage, ...]]) -> list[_Piece]:
    listed = [(passage, i) for i, cell in enumerate(cells) for passage in cell]
    offsets = accumulate((len(passage.text) for passage, _ in listed), initial=0)
    return [_Piece(passage, i, offset) for (passage, i), offset in zip(listed, offsets, strict=False)]


def _tokens(pieces: Iterable[_Piece], encode: Encode) -> list[int]:
    return [i for piece in pieces for i in encode(piece.passage.text)]


def _fitting(texts: Iterable[str], room: int, encode: Encode) -> list[str]:
    """The first of the texts, as many as fit."""
    taken = []
    for text in texts:
        room -= len(encode(text))
        if room < 0:
            break
        taken.append(text)
    return taken
