"""Which name is open where code ends: that of an attribute, a key, a keyword of a call, or an import.

    df.plo|                   the attribute "plo" of df
    df[["price", "si|         the key "si" of df, in double quotes
    df.groupby("si|           a column of df: the argument of a method that takes one
    LinearRegression(C=1, fi| a keyword of the class
    from pandas import Da|    what the module has

Nothing is open where more than one thing may come: at the first argument of a call, and where a comprehension
may bind the receiver later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cg2magic.grounding.open_string import in_string
from cg2magic.grounding.pieces import Piece, operators
from cg2magic.grounding.receivers import (
    OpenName,
    Receiver,
    flat,
    is_behind_value,
    may_be_bound_later,
    opened,
    receiver,
)
from cg2magic.grounding.statements import Statements


def open_name(reading: Statements) -> OpenName | None:
    """Return the name that is open at the end of the code; None where nothing is, or where it is not sure."""
    pieces = list(operators(reading.statement))
    if not pieces or reading.inside == "comment" or pieces[0].text in ("%", "!", "?", "@"):
        return None
    length = len(reading.code)
    last = pieces[-1]
    if reading.inside == "string":
        if last.kind != "string":
            return None
        field = _field(pieces)
        return in_string(pieces) if field is None else _in_field(reading.code[field:], field)
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


def _field(pieces: Sequence[Piece]) -> int | None:
    """Where the field begins that is open at the end of an f-string, as in ``f"{df.``."""
    string = pieces[-1]
    if len(pieces) < 2 or pieces[-2].end != string.start or pieces[-2].text.lower() not in ("f", "rf", "fr"):
        return None
    depth = begin = 0
    signs = iter(enumerate(string.text))
    for at, sign in signs:
        if not depth and sign in "{}" and string.text[at + 1 : at + 2] == sign:
            next(signs)  # a brace of the text itself is written twice
        elif sign == "{":
            depth, begin = depth + 1, begin if depth else at + 1
        elif sign == "}":
            depth = max(0, depth - 1)
    return string.start + begin if depth else None


def _in_field(code: str, begin: int) -> OpenName | None:
    reading = Statements()
    reading.extend(f"({code}")  # a field is an expression
    name = open_name(reading)
    return name and replace(name, start=name.start + begin - 1)


def _attribute(pieces: Sequence[Piece], start: int) -> OpenName | None:
    found = receiver(pieces[:-1])
    if found is None or may_be_bound_later(pieces, found[1]):
        return None
    if pieces[-1].start != pieces[-2].end and not opened(pieces):
        return None  # only in brackets does a statement go on in the next line
    return OpenName("attribute", found[0], start, begins=found[1] == 0)


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
    brackets = opened(pieces)
    if not brackets or pieces[brackets[-1]].text != "(" or not is_behind_value(pieces, brackets[-1]):
        return None
    bracket = brackets[-1]
    if bracket >= 2 and pieces[bracket - 2].text in ("def", "class"):
        return None
    found = receiver(pieces[:bracket])
    inside = flat(pieces, bracket + 1, len(pieces))
    used = frozenset(
        one.text
        for before, one, two in zip([None, *inside], inside, inside[1:], strict=False)
        if two.text == "=" and one.is_name and (before is None or before.text == ",")
    )
    if found is None or not used or _is_in_lambda(inside):
        return None
    return OpenName("keyword", found[0], start, lead=not typed, used=used)


def _is_in_lambda(inside: Sequence[Piece]) -> bool:
    """Whether a comma is between the parameters of a lambda: ``f(key=lambda a, ``."""
    words = [piece.text for piece in inside if piece.text in ("lambda", ":")]
    return words[-1:] == ["lambda"]
