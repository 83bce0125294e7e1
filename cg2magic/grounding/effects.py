"""What a statement makes of names: those that it binds, and the objects that it changes or adds to.

What is said is meant to be too much rather than too little: a name that may be another object by then
counts as bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from cg2magic.grounding.pieces import Piece, operators

_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
#: Methods that may change the columns, keys, labels or elements of what they are called on.
_CHANGES = frozenset(
    (
        *("insert", "update", "setdefault", "pop", "popitem", "clear"),
        *("append", "appendleft", "extend", "popleft", "remove", "reverse", "sort"),
    )
)
#: What may change anything that stands in the same statement.
_CHANGES_ALL = frozenset(("eval", "setattr", "delattr", "inplace"))
#: Names whose methods leave their arguments as they are.
_DRAWS = frozenset(("plt", "sns", "px", "go", "ax", "axes", "axs", "fig", "st", "pd", "np", "logging", "log"))
#: Functions that only look at what they get.
_LOOKS = frozenset(("print", "len", "display", "sorted", "sum", "list", "set", "type", "repr", "str", "help"))


def bound(pieces: Sequence[Piece], *, finished: bool = True) -> set[str]:
    """Names that a statement binds, in whatever scope.

    Parameters
    ----------
    pieces : sequence of Piece
    finished : bool
        If not, those that are bound already. What an assignment binds is bound at its end: in ``df = df.``,
        the second is the old one.
    """
    whole = list(operators(pieces))
    head = next((piece.text for piece in whole if piece.text != "async"), "")
    names = _bound_by_keyword(head, whole)
    before = ""
    depth = 0
    open_until = ""  # names up to this word are bound
    for i, piece in enumerate(whole):
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING) if piece.kind == "sign" else 0
        if piece.text == open_until:
            open_until = ""
        elif piece.text in ("for", "lambda") and piece.kind == "word":
            open_until = "in" if piece.text == "for" else ":"
        elif piece.is_name:
            follows = whole[i + 1].text if i + 1 < len(whole) else ""
            parameter = head == "def" and depth and before in ("(", ",", "*")
            if (
                parameter
                or (open_until and before != ".")
                or before in ("def", "class", "as")
                or follows == ":="
                or (finished and _assigns(follows) and not depth and before != ".")
            ):
                names.add(piece.text)
        elif piece.text == "(" and before == "as":
            open_until = ")"
        before = piece.text
    if finished:
        names = names.union(*(_targets(target) for target in _assigned_to(whole)))
    return names


def _bound_by_keyword(head: str, whole: Sequence[Piece]) -> set[str]:
    """Names that a statement binds by its first word."""
    if head == "del":
        return _targets(whole)
    if head in ("global", "nonlocal", "case", "import"):
        return {piece.text for piece in whole if piece.is_name}
    if head == "from":
        words = iter(whole)
        any(piece.text == "import" for piece in words)  # reads on to it
        return {piece.text for piece in words if piece.is_name}
    return set()


def _assigned_to(whole: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
    """Yield what is before each = of an assignment."""
    depth = target = 0
    for i, piece in enumerate(whole):
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING) if piece.kind == "sign" else 0
        if piece.text == "=" and not depth:
            yield whole[target:i]
            target = i + 1


def _assigns(operator: str) -> bool:
    return operator.endswith("=") and operator not in ("==", "<=", ">=", "!=")


def _targets(pieces: Sequence[Piece]) -> set[str]:
    """Bare names among the targets of an assignment."""
    texts = ["", *(piece.text for piece in pieces), ""]
    return {
        piece.text
        for before, piece, behind in zip(texts, pieces, texts[2:], strict=False)
        if piece.is_name and before != "." and behind not in (".", "[", "(")
    }


def given(pieces: Sequence[Piece]) -> tuple[set[tuple[str, str]], set[str]]:
    """What a finished statement creates: names that it gives to objects, and objects that it may change."""
    whole = list(operators(pieces))
    created: set[tuple[str, str]] = set()
    changed = _changed_by_calls(whole)
    for target in _assigned_to(whole):
        new, others = _given_by_target(target)
        created |= new
        changed |= others
    return created, changed


def _changed_by_calls(whole: Sequence[Piece]) -> set[str]:
    texts = [piece.text for piece in whole]
    if not _CHANGES_ALL.isdisjoint(texts):
        return {piece.text for piece in whole if piece.is_name}
    methods = [i for i, text in enumerate(texts) if text in _CHANGES and texts[i - 1 : i] == ["."]]
    changed = {piece.text for piece in whole[: methods[-1] if methods else 0] if piece.is_name}
    if texts[1:2] == ["("] and whole[0].is_name and texts[0] not in _LOOKS:
        # A function of somebody's own may do anything with what it gets.
        changed |= {piece.text for piece in whole[2:] if piece.is_name}
    elif texts[1:2] == ["."] and "(" in texts and texts[0] not in _DRAWS:
        ends = zip(texts, whole[1:], texts[2:], strict=False)
        changed |= {
            one.text
            for before, one, behind in ends
            if one.is_name and before in ("(", ",", "=") and behind in (",", ")")
        }
    return changed


def same(pieces: Sequence[Piece]) -> set[tuple[str, str]]:
    """Other names that a statement gives to objects: ``row = rows[0]``, ``for row in rows:``."""
    texts = [piece.text for piece in pieces]
    if texts[:1] == ["for"] and "in" in texts:
        at = texts.index("in")
        targets, source = pieces[1:at], pieces[at + 1 :]
    elif texts[1:2] == ["="] and all(
        piece.is_name or piece.kind == "string" or piece.text.isdigit() or piece.text in (".", "[", "]")
        for piece in pieces[2:]
    ):
        targets, source = pieces[:1], pieces[2:]
    else:
        return set()
    return {(name.text, of.text) for name in targets for of in source if name.is_name and of.is_name}


def asked(pieces: Sequence[Piece]) -> set[tuple[str, str]]:
    """Names of which a statement asks whether an object has them: ``"a" in x``, ``hasattr(x, "a")``."""
    found = set()
    for i, piece in enumerate(pieces):
        if piece.kind != "string":
            continue
        behind = [each.text for each in pieces[i + 1 : i + 3]]
        if behind[:1] == ["in"] or behind == ["not", "in"]:
            objects = pieces[i + 2 :]
        elif any(each.text in ("hasattr", "getattr") for each in pieces[:i]):
            objects = pieces[:i]
        else:
            continue
        found |= {(each.text, piece.text.strip("'\"")) for each in objects if each.is_name}
    return found


def _given_by_target(pieces: Sequence[Piece]) -> tuple[set[tuple[str, str]], set[str]]:
    """What the targets before one = create and change; each name may be any of their objects'."""
    texts = ["", *(piece.text for piece in pieces)]
    roots = {
        one.text
        for before, one, two in zip(texts, pieces, pieces[1:], strict=False)
        if one.is_name and before != "." and two.text in (".", "[")
    }
    attributes = {two.text for one, two in pairwise(pieces) if one.text == "." and two.is_name}
    keys = {piece.text.strip("'\"") for piece in pieces if piece.kind == "string"}
    whole = not keys and bool(pieces) and pieces[-1].text == "]"  # a key that is not written out
    changed = roots if whole or attributes & {"columns", "index", "__dict__"} else set()
    return {(root, name) for root in roots for name in attributes | keys}, changed
