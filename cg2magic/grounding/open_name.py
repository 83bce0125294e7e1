"""Which name is open where code ends: that of an attribute, a key, a keyword of a call, or an import.

    df.plo|                   the attribute "plo" of df
    df[["price", "si|         the key "si" of df, in double quotes
    df.groupby("si|           a column of df: the argument of a method that takes one
    LinearRegression(C=1, fi| a keyword of the class
    from pandas import Da|    what the module has

Only receivers that are written out count: a name, and attributes and literal keys of it. Nothing is open
where more than one thing may come: in an f-string, at the first argument of a call, where a comprehension may
bind the receiver later, and at a key with which a statement begins, because it may be a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cg2magic.grounding.column_arguments import FUNCTIONS, METHODS
from cg2magic.grounding.statements import Piece, Statements, operators

Kind = Literal["attribute", "key", "column", "keyword", "import"]
Step = tuple[Literal["attribute", "key"], str]


class Receiver(NamedTuple):
    """An expression that is written out: a name, and attributes and keys of it."""

    root: str
    steps: tuple[Step, ...] = ()

    def of(self, *steps: str) -> Receiver:
        """Return these attributes of it."""
        return Receiver(self.root, (*self.steps, *(("attribute", step) for step in steps)))


@dataclass(frozen=True, slots=True)
class OpenName:
    """A name that is being written.

    Attributes
    ----------
    kind : {"attribute", "key", "column", "keyword", "import"}
        A column may also be a level of the index.
    of : Receiver
        Whose name it is; for an import the module.
    start : int
        Where the name begins in the code.
    quote : str
        What ends it, for a key or a column.
    lead : bool
        Whether blanks may still come before it.
    used : frozenset of str
        Names that can't come again: keywords that the call has already.
    function : Receiver or None
        For a column that is an argument of a library's function, that function; `of` is the frame.
    argument : str
        The keyword of that argument.
    begins : bool
        Whether the statement begins with the receiver, so that it may be given a new name.
    """

    kind: Kind
    of: Receiver
    start: int
    quote: str = ""
    lead: bool = False
    used: frozenset[str] = frozenset()
    function: Receiver | None = None
    argument: str = ""
    begins: bool = False


def open_name(reading: Statements) -> OpenName | None:
    """Return the name that is open at the end of the code; None where nothing is, or where it is not sure."""
    pieces = list(operators(reading.statement))
    if not pieces or reading.inside == "comment" or pieces[0].text in ("%", "!", "?", "@"):
        return None
    length = len(reading.code)
    last = pieces[-1]
    if reading.inside == "string":
        return _in_string(pieces) if last.kind == "string" else None
    if last.kind == "string":
        return None
    touches = last.end == length
    if pieces[0].text == "from":
        return _import(pieces, length)
    typed = int(touches and last.kind == "word")
    if touches and len(pieces) > typed and pieces[-1 - typed].text == ".":
        start = last.start if typed else length
        return _attribute(pieces[: len(pieces) - typed], start)
    return _keyword(pieces[: len(pieces) - typed], last.start if typed else length, typed=bool(typed))


def receiver(pieces: Sequence[Piece]) -> tuple[Receiver, int] | None:
    """Read the receiver that ends the pieces; return it, and how many pieces are before it."""
    steps: list[Step] = []
    at = len(pieces) - 1
    while at >= 0:
        piece = pieces[at]
        if piece.text == "]" and at >= 3 and pieces[at - 1].kind == "string" and pieces[at - 2].text == "[":
            key = literal(pieces[at - 1].text)
            if key is None or pieces[at - 3].end != pieces[at - 2].start:
                return None
            steps.append(("key", key))
            at -= 3
            continue
        if not piece.is_name:
            return None
        if at and pieces[at - 1].text == ".":
            steps.append(("attribute", piece.text))
            at -= 2
            continue
        return Receiver(piece.text, tuple(reversed(steps))), at
    return None


def literal(text: str) -> str | None:
    """Return what a plain string says; None if it has escapes or more than one quote at its ends."""
    inner = text[1:-1]
    return None if "\\" in text or text[:1] in inner or len(text) < 2 else inner


def _attribute(pieces: Sequence[Piece], start: int) -> OpenName | None:
    found = receiver(pieces[:-1])
    if found is None or pieces[-1].start != pieces[-2].end or _may_be_bound_later(pieces, found[1]):
        return None
    return OpenName("attribute", found[0], start, begins=found[1] == 0)


def _may_be_bound_later(pieces: Sequence[Piece], begin: int) -> bool:
    """Whether a comprehension may still bind the receiver that begins at a piece: ``[x.name for x in …``."""
    opened = _opened(pieces[:begin])
    if not opened:
        return False
    bracket = opened[-1]
    displays = pieces[bracket].text != "(" and not _is_subscript(pieces, bracket)
    return displays and not any(piece.text == "," for piece in _flat(pieces, bracket + 1, begin))


def _opened(pieces: Sequence[Piece]) -> list[int]:
    """Indices of the brackets that are open at the end."""
    opened: list[int] = []
    for i, piece in enumerate(pieces):
        if piece.kind == "sign" and piece.text in "([{":
            opened.append(i)
        elif piece.kind == "sign" and piece.text in ")]}" and opened:
            opened.pop()
    return opened


def _flat(pieces: Sequence[Piece], begin: int, end: int) -> list[Piece]:
    """Those between two places that are in no further brackets."""
    depth, found = 0, []
    for piece in pieces[begin:end]:
        if piece.kind == "sign" and piece.text in ")]}":
            depth -= 1
        if not depth:
            found.append(piece)
        if piece.kind == "sign" and piece.text in "([{":
            depth += 1
    return found


def _is_subscript(pieces: Sequence[Piece], bracket: int) -> bool:
    """Whether a bracket is behind a value, as in ``x[`` and ``f(``."""
    if not bracket or pieces[bracket - 1].end != pieces[bracket].start:
        return False
    before = pieces[bracket - 1]
    return before.is_name or before.text in (")", "]") or before.kind == "string"


def _in_string(pieces: Sequence[Piece]) -> OpenName | None:
    string, before = pieces[-1], pieces[:-1]
    quote = string.text[0]
    if string.text.startswith(3 * quote) or not before:
        return None
    if before[-1].end == string.start and before[-1].kind != "sign":
        return None  # f"…
    start = string.start + 1
    opened = _opened(before)
    if not opened:
        return None
    bracket = opened[-1]
    inside = _flat(before, bracket + 1, len(before))
    if before[bracket].text == "[":
        if _is_subscript(before, bracket):
            return _subscript(before, bracket, inside, start, quote)
        if all(piece.kind == "string" or piece.text == "," for piece in inside):
            return _in_list(before, bracket, start, quote)
    elif before[bracket].text == "(" and _is_subscript(before, bracket):
        return _argument(before, bracket, inside, start, quote)
    return None


def _subscript(
    before: Sequence[Piece], bracket: int, inside: Sequence[Piece], start: int, quote: str
) -> OpenName | None:
    found = receiver(before[:bracket])
    if found is None:
        return None
    of, begin = found
    if of.steps and of.steps[-1] == ("attribute", "loc"):
        # Behind the comma there are columns: df.loc[:, "…
        if sum(piece.text == "," for piece in inside) != 1 or inside[-1].text != "," or begin == 0:
            return None
        return OpenName("column", Receiver(of.root, of.steps[:-1]), start, quote)
    if inside or begin == 0:
        return None
    return OpenName("key", of, start, quote)


def _in_list(before: Sequence[Piece], bracket: int, start: int, quote: str) -> OpenName | None:
    """In a list of plain strings: ``df[["…``, ``columns=["…``, ``groupby(["…``."""
    opened = _opened(before[:bracket])
    if not opened:
        return None
    around = opened[-1]
    inside = _flat(before, around + 1, bracket)
    if before[around].text == "[" and _is_subscript(before, around):
        return _subscript(before, around, inside, start, quote)
    if before[around].text == "(" and _is_subscript(before, around):
        return _argument(before, around, inside, start, quote)
    return None


def _argument(
    before: Sequence[Piece], bracket: int, inside: Sequence[Piece], start: int, quote: str
) -> OpenName | None:
    """An argument of a method or a function that names a column."""
    found = receiver(before[:bracket])
    if found is None or any(piece.text in ("*", "**") for piece in inside[:1]):
        return None
    function = found[0]
    place = sum(piece.text == "," for piece in inside)
    name = inside[-2].text if len(inside) >= 2 and inside[-1].text == "=" else ""
    if inside and not name and inside[-1].text != ",":
        return None  # inside of an expression
    for length in (1, 2):
        method = ".".join(step for _, step in function.steps[-length:])
        places, names = METHODS.get(method, ((), frozenset()))
        if len(function.steps) >= length and (name in names or (not name and place in places)):
            of = Receiver(function.root, function.steps[:-length])
            return OpenName("column", of, start, quote)
    frame = _frame_argument(inside)
    if name and frame and any(name in keywords for _, keywords in FUNCTIONS.values()):
        return OpenName("column", frame, start, quote, function=function, argument=name)
    return None


def _frame_argument(inside: Sequence[Piece]) -> Receiver | None:
    """The frame in a call: ``data=df``, or the first argument."""
    arguments: list[list[Piece]] = [[]]
    for piece in inside:
        if piece.text == ",":
            arguments.append([])
        else:
            arguments[-1].append(piece)
    for i, argument in enumerate(arguments[:-1]):
        if len(argument) > 2 and argument[1].text == "=":
            if argument[0].text not in {data for data, _ in FUNCTIONS.values()}:
                continue
            argument = argument[2:]
        elif i:
            continue
        found = receiver(argument)
        if found is not None and found[1] == 0:
            return found[0]
    return None


def _import(pieces: Sequence[Piece], length: int) -> OpenName | None:
    words = [piece.text for piece in pieces]
    if "import" not in words or words[1:2] == ["."]:
        return None
    at = words.index("import")
    module = "".join(words[1:at])
    last = pieces[-1]
    typed = last.kind == "word" and last.end == length and len(pieces) > at + 1
    before = words[-2] if typed else words[-1]
    if before not in ("import", ",", "(") or (typed and not last.is_name):
        return None
    start = last.start if typed else length
    return OpenName("import", Receiver(module), start, lead=not typed)


def _keyword(pieces: Sequence[Piece], start: int, *, typed: bool) -> OpenName | None:
    """A keyword of a call that has one already: nothing but a keyword can follow."""
    if not pieces or pieces[-1].text != ",":
        return None
    opened = _opened(pieces)
    if not opened or pieces[opened[-1]].text != "(" or not _is_subscript(pieces, opened[-1]):
        return None
    bracket = opened[-1]
    if bracket >= 2 and pieces[bracket - 2].text in ("def", "class"):
        return None
    found = receiver(pieces[:bracket])
    inside = _flat(pieces, bracket + 1, len(pieces))
    used = frozenset(
        one.text
        for before, one, two in zip([None, *inside], inside, inside[1:], strict=False)
        if two.text == "=" and one.is_name and (before is None or before.text == ",")
    )
    if found is None or not used:
        return None
    return OpenName("keyword", found[0], start, lead=not typed, used=used)
