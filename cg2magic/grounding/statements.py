r"""Python code as it grows, statement by statement, and what it makes of the kernel's names.

    reading = Statements()
    reading.extend('df["ratio"] = df.a / df.b\nfor x in')
    reading.created    # {("df", "ratio")}
    reading.bound()    # {"x"}

A statement is read with the tokens of `syntax.tokens`, so text that has been read is not read again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from cg2magic.grounding.effects import asked, bound, given, same
from cg2magic.grounding.pieces import Kind, Piece
from cg2magic.syntax import tokens
from cg2magic.syntax.languages import find

_PYTHON = find("python")
_RUNS_OTHER_CODE = frozenset(("run", "load", "pylab", "exec"))


class Statements:
    """Code that grows.

    Attributes
    ----------
    code : str
        All of it.
    statement : list of Piece
        The statement that is not finished, without blanks and comments.
    created : set of tuple of str
        Names that finished statements give to an object, or ask for, as ``if "a" in x`` does: the name of the
        object, and the attribute or key.
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
        self._other_names: set[tuple[str, str]] = set()  # of the same objects, as after ``for row in rows``
        self._state = tokens.START
        # The last token may grow: where it begins, the state there, and the pieces before it.
        self._last = (tokens.START, 0, 0)

    def copy(self) -> Statements:
        """Return one that grows on its own."""
        other = Statements()
        other.__dict__ |= self.__dict__
        for name in ("statement", "created", "changed", "_bound", "_other_names"):
            setattr(other, name, getattr(self, name).copy())
        return other

    @property
    def inside(self) -> Literal["code", "string", "comment"]:
        """What the code ends in."""
        return self._state.inside

    def bound(self) -> set[str]:
        """Names that may be other objects by now than in the kernel."""
        return self._bound | bound(self.statement, finished=False)

    def given_to(self, root: str) -> set[str]:
        """Names that the text gives to an object, or asks whether it has them."""
        return {name for of, name in self.created | asked(self.statement) if of == root}

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
            if self._ends_line(token):
                if self.statement and self.statement[-1].text == "\\":
                    self.statement.pop()  # the statement goes on in the next line
                else:
                    self._finish()
                self._last = (state, token.end, len(self.statement))

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

    def _ends_line(self, token: tokens.Token) -> bool:
        return not self._state.stack and token.text in ("\n", ";")

    def _finish(self) -> None:
        pieces = self.statement
        self._bound |= bound(pieces)
        created, changed = given(pieces)
        self._other_names |= same(pieces)
        others = {(name, of) for name, of in self._other_names if name != of}
        self.changed |= changed | {of for name, of in others if name in changed}
        self.created |= created | {(of, new) for name, of in others for root, new in created if root == name}
        self.created |= asked(pieces)
        texts = [piece.text for piece in pieces]
        self.anything |= texts[-2:] == ["import", "*"] or (
            texts[:1] == ["%"] and texts[1:2] != [] and texts[1] in _RUNS_OTHER_CODE
        )
        self.anything |= any(pair in (("exec", "("), ("globals", "(")) for pair in pairwise(texts))
        self.statement = []
