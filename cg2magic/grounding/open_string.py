"""Which key or column is open where code ends in a string.

df["pri|                             the key "pri" of df
df.groupby(["kind", "pri|            a column: an argument of a method that takes one
df.groupby("kind").agg({"pri|        also as the key of a dictionary
sns.boxplot(data=df, x="pri|         a column of the frame that a function is given
"""

from __future__ import annotations

from collections.abc import Sequence

from cg2magic.grounding.column_arguments import DICTIONARIES, FUNCTIONS, METHODS, Places
from cg2magic.grounding.pieces import Piece
from cg2magic.grounding.receivers import (
    OpenName,
    Receiver,
    flat,
    is_behind_value,
    may_be_bound_later,
    may_be_target,
    opened,
    receiver,
)


def in_string(pieces: Sequence[Piece]) -> OpenName | None:
    """Return the name that is open in the string that ends the pieces of a statement."""
    string, before = pieces[-1], pieces[:-1]
    quote = string.text[0]
    if string.text.startswith(3 * quote) or not before:
        return None
    if before[-1].end == string.start and before[-1].kind != "sign":
        return None  # b"…
    start = string.start + 1
    brackets = opened(before)
    if not brackets:
        return None
    bracket = brackets[-1]
    inside = flat(before, bracket + 1, len(before))
    if before[bracket].text == "[":
        if is_behind_value(before, bracket):
            return _subscript(before, bracket, inside, start, quote)
        if all(piece.kind == "string" or piece.text == "," for piece in inside):
            return _in_list(before, bracket, start, quote)
    elif before[bracket].text == "{":
        is_key = not inside or inside[-1].text == ","
        return _in_call(before, bracket, start, quote, DICTIONARIES) if is_key else None
    elif is_behind_value(before, bracket):
        return _argument(before, bracket, inside, start, quote)
    elif not inside and before[bracket - 1].text == "=":
        return _in_aggregation(before, bracket, start, quote)
    return None


def _subscript(
    before: Sequence[Piece], bracket: int, inside: Sequence[Piece], start: int, quote: str
) -> OpenName | None:
    found = receiver(before[:bracket])
    if found is None or may_be_bound_later(before, found[1]):
        return None
    of, begin = found
    begins = not of.has_call and may_be_target(before[:begin])
    if of.steps and of.steps[-1] == ("attribute", "loc"):
        # Behind the comma there are columns: df.loc[:, "…
        if sum(piece.text == "," for piece in inside) != 1 or inside[-1].text != ",":
            return None
        frame = Receiver(of.root, of.steps[:-1])
        return OpenName("column", frame, start, quote, argument="loc", begins=begins)
    return None if inside else OpenName("key", of, start, quote, begins=begins)


def _in_list(before: Sequence[Piece], bracket: int, start: int, quote: str) -> OpenName | None:
    """In a list of plain strings: ``df[["…``, ``columns=["…``, ``groupby(["…``."""
    brackets = opened(before[:bracket])
    if not brackets:
        return None
    around = brackets[-1]
    if before[around].text == "[" and is_behind_value(before, around):
        return _subscript(before, around, flat(before, around + 1, bracket), start, quote)
    return _in_call(before, bracket, start, quote, METHODS)


def _in_call(
    before: Sequence[Piece], bracket: int, start: int, quote: str, table: dict[str, Places]
) -> OpenName | None:
    """In brackets that are an argument of a call."""
    brackets = opened(before[:bracket])
    if not brackets or before[brackets[-1]].text != "(" or not is_behind_value(before, brackets[-1]):
        return None
    return _argument(before, brackets[-1], flat(before, brackets[-1] + 1, bracket), start, quote, table)


def _in_aggregation(before: Sequence[Piece], bracket: int, start: int, quote: str) -> OpenName | None:
    """The column of a named aggregation: ``agg(total=("price", "sum"))``."""
    brackets = opened(before[:bracket])
    found = receiver(before[: brackets[-1]]) if brackets else None
    if found is None or found[0].steps[-1:] not in ((("attribute", "agg"),), (("attribute", "aggregate"),)):
        return None
    of = found[0]
    return OpenName("column", Receiver(of.root, of.steps[:-1]), start, quote)


def _argument(
    before: Sequence[Piece],
    bracket: int,
    inside: Sequence[Piece],
    start: int,
    quote: str,
    table: dict[str, Places] = METHODS,
) -> OpenName | None:
    """An argument of a method or a function that names a column."""
    found = receiver(before[:bracket])
    texts = [piece.text for piece in inside]
    if found is None or texts[:1] in (["*"], ["**"]) or "axis" in texts:
        return None
    function = found[0]
    place = sum(piece.text == "," for piece in inside)
    name = inside[-2].text if len(inside) >= 2 and inside[-1].text == "=" else ""
    if inside and not name and inside[-1].text != ",":
        return None  # inside of an expression
    for length in (1, 2):
        method = ".".join(step for _, step in function.steps[-length:])
        places, names = table.get(method, ((), frozenset()))
        if len(function.steps) >= length and (name in names or (not name and place in places)):
            of = Receiver(function.root, function.steps[:-length])
            return OpenName("column", of, start, quote)
    frame = _frame_argument(inside)
    if table is METHODS and name and frame and any(name in keywords for _, keywords in FUNCTIONS.values()):
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
