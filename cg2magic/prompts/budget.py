"""Choose the parts of a `Context` to put around the prompt, within a token budget.

`choose` uses the budget in this order; the chosen text keeps the order of the document:

1. **Variables**, a quarter at most: one line says as much as a screen of code. They change most often, so
   they come last, right above the prompt; then a change keeps everything before them in the KV cache.
2. **Cells below**, an eighth at most, the nearest first. They come after the hole, and so after everything
   that a KV cache could keep; and a small model loses sight of the hole behind a long text
   (`benchmarks/context.py`).
3. **Cells above**, with the rest. All of them if they fit. Otherwise the nearest and, in up to a quarter,
   earlier passages that define names which the prompt uses and the nearest cells don't define: usually the
   imports at the top of the notebook. Of several definitions it takes the last one.

The same cells, prompt and model give the same choice. Adding a cell at the bottom or editing the prompt must
not change the text above, or the KV cache of the previous request is lost. So if the cells no longer fit,
they are dropped in steps of about a quarter: the text begins at the first passage after a multiple of a
number of characters, counted from the top of the notebook, and stays the same until the next step is needed.
The budget for cells above also changes in steps, because it shrinks with each token of the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from cg2magic.context.passages import Context, Passage

Encode = Callable[[str], Sequence[int]]

#: Typical number of characters in a token of code.
_CHARACTERS = 3


@dataclass(frozen=True, slots=True)
class Around:
    """The chosen context, in tokens.

    Attributes
    ----------
    before, after : tuple of int
        Ids to put before and after the prompt.
    cells, variables : int
        How many of them it contains.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    cells: int = 0
    variables: int = 0

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A passage, the index of its cell, and the number of characters above it."""

    passage: Passage
    cell: int
    offset: int


def choose(context: Context, room: int, whole: int, encode: Encode, *, gap: str = "") -> Around:
    """Choose the context around a prompt.

    Parameters
    ----------
    context : Context
    room : int
        The budget: maximum number of tokens.
    whole : int
        Maximum number of tokens of the prompt, its answer and its context; steps are fractions of this.
    encode : callable
        Returns the tokens of a text; called for the same texts again and again, so it should be cached.
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
    """Return the nearest pieces, and those before them that define names the prompt uses."""
    start = _start(pieces, room, stride, encode)
    if start and _definitions(pieces, start, uses, room // 4, encode):
        start = _start(pieces, room - room // 4, stride, encode)
    return [*_definitions(pieces, start, uses, room // 4, encode), *pieces[start:]]


def _start(pieces: list[_Piece], room: int, stride: int, encode: Encode) -> int:
    """Return the index of the first of the nearest pieces that fit into `room`, see the module."""
    start = len(pieces)
    while start and (room := room - len(encode(pieces[start - 1].passage.text))) >= 0:
        start -= 1
    if start in (0, len(pieces)):
        return start
    edge = -(-pieces[start].offset // stride) * stride
    later = next((i for i in range(start, len(pieces)) if pieces[i].offset >= edge), None)
    # All that fits may lie between two steps.
    return start if later is None else later


def _definitions(
    pieces: list[_Piece], start: int, uses: frozenset[str], room: int, encode: Encode
) -> list[_Piece]:
    """Return pieces before `start` that define used names which the pieces after it don't define."""
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
    """Return as many of the first texts as fit."""
    taken = []
    for text in texts:
        room -= len(encode(text))
        if room < 0:
            break
        taken.append(text)
    return taken
