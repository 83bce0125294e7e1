r"""Write prompts and infills in the format of a family of models.

CodeGen2's formats are those of its model card and of the paper, *CodeGen2: Lessons for Training
LLMs on Programming and Natural Languages* (arXiv 2305.02309): a completion is the text alone; an
infill is ::

    P0 <mask_1> P1 <mask_2> … Pk <|endoftext|> <sep> <mask_1>

to which the model answers ``fill_1 <eom> <mask_2> fill_2 <eom> …``.

At the seams, text and tokens must match what the model saw in training:

- A newline right after a hole moves into the fill: the model sees the next part from the start of
  its next line, as in the example of the model card.
- A prefix that ends in indentation is kept if a token ends there, as in CodeGen2's vocabulary; if the
  vocabulary joins the last space to the next word, the tokens that it changes are removed. From any other
  prefix, the last token is removed, too, and those of the word that it ends in, if it has other tokens as a
  whole. The fill must then start with the removed text (*token healing*): after ``x = `` the model writes
  `` 1`` rather than ``1``, after ``pri`` it may write ``print``.
- Line ends are ``\n``.

Models that fill one hole in the middle (`families.py` lists their tokens) were trained on texts cut at any
place. They get the two texts unchanged, in the order and with the tokens that were published. Only this is
removed, as above: a word at the hole, which they finish less often otherwise (``plt.sho‸``), and what they
are apt to write a second time, an indentation, and what a comment or the format of an f-string's field begins
with (``# ‸``, ``f"{x:‸}"``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from cg2magic.errors import FormatError
from cg2magic.formats import FillInMiddle, Format, Masks
from cg2magic.prompts.budget import Around
from cg2magic.prompts.families import FORMATS
from cg2magic.prompts.vocabulary import Vocabulary

#: No token of any vocabulary we know averages more characters than this over a text of code.
_LONGEST_TOKEN = 32
#: What begins a comment that has no word yet.
_MARK = re.compile(r"[ \t]*(?:#|//|--)[ \t]*")


@dataclass(frozen=True, slots=True)
class Prompt:
    """The input of the model before it writes.

    Attributes
    ----------
    ids : tuple of int
        Token ids.
    starts : tuple of bytes
        For each hole, the text that its fill must start with; it is removed from the output.
    newlines : tuple of bool
        For each hole, whether the newline after it was moved into the fill.
    between : tuple of tuple of int
        For each hole, the ids to feed after its fill: the end of the fill and the next mask.
    ends : frozenset of int
        Ids that end a fill.
    top, bottom : int
        Where the first text begins in `ids` and where the last one ends, without context.
    cut : bool
        Whether text was cut at the far end from the hole.
    around : Around
        The part of `ids` that is context.
    """

    ids: tuple[int, ...]
    starts: tuple[bytes, ...]
    newlines: tuple[bool, ...]
    between: tuple[tuple[int, ...], ...]
    ends: frozenset[int]
    top: int = 0
    bottom: int = 0
    cut: bool = False
    around: Around = field(default_factory=Around)

    def within(self, around: Around) -> Prompt:
        """Insert the context where it would be if it were part of the first and the last text."""
        ids = list(self.ids)
        # Insert from the back, so that the other position does not move.
        for at, more in sorted([(self.top, around.before), (self.bottom, around.after)], reverse=True):
            ids[at:at] = more
        return replace(self, ids=tuple(ids), around=around)


def encode(
    parts: tuple[str, ...], family: str | Format, vocabulary: Vocabulary, room: int, *, inside: bool = False
) -> Prompt:
    """Write a request in the format of the family.

    Parameters
    ----------
    parts : tuple of str
        One text to complete, or the texts around the holes.
    family : str or Format
        A key of `FORMATS`, or a format that is not registered.
    vocabulary : Vocabulary
        Must treat the format's tokens as special tokens.
    room : int
        The token budget of the prompt. A longer text is cut at the far end from the hole, at the start or
        end of a line.
    inside : bool
        Whether other text will be put before it, see `Vocabulary.encode`.

    Raises
    ------
    FormatError
        If the family has no format for infills, if there are more holes than masks, or if the text
        between the holes does not fit.
    """
    # A broken file can contain lone surrogates, which no tokenizer accepts.
    parts = tuple(part.replace("\r\n", "\n").encode(errors="replace").decode() for part in parts)
    ends = set(vocabulary.steering_ids)
    eos = vocabulary.tokenizer.eos_token_id
    if eos is not None:
        ends.add(eos)
    if len(parts) == 1:
        return _completion(parts[0], vocabulary, room, frozenset(ends), inside=inside)
    form = FORMATS[family] if isinstance(family, str) else family
    if isinstance(form, Masks) and form.holes(vocabulary):
        return _masked(parts, form, vocabulary, room, frozenset(ends), inside=inside)
    if isinstance(form, FillInMiddle):
        return _in_the_middle(parts, form, vocabulary, room, frozenset(ends), inside=inside)
    raise FormatError(
        "this model has no known format for filling holes: use %%complete, load one that has (%cg2 models), "
        "or give its tokens with --prefix-token, --suffix-token and --middle-token (cg2magic.register_format)"
    )


def _completion(
    text: str, vocabulary: Vocabulary, room: int, ends: frozenset[int], *, inside: bool
) -> Prompt:
    opening = vocabulary.opening
    ids = _last(text, vocabulary, room - len(opening), inside=inside)
    cut = _dropped(text, vocabulary, ids)
    ids, start = _heal(text, ids, vocabulary, inside=inside)
    if not (ids or opening or inside):
        # A prompt must not be empty.
        opening = vocabulary.separator
        ids, start = (ids, start) if opening else (vocabulary.encode(text, inside=inside), b"")
    if not text and not inside and vocabulary.opens_with_space:
        start = b" "
    ids = [*opening, *ids]
    return Prompt(tuple(ids), (start,), (False,), ((),), ends, len(opening), len(ids), cut)


def _in_the_middle(
    parts: tuple[str, ...],
    form: FillInMiddle,
    vocabulary: Vocabulary,
    room: int,
    ends: frozenset[int],
    *,
    inside: bool,
) -> Prompt:
    if len(parts) > 2:
        raise FormatError(
            f"this model fills one hole at a time, but the cell has {len(parts) - 1}: fill them one after "
            "the other, or load a model that fills several, such as codegen2-1B"
        )
    opening = vocabulary.opening
    prefix, suffix = _special_id(vocabulary, form.prefix), _special_id(vocabulary, form.suffix)
    middle = [_special_id(vocabulary, form.middle)] if form.middle is not None else []
    before, after, cut = _fit(
        parts[0], parts[1], vocabulary, room - len(opening) - 2 - len(middle), inside=inside
    )
    start = b""
    line = parts[0][parts[0].rfind("\n") + 1 :]
    if not line.strip():
        # They learned from texts cut anywhere, but may write an indentation a second time.
        before, start = _heal(parts[0], before, vocabulary, inside=inside)
    else:
        again = _again(line, parts[1])
        if not again and not re.match(r"\w", parts[1]):  # else the word ends behind the hole
            again = vocabulary.open_word(line, before)
        kept, given = _give_back(before, again, vocabulary)
        if vocabulary.leading_to(given):
            before, start = kept, given
    sides = [[prefix, *before], [suffix, *after]]
    if form.suffix_first:
        sides.reverse()
    ids = (*opening, *sides[0], *sides[1], *middle)
    top = ids.index(prefix, len(opening)) + 1
    bottom = ids.index(suffix, len(opening)) + 1 + len(after)
    return Prompt(ids, (start,), (False,), ((),), ends, top, bottom, cut)


def _again(line: str, after: str) -> int:
    """How many bytes before the hole begin a comment, or the format of a field."""
    if _MARK.fullmatch(line):
        return len(line.lstrip())
    return int(line.endswith(":") and after.startswith("}"))


def _masked(
    parts: tuple[str, ...],
    form: Masks,
    vocabulary: Vocabulary,
    room: int,
    ends: frozenset[int],
    *,
    inside: bool,
) -> Prompt:
    most = form.holes(vocabulary)
    holes = len(parts) - 1
    if holes > most:
        raise FormatError(f"this model fills at most {most} holes at once, but the cell has {holes}")

    newlines = tuple(part.startswith("\n") for part in parts[1:])
    seen = [parts[0], *(part[1:] if moved else part for part, moved in zip(parts[1:], newlines, strict=True))]
    masks = [_special_id(vocabulary, form.mask.format(k)) for k in range(1, holes + 1)]
    tail = [_special_id(vocabulary, token) for token in form.tail]
    middle = [vocabulary.encode(text, inside=True) for text in seen[1:-1]]

    room -= len(vocabulary.opening) + holes + len(tail) + 1 + sum(map(len, middle))
    if room < 2:
        raise FormatError(
            "the text between the holes does not fit into the model's context: put the holes closer together"
        )
    first, last, cut = _fit(seen[0], seen[-1], vocabulary, room, inside=inside)

    bodies = [first, *middle, last]
    starts: list[bytes] = []
    for k in range(holes):
        # In training, newlines above a hole were encoded as they are: only its own line counts.
        line = seen[k][seen[k].rfind("\n") + 1 :]
        near = seen[k] if line.strip() else f"x\n{line}"
        bodies[k], start = _heal(near, bodies[k], vocabulary, inside=inside or k > 0)
        starts.append(start)
    ids = list(vocabulary.opening)
    for body, mask in zip(bodies, masks, strict=False):
        ids += [*body, mask]
    ids += bodies[-1]
    bottom = len(ids)
    ids += [*tail, masks[0]]
    end = _special_id(vocabulary, form.end)
    between = (*((end, mask) for mask in masks[1:]), ())
    top = len(vocabulary.opening)
    return Prompt(tuple(ids), tuple(starts), newlines, between, ends, top, bottom, cut)


def _special_id(vocabulary: Vocabulary, token: str) -> int:
    found = vocabulary.id(token)
    if found is None:
        raise FormatError(
            f"this model's vocabulary has no token {token}: see its model card for how holes are written "
            "(--prefix-token, --suffix-token, --middle-token), or use %%complete"
        )
    return found


def _heal(text: str, ids: list[int], vocabulary: Vocabulary, *, inside: bool) -> tuple[list[int], bytes]:
    """Remove the last token or word, and what depends on the text behind it; of a blank line the latter."""
    again = max(vocabulary.loose_end(text, inside=inside), vocabulary.open_word(text, ids))
    return _give_back(ids, again, vocabulary)


def _give_back(ids: list[int], removed: int, vocabulary: Vocabulary) -> tuple[list[int], bytes]:
    """Remove the tokens that the last so many bytes are in."""
    kept, start = ids, b""
    while kept and len(start) < removed:
        kept, start = kept[:-1], vocabulary.pieces[kept[-1]] + start
    return kept, start


def _fit(
    prefix: str, suffix: str, vocabulary: Vocabulary, room: int, *, inside: bool
) -> tuple[list[int], list[int], bool]:
    """Fit prefix and suffix into `room` tokens; the suffix gets a quarter, or what the prefix leaves."""
    before = _last(prefix, vocabulary, room, inside=inside)
    kept = max(room // 4, room - len(before))
    after = _first(suffix, vocabulary, kept)
    before = _last(prefix, vocabulary, room - len(after), inside=inside)
    cut = _dropped(prefix, vocabulary, before) or _dropped(suffix, vocabulary, after)
    return before, after, cut


def _dropped(text: str, vocabulary: Vocabulary, ids: list[int]) -> bool:
    return sum(len(vocabulary.pieces[i]) for i in ids) < len(text.encode())


def _last(text: str, vocabulary: Vocabulary, room: int, *, inside: bool) -> list[int]:
    """Return tokens of the last whole lines of `text` that fit into `room`, or the end of a longer line."""
    text = text[-room * _LONGEST_TOKEN :]
    ids = vocabulary.encode(text, inside=inside)
    while len(ids) > room:
        kept = vocabulary.decode(ids[-room:]) if room > 0 else ""
        line = kept.find("\n") + 1
        if not line or not kept[line:].strip():
            return ids[len(ids) - room :]
        ids = vocabulary.encode(kept[line:], inside=inside)
    return ids


def _first(text: str, vocabulary: Vocabulary, room: int) -> list[int]:
    """Return tokens of the first whole lines of `text` that fit, or the start of a longer line."""
    text = text[: room * _LONGEST_TOKEN]
    ids = vocabulary.encode(text, inside=True)
    while len(ids) > room:
        kept = vocabulary.decode(ids[:room])
        line = kept.rfind("\n", 0, len(kept) - 1) + 1
        if not line or not kept[:line].strip():
            return ids[:room]
        ids = vocabulary.encode(kept[:line], inside=True)
    return ids
