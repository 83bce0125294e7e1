r"""Python code as it grows, statement by statement, and what it makes of the kernel's names.

    reading = Statements()
    reading.extend('df["ratio"] = df.a / df.b\nfor x in')
    reading.created    # {("df", "ratio")}
    reading.bound()    # {"x"}

A statement is read with the tokens of `syntax.tokens`, so text that has been read is not read again. What is
said of a statement is meant to be too much rather than too little: a name that may be another object by then
counts as bound.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from cg2magic.syntax import tokens
from cg2magic.syntax.languages import find

_PYTHON = find("python")
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
#: Signs that form one operator with an = behind them.
_BEFORE_EQUALS = frozenset("=<>!+-*/%&|^@:")
#: Methods that may change the columns, keys or labels of what they are called on.
_CHANGES = frozenset(("insert", "update", "setdefault", "pop", "popitem", "clear", "eval", "setattr"))
#: Functions that only look at what they get.
_LOOKS = frozenset(("print", "len", "display", "sorted", "sum", "list", "set", "type", "repr", "str", "help"))
_RUNS_OTHER_CODE = frozenset(("run", "load", "pylab", "exec"))


Kind = Literal["word", "sign", "string"]


class Piece(NamedTuple):
    """A word, a sign or a string of a statement."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Whether it is an identifier."""
        return self.kind == "word" and self.text.isidentifier() and not keyword.iskeyword(self.text)


class Statements:
    """Code that grows.

    Attributes
    ----------
    code : str
        All of it.
    statement : list of Piece
        The statement that is not finished, without blanks and comments.
    created : set of tuple of str
        Names that finished statements give to an object: the name of the object, and the attribute or key.
    changed : set of str
        Objects whose names may be others after the finished statements.
    anything : bool
        Whether any name may be bound by now, as after ``from m import *``.
    """

    def __init__(self) -> None:
        self.code = ""
        self.statement: list[Piece] = []
        self.created: set[tuple[str, str]] = set()
        self.changed: set[str] = set()
        self.anything = False
        self._bound: set[str] = set()
        self._state = tokens.START
        # The last token may grow: where it begins, the state there, and the pieces before it.
        self._last = (tokens.START, 0, 0)

    def copy(self) -> Statements:
        """Return one that grows on its own."""
        other = Statements()
        other.__dict__ |= self.__dict__
        for name in ("statement", "created", "changed", "_bound"):
            setattr(other, name, getattr(self, name).copy())
        return other

    @property
    def inside(self) -> Literal["code", "string", "comment"]:
        """What the code ends in."""
        return self._state.inside

    def bound(self) -> set[str]:
        """Names that may be other objects by now than in the kernel."""
        return self._bound | bound(self.statement)

    def extend(self, text: str) -> None:
        """Read on."""
        state, at, kept = self._last
        del self.statement[kept:]
        self.code += text
        goes_on = False
        for token, after in tokens.tokens(self.code, _PYTHON, state, at):
            if not (goes_on and token.text is None):  # a string comes in several tokens
                self._last = (state, token.start, len(self.statement))
            self._take(token, goes_on=goes_on)
            goes_on = token.text is None and after.within is not None
            state = self._state = after
            if self._ends_statement(token):
                self._finish()
                self._last = (state, token.end, 0)

    def end(self) -> None:
        """End a cell: what follows begins anew."""
        if self.statement:
            self._finish()
        self.code, self._state, self._last = "", tokens.START, (tokens.START, 0, 0)

    def _take(self, token: tokens.Token, *, goes_on: bool) -> None:
        text = self.code[token.start : token.end]
        if token.kind == "comment" or (token.kind == "code" and text.isspace()):
            return
        if token.kind == "string" and goes_on and self.statement:
            begun = self.statement.pop()
            text = self.code[begun.start : token.end]
            self.statement.append(Piece("string", text, begun.start, token.end))
            return
        kind: Kind = "word" if text[0].isalnum() or text[0] == "_" else "sign"
        kind = "string" if token.kind == "string" else kind
        self.statement.append(Piece(kind, text, token.start, token.end))

    def _ends_statement(self, token: tokens.Token) -> bool:
        if self._state.stack or token.text not in ("\n", ";"):
            return False
        if token.text == "\n" and self.statement and self.statement[-1].text == "\\":
            self.statement.pop()  # the line goes on
            return False
        return True

    def _finish(self) -> None:
        pieces = self.statement
        self._bound |= bound(pieces)
        created, changed = given(pieces)
        self.created |= created
        self.changed |= changed
        texts = [piece.text for piece in pieces]
        self.anything |= texts[-2:] == ["import", "*"] or (
            texts[:1] == ["%"] and texts[1:2] != [] and texts[1] in _RUNS_OTHER_CODE
        )
        self.anything |= any(pair in (("exec", "("), ("globals", "(")) for pair in pairwise(texts))
        self.statement = []


def operators(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Yield the pieces, with an = joined to the sign right before it."""
    before: Piece | None = None
    for piece in pieces:
        if piece.text == "=" and before and before.end == piece.start and before.text in _BEFORE_EQUALS:
            before = Piece("sign", before.text + "=", before.start, piece.end)
            continue
        if before is not None:
            yield before
        before = piece
    if before is not None:
        yield before


def bound(pieces: Sequence[Piece]) -> set[str]:
    """Names that a statement binds, in whatever scope, also if it is not finished."""
    whole = list(operators(pieces))
    names: set[str] = set()
    head = next((piece.text for piece in whole if piece.text != "async"), "")
    if head in ("del", "global", "nonlocal", "case", "import"):
        names |= {piece.text for piece in whole if piece.is_name}
    elif head == "from":
        words = iter(whole)
        any(piece.text == "import" for piece in words)  # reads on to it
        names |= {piece.text for piece in words if piece.is_name}
    before = ""
    target = 0
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
                or (follows.endswith("=") and follows not in _COMPARISONS and not depth and before != ".")
            ):
                names.add(piece.text)
        elif piece.text == "(" and before == "as":
            open_until = ")"
        if piece.text == "=" and not depth:
            names |= _targets(whole[target:i])
            target = i + 1
        before = piece.text
    return names


_COMPARISONS = frozenset(("==", "<=", ">=", "!="))


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
    changed: set[str] = set()
    depth = target = 0
    for i, piece in enumerate(whole):
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING) if piece.kind == "sign" else 0
        if piece.text == "=" and not depth:
            new, others = _given_by_target(whole[target:i])
            created |= new
            changed |= others
            target = i + 1
    texts = [piece.text for piece in whole]
    if not _CHANGES.isdisjoint(texts) or "inplace" in texts:
        changed |= {piece.text for piece in whole if piece.is_name}
    elif texts[1:2] == ["("] and whole[0].is_name and texts[0] not in _LOOKS:
        # A function of somebody's own may do anything with what it gets.
        changed |= {piece.text for piece in whole[2:] if piece.is_name}
    return created, changed


def _given_by_target(pieces: Sequence[Piece]) -> tuple[set[tuple[str, str]], set[str]]:
    if len(pieces) < 3 or not pieces[0].is_name or pieces[1].text not in (".", "["):
        return set(), set()
    root = pieces[0].text
    attributes = {two.text for one, two in pairwise(pieces) if one.text == "." and two.is_name}
    keys = {piece.text.strip("'\"") for piece in pieces if piece.kind == "string"}
    whole = not keys and pieces[-1].text == "]"  # a key that is not written out
    changed = {root} if whole or attributes & {"columns", "index", "__dict__"} else set()
    return {(root, name) for name in attributes | keys}, changed
