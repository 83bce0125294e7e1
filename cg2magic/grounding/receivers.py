"""What stands before a name: an expression that is written out, whose class may be known without running it.

df.plot                                       attributes
df["price"], settings["a"]["b"]               literal keys
df.groupby("kind"), Model(alpha=1)            calls
axes[0, 1]                                    elements
df[df["price"] > 1], df[["price", "size"]]    rows and columns of a table
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cg2magic.grounding.pieces import Piece

Kind = Literal["attribute", "key", "column", "keyword", "import"]
#: A method is an attribute that is called, a part some rows or columns of a table.
StepKind = Literal["attribute", "key", "index", "method", "call", "part"]
Step = tuple[StepKind, str]

_INDEX = re.compile(r"-?\d{1,9}(,-?\d{1,9})*", re.ASCII)
_COMPARISONS = frozenset(("==", "!=", "<", ">", "<=", ">=", "&", "|"))
#: Methods of columns that say of each row whether it is meant.
_TESTS = frozenset(("isin", "isna", "isnull", "notna", "notnull", "between", "duplicated"))


class Receiver(NamedTuple):
    """An expression that is written out: a name, and what follows it."""

    root: str
    steps: tuple[Step, ...] = ()

    @property
    def has_call(self) -> bool:
        """Whether something is called in it, so that it is no target of an assignment."""
        return any(kind in ("call", "method") for kind, _ in self.steps)


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
        The keyword of that argument; also ``loc``, where rows are chosen before the column.
    begins : bool
        Whether the statement may be going to give the receiver this name, as a new one.
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


def receiver(pieces: Sequence[Piece]) -> tuple[Receiver, int] | None:
    """Read the receiver that ends the pieces; return it, and how many pieces are before it."""
    steps: list[Step] = []
    at = len(pieces) - 1
    while at >= 0:
        piece = pieces[at]
        if piece.kind == "sign" and piece.text in ")]":
            begin = _opening(pieces, at)
            step = _step(pieces, begin, at)
            if step is None:
                return None
            steps.append(step)
            at = begin - 1
            continue
        if not piece.is_name:
            return None
        if at and pieces[at - 1].text == ".":
            called = steps[-1:] == [("call", "")]
            if called:
                steps.pop()
            steps.append(("method" if called else "attribute", piece.text))
            at -= 2
            continue
        return Receiver(piece.text, tuple(reversed(steps))), at
    return None


def literal(text: str) -> str | None:
    """Return what a plain string says; None if it has escapes or more than one quote at its ends."""
    inner = text[1:-1]
    return None if "\\" in text or text[:1] in inner or len(text) < 2 else inner


def opened(pieces: Sequence[Piece]) -> list[int]:
    """Return indices of the brackets that are open at the end."""
    found: list[int] = []
    for i, piece in enumerate(pieces):
        if piece.kind == "sign" and piece.text in "([{":
            found.append(i)
        elif piece.kind == "sign" and piece.text in ")]}" and found:
            found.pop()
    return found


def flat(pieces: Sequence[Piece], begin: int, end: int) -> list[Piece]:
    """Return those between two places that are in no further brackets."""
    depth, found = 0, []
    for piece in pieces[begin:end]:
        if piece.kind == "sign" and piece.text in ")]}":
            depth -= 1
        if not depth:
            found.append(piece)
        if piece.kind == "sign" and piece.text in "([{":
            depth += 1
    return found


def _opening(pieces: Sequence[Piece], end: int) -> int:
    """Return where the bracket was opened that is closed at a piece; 0 if it was not."""
    depth = 0
    for at in range(end, 0, -1):
        if pieces[at].kind == "sign":
            depth += (pieces[at].text in ")]}") - (pieces[at].text in "([{")
        if not depth:
            return at
    return 0


def _step(pieces: Sequence[Piece], begin: int, end: int) -> Step | None:
    """What brackets behind a value do."""
    if not begin or pieces[begin - 1].end != pieces[begin].start:
        return None
    if pieces[begin].text == "(":
        return "call", ""
    inside = pieces[begin + 1 : end]
    if len(inside) == 1 and inside[0].kind == "string":
        key = literal(inside[0].text)
        return None if key is None else ("key", key)
    written = "".join(piece.text for piece in inside)
    if _INDEX.fullmatch(written):
        return "index", written
    outer = flat(pieces, begin + 1, end)
    texts = [piece.text for piece in outer]
    if len(texts) == 2 and texts[0] == "[" and len(inside) > 2:
        listed = inside[1:-1]
        plain = all(piece.kind == "string" or piece.text == "," for piece in listed)
        return ("part", "") if plain else None
    if "," in texts or not texts:
        return None
    tested = texts[-2:] == ["(", ")"] and texts[-3:-2] != [] and texts[-3] in _TESTS
    return ("part", "") if texts[0] == "~" or tested or not _COMPARISONS.isdisjoint(texts) else None


def is_behind_value(pieces: Sequence[Piece], bracket: int) -> bool:
    """Whether a bracket is behind a value, as in ``x[`` and ``f(``."""
    if not bracket or pieces[bracket - 1].end != pieces[bracket].start:
        return False
    before = pieces[bracket - 1]
    return before.is_name or before.text in (")", "]") or before.kind == "string"


def may_be_bound_later(pieces: Sequence[Piece], begin: int) -> bool:
    """Whether a comprehension may still bind the receiver that begins at a piece: ``[x.name for x in …``."""
    return any(
        _may_hold_comprehension(pieces, bracket)
        and not any(piece.text in (",", "for") for piece in flat(pieces, bracket + 1, begin))
        for bracket in opened(pieces[:begin])
    )


def may_be_target(pieces: Sequence[Piece]) -> bool:
    """Whether what follows these pieces of a statement may be assigned to."""
    return not opened(pieces) and all(
        piece.is_name
        or piece.text.isdigit()
        or piece.kind == "string"
        or piece.text in (",", ".", "*", "(", ")", "[", "]")
        for piece in pieces
    )


#: Functions that are often given a generator expression.
_ITERATE = frozenset(
    (
        *(
            "all",
            "any",
            "dict",
            "enumerate",
            "filter",
            "frozenset",
            "iter",
            "list",
            "map",
            "max",
            "min",
            "next",
        ),
        *(
            "reduce",
            "set",
            "sorted",
            "sum",
            "tuple",
            "zip",
            "Counter",
            "OrderedDict",
            "chain",
            "deque",
            "fmean",
        ),
    )
)
_ITERATE_METHODS = frozenset(
    ("join", "chain", "concat", "Counter", "deque", "extend", "fromiter", "from_iterable", "reduce", "update")
)


def _may_hold_comprehension(pieces: Sequence[Piece], bracket: int) -> bool:
    if not is_behind_value(pieces, bracket):
        return pieces[bracket].text != "("
    function = pieces[bracket - 1].text
    is_method = bracket > 1 and pieces[bracket - 2].text == "."
    return pieces[bracket].text == "(" and function in (_ITERATE_METHODS if is_method else _ITERATE)
