r"""Where a fill ends: before what a person would delete again.

Models that were trained to fill holes seldom stop by themselves. They write on into what already stands
after the hole, close brackets that are not theirs, go on with the next function, or begin to explain. So the
place of the hole says how much is wanted. These are the rules, each with the case that made it (``‸`` is the
hole, ``⏎`` a newline):

1. **Text follows on the line**: a part of one logical line is missing, up to a word or sign that stands only
   once in its place and begins that text, or a comma. ``plt.plot(x, ‸)``, ``{k: v for ‸ in items}``
2. **The line was begun**: its rest is missing, and the block under it if that ends in a colon. ``return ‸``
3. **A line of its own**: all lines that are indented as deep as the first are kept; at the top level only
   those before a blank line or a second definition. ``def __init__(self, w):⏎        ‸⏎⏎    def area(self):``
   A block after the hole that no line begins yet is begun by the fill, which ends where the model arrives at
   it, else with the first line that could begin it. ``‸⏎        total += x⏎    return total`` A hole without
   an indentation may also leave its block, if the model then arrives at what stands after the hole. Code
   under a comment ends before the next comment, which belongs to other lines. ``# drop missing rows⏎‸``
4. **A bracket** that the fill did not open belongs to the text after the hole, unless nothing there closes
   it. ``plt.hist(df[‸])``
5. **In a string** it ends at the quote, in a comment at the end of the line. ``f"Accuracy: {‸:.2f}"`` In a
   string over several lines, the rules about lines hold as well. ``x : float⏎        ‸⏎    factor : float``
6. **A line like the next one** means that the model has arrived at the text after the hole: the same line, a
   first value for the same variable, an `assert` or `print` of other values; or one of the lines below it.
   ``‸⏎⏎assert is_prime(7)``
7. **A fence** (three backticks) begins an explanation, and `%%` another cell. Neither is ever Python.
8. **What overlaps**: where text follows on the line, what the fill's end and that text have in common is
   dropped, and so is a call where that text calls. ``for ‸ in xs:``, ``‸(df["mass"])``
9. **It has to parse**: if the cell does with less of the fill, and doesn't with all of it, then that is kept,
   up to the end of a line, or of a word where the hole is within one. ``def f(‸): return x``

Languages other than Python are read with their own brackets, strings and words that open and close a block.
In SQL a ``;`` ends the fill as well, if what stands after the hole goes on with the statement.
"""

from __future__ import annotations

import re

from cg2magic.syntax.arrival import is_beginning, is_same, where_below
from cg2magic.syntax.places import CLOSING, OPENS, Hole, width
from cg2magic.syntax.quiet_fills import quiet_end
from cg2magic.syntax.seams import is_balanced, is_one_word
from cg2magic.syntax.tokens import State, Token, tokens

_CONTINUES = ("elif", "else", "except", "finally", "case")
_DEFINES = re.compile(r"(?:async\s+def|def|class)\b|@")
#: No line inside of brackets begins so.
_STATEMENT = re.compile(
    r"(?:def|class|import|from|return|raise|with|while|try|assert|del|pass)\b(?!\s*[=,)\]}])|@"
)
#: What goes on with a statement of SQL.
_CLAUSE = re.compile(
    r"(?i)\s*(?:(?:from|where|group|order|having|limit|offset|fetch|join|inner|left|right|full|cross|on|and"
    r"|or|union|except|intersect|values|set|returning|window|when|then|else|end|as)\b|[;),])"
)
#: Behind these a line inside of brackets goes on.
_GOES_ON = re.compile(r"(?:[,(\[{+\-*/%|&=<>]|\b(?:and|or|not|in|is|if|else|for|lambda))\s*\Z")
_OPERATORS = "=!<>:+-*/%|&^@~"


def fill_end(hole: Hole, fill: str, *, done: bool = False) -> int | None:
    """Where a fill ends; None while it goes on.

    Parameters
    ----------
    hole : Hole
    fill : str
        As far as it is written.
    done : bool
        Whether nothing more will come, so that the last line can be judged too.

    Returns
    -------
    int or None
        Length of the text that is kept.
    """
    if hole.quote:
        return quiet_end(hole, fill, done=done)
    ends = (_again(hole, fill), _Reader(hole, fill, done=done).end())
    return min((end for end in ends if end is not None), default=None)


def _again(hole: Hole, fill: str) -> int | None:
    """Where a fill begins to write the whole rest of the line, which stands after it."""
    rest = hole.after.strip()
    if hole.place != "within a line" or not re.search(r"\w{3}", rest):
        return None
    at = fill.find(rest)
    while at >= 0:
        kept, behind = fill[:at], fill[at + len(rest) :]
        whole = not is_one_word(kept, rest) and not is_one_word(rest, behind)
        if whole and is_balanced(kept, hole.language):
            return at
        at = fill.find(rest, at + 1)
    return None


class _Reader:
    """Reads a fill in code, until one of the rules says that it ends."""

    def __init__(self, hole: Hole, fill: str, *, done: bool) -> None:
        self.hole = hole
        self.fill = fill
        self.done = done
        self.closes = hole.closes
        self.once = hole.once
        behind = hole.after if hole.after.strip() else hole.following
        self.is_clause = hole.language.blocks == "statements" and bool(_CLAUSE.match(behind))
        self.is_function = False
        self.own = 0  # how often `once` may come in the fill, because of a word before it
        self.kept = 0  # the end of the last line that was written
        self.line = 0  # the beginning of the present one
        self.is_open = ""  # what is to be closed there, the innermost first
        self.fresh = hole.place == "own line"  # whether it is blank so far
        self.blanks = 0
        self.base: int | None = None  # indentation of the first line
        self.answers = False  # whether that line does what the comment above the hole says
        self.ahead: int | None = None  # where it ends if it never arrives at the block after the hole
        self.left = False  # whether it went on outside of the block that its first line is in
        self.met = False  # a line that is like the first of that block
        self.arrived = False  # at that block, or at the line after the hole
        self.header: int | None = None  # indentation of the statement whose block is written
        self.defines = False

    def end(self) -> int | None:
        """Where it ends."""
        end = self._read()
        if self.ahead is None or self.arrived or (end is None and not self.done):
            return end
        return self.ahead

    def _read(self) -> int | None:
        before = self.hole.begin
        for token, state in tokens(self.fill, self.hole.language, before):
            outside = not before.stack and before.within is None
            if token.text != "\n":
                if token.text is None or not token.text.isspace():
                    end = self._line_begins(token.start) if self.fresh and outside else None
                    if end is None and (
                        self._is_strange(token, before, state) or self._is_over(token, before)
                    ):
                        alike = self._like_the_next(token.start, token.text or "")
                        end = token.start if alike is None else alike
                    self.fresh = False
                else:
                    end = None
            elif outside and not self.fill[: token.start].endswith("\\"):
                end = self._line_ends(token.start)
            else:
                end = self._like_the_next(token.start)
                end = self._has_the_rest(token.start) if end is None else end
                self.line, self.is_open = token.end, _closers(state)
                closed_below = self.hole.following.lstrip().startswith(CLOSING)
                if end is None and self.is_open and self.is_open == self.hole.unopened and not closed_below:
                    end = token.start
            if end is not None:
                return end
            before = state
        return self._like_the_next(len(self.fill)) if self.done else None

    def _line_begins(self, at: int) -> int | None:
        """Judge the first word of a line."""
        blocks_of = self.hole.language.blocks
        rest = self.fill[at:]
        in_brackets = self.hole.enclosed and blocks_of == "python"
        is_none = rest.startswith("```") or (blocks_of == "python" and rest.startswith("%%"))
        if is_none or (in_brackets and _STATEMENT.match(rest)):
            return self.kept
        column = self._column(self.fill[self.line : at])
        word = re.match(r"\w*", rest).group()  # type: ignore[union-attr] # matches
        if self.header is not None:
            if column == self.header and any(each.startswith(word) for each in _CONTINUES if word):
                return None if word in _CONTINUES or (word == rest and not self.done) else self.kept
            return self.kept if column <= self.header or self.blanks > 1 else None
        defines = bool(_DEFINES.match(rest))
        if self.base is None:
            self.base, self.defines = column, defines and rest[0] != "@"
            self.answers = self.hole.is_told and not rest.startswith(self.hole.language.comments)
            return None
        if self.answers and column <= self.base and rest.startswith(self.hole.language.comments):
            return self.kept
        if self.ahead is not None and not self.left and column <= self.base and not self.defines:
            return self.kept if word not in _CONTINUES and (self.done or word != rest) else None
        if in_brackets:
            return self.kept if self.blanks > 1 else None
        is_left = blocks_of == "python" and self._is_left(column, defines=defines)
        if is_left and self.ahead is None and self._may_come_back(column, defines=defines):
            self.ahead, self.left, is_left = self.kept, True, False
        over = self.blanks > 1 or is_left
        if over or (column == 0 and (self.blanks or (self.defines and defines))):
            return self.kept
        self.defines |= defines and rest[0] != "@"
        return None

    def _is_left(self, column: int, *, defines: bool) -> bool:
        """Whether a line is outside of the block that the first line is in.

        A hole without an indentation may be one for the rest of a function: as far as the text after it.
        """
        assert self.base is not None
        if self.hole.column or not self.base or defines:
            return column < self.base
        below = width(self.hole.following)
        return column < (below if 0 < below <= self.base and not self.left else 1)

    def _may_come_back(self, column: int, *, defines: bool) -> bool:
        """Whether a fill that has left its block may write another one, which stands after the hole."""
        return not self.hole.column and column > 0 and not defines

    def _line_ends(self, at: int) -> int | None:
        """Judge a line that is whole."""
        if self.fresh:
            self.blanks, self.line = self.blanks + 1, at + 1
            return None
        arrived = self._like_the_next(at)
        arrived = self._has_the_rest(at) if arrived is None else arrived
        if arrived is not None:
            return arrived
        if self.hole.closes and not self.closes:
            return at  # the statement around the hole is whole
        hole, line = self.hole, self.hole.begun + self.fill[:at]
        if hole.place == "own line" and self._begins_the_block(at):
            self.ahead = at
        if hole.place != "own line" and self.header is None and not self._goes_on(line):
            python = hole.language.blocks == "python"
            if hole.place == "within a line" or hole.has_block or not (python and OPENS.search(line)):
                return at
            self.header = hole.column
        self.kept, self.line, self.fresh, self.blanks, self.is_open = at, at + 1, True, 0, ""
        return None

    def _is_strange(self, found: Token, before: State, state: State) -> bool:
        """Whether a token is not the fill's: it closes what is open around the hole, or hides the rest."""
        token, hole = found.text, self.hole
        if token is None:
            return hole.place == "within a line" and found.kind == "comment" and before.within is None
        if token not in CLOSING:
            return state.stray or (token == ";" and self.is_clause)
        if len(state.stack) < len(before.stack):
            return False
        if hole.language.name == "shell" and token == ")" and not hole.enclosed:
            return False  # a pattern of `case`
        if self.closes.startswith(token):
            self.closes = self.closes[1:]
            return False
        return True

    def _is_over(self, found: Token, before: State) -> bool:
        """Whether a token is the one that follows the hole, and can't be in it as well."""
        if before.stack or found.text is None:
            return False
        own = {"lambda": ":", "if": "else"}.get(found.text)
        self.is_function |= found.text == "lambda"
        if own is not None and own == self.once:
            self.own += 1  # another one is part of the fill
        if found.text != self.once:
            return False
        if self.once == "," and self.is_function:
            return False  # the comma is between its parameters
        if self.once in _OPERATORS:
            near = self.fill[max(0, found.start - 1) : found.start] + self.fill[found.end : found.end + 1]
            unsure = found.end == len(self.fill) and not self.done  # = may become ==
            if unsure or any(sign in _OPERATORS for sign in near):
                return False
        self.own -= 1
        return self.own < 0

    def _goes_on(self, line: str) -> bool:
        """Whether a line inside of brackets goes on, and what stands after the hole is not how."""
        below = self.hole.following.lstrip()
        is_free = bool(self.closes) or not below or below.startswith(CLOSING)
        return self.hole.enclosed and is_free and bool(_GOES_ON.search(line))

    def _begins_the_block(self, at: int) -> bool:
        """Whether a line is the header of the block that stands after the hole."""
        line, below = self.fill[self.line : at], self.hole.following
        if self.hole.enclosed or self.hole.language.blocks != "python" or not OPENS.search(line):
            return False
        if self.ahead is not None:  # a header within a header, and nothing between them
            return self.ahead == self.kept and not self.left and self._column(line) < width(below)
        return self.base is not None and self._column(line) == self.base < width(below)

    def _column(self, line: str) -> int:
        return width(line) + (0 if self.line else self.hole.column)

    def _has_the_rest(self, stop: int) -> int | None:
        """Where the first line of the fill goes on as the hole's own line does."""
        rest = self.hole.after.rstrip()
        if self.line or self.hole.place != "within a line" or not self.fill.endswith(rest, 0, stop):
            return None
        kept = self.fill[: stop - len(rest)]
        return len(kept) if kept.strip() and is_balanced(kept, self.hole.language) else None

    def _like_the_next(self, stop: int, bracket: str = "") -> int | None:
        """Where the fill ends if its present line is like the one after the hole, up to a bracket.

        What is open there has to be closed by the text after the hole.
        """
        line, following = self.fill[self.line : stop], self.hole.following
        if (self.line == 0 and self.hole.place != "own line") or not line.strip():
            return None
        where: int | None = 0
        if bracket:
            alike = following.strip().startswith(line.strip() + bracket)
        elif self.is_open or self.hole.enclosed:
            alike = is_same(line, following)
        else:
            where = where_below(
                self.hole,
                line,
                self._column(line),
                self.base or 0,
                is_first=not self.line,
                is_cut=self.done and stop == len(self.fill),
            )
            alike = where is not None
        if not alike or not self.hole.unopened.startswith(self.is_open):
            return None
        end = len(self.fill[: self.line].rstrip())
        if self.ahead is None or where or self._goes_on_alike(stop):
            self.arrived = not where
            return end
        if not self.met and not self.left:
            self.ahead, self.met = end, True
        return None

    def _goes_on_alike(self, stop: int) -> bool:
        """Whether the line of the fill after this one stands after the hole, too: one line may be chance."""
        rest, below = self.fill[stop:].split("\n"), self.hole.below[1:]
        line = next(filter(str.strip, rest if self.done else rest[:-1]), "")
        return not below or (bool(line) and is_beginning(line, below[0]))


def _closers(state: State) -> str:
    return "".join(one.closer for one in reversed(state.stack) if one.closer)
