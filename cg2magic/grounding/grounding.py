"""What a request may be grounded in, and the reader that follows one candidate."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cg2magic.context import Document, Settings
from cg2magic.grounding.allowed import Allowed, Rest
from cg2magic.grounding.names import Names
from cg2magic.grounding.open_name import open_name
from cg2magic.grounding.receivers import OpenName
from cg2magic.grounding.statements import Statements
from cg2magic.syntax.languages import find, of_header, split_header

#: Longer text is not read: it would have to be cut, and a name before the cut may be bound.
_LONGEST = 100_000
_WORD = re.compile(r"\w*")
_KEY = {quote: re.compile(rf"(?:[^\\{quote}]|\\.)*", re.DOTALL) for quote in "\"'"}
#: What follows a key, or several: all of an operator, but one that goes on at the next token.
_BEHIND_KEY = re.compile(r"""["'][\w\s,"']*\][\])]*[ \t]*(\n|==?|[^\s=])""")
_ASSIGNED = re.compile(r"""["']?\]*[ \t]*=(?!=)""")
_ASSIGNS = frozenset("=,:")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Grounding:
    """The names that a request may use: those in the kernel, less what is going to be another object.

    Attributes
    ----------
    namespace : mapping
        The shell's variables; looked at while the model writes, and only where a name is open.
    unrun : tuple of str
        The cells above that were not run as they are: what they define is not in the kernel yet.
    """

    namespace: Mapping[str, object] = field(repr=False)
    unrun: tuple[str, ...] = ()

    def follow(self, before: str = "", behind: str = "") -> Follower:
        """Begin to follow what a candidate writes.

        Parameters
        ----------
        before, behind : str
            The code around it in the cell; `behind` is empty for a completion.
        """
        line = before.rfind("\n") + 1
        head = before[:line] if len(before) <= _LONGEST else ""
        reading = _read(self.unrun, head).copy()
        follower = Follower(reading, Names(self.namespace))
        follower.read(before[len(head) :])
        if _WORD.match(behind).end():  # type: ignore[union-attr]
            follower.stop()  # the name may go on behind the hole
        elif before[line : line + 1].isspace():
            # In a function or a loop, what comes later may bind a name for what comes before.
            follower.binds(behind)
        return follower


def ground(
    document: Document,
    namespace: Mapping[str, object],
    executed: Iterable[str],
    settings: Settings,
    language: str = "python",
) -> Grounding | None:
    """Ground a request in a kernel; None where its settings, or the notebook's metadata, forbid it.

    Parameters
    ----------
    document : Document
    namespace : mapping
        The shell's variables by their names.
    executed : iterable of str
        The cells that were run, as they were then.
    settings : Settings
        What the model may see.
    language : str
        The request's language; only Python is grounded.
    """
    if find(language).name != "python" or not settings.within(document.metadata).grounds:
        return None
    ran = {source.strip() for source in executed}
    unrun = (cell.source for cell in document.above if cell.kind == "code" and cell.source.strip() not in ran)
    codes = (split_header(source) for source in unrun)
    return Grounding(
        namespace, tuple(code for header, code in codes if of_header(header) in (None, "python"))
    )


@lru_cache(maxsize=16)
def _read(unrun: tuple[str, ...], head: str) -> Statements:
    """Read whole lines; kept, because the lines above the cursor are the same at the next key."""
    reading = Statements()
    for source in unrun:
        reading.extend(source)
        reading.end()
    reading.extend(head)
    return reading


class Follower:
    """Follows the text of one candidate, and knows which names may come next.

    Parameters
    ----------
    reading : Statements
        What was read before.
    names : Names
    """

    def __init__(self, reading: Statements, names: Names) -> None:
        self._reading = reading
        self._names = names
        self._over = False
        self._later: set[str] = set()
        self._written: dict[tuple[object, ...], list[bytes]] = {}

    def copy(self) -> Follower:
        """Return one that reads on by itself."""
        other = Follower(self._reading.copy(), self._names)
        other._over, other._later, other._written = self._over, self._later, self._written
        return other

    def stop(self) -> None:
        """Allow any name from now on."""
        self._over = True

    def binds(self, text: str) -> None:
        """Take the names that a text binds as bound."""
        later = Statements()
        later.extend(text[:_LONGEST])
        later.end()
        self._later = later.bound()

    def read(self, text: str) -> None:
        """Read on: what the person wrote, or the model."""
        self._over = self._over or len(self._reading.code) + len(text) > _LONGEST
        if text and not self._over:
            self._reading.extend(text)

    def open_name(self) -> OpenName | None:
        """Return the name that is open now, if its receiver is the kernel's."""
        reading = self._reading
        if self._over or reading.anything:
            return None
        name = open_name(reading)
        if name is None or name.kind == "import":
            return name
        roots = {name.of.root, *((name.function.root,) if name.function else ())}
        taken = reading.bound() | reading.changed | self._later
        return name if roots.isdisjoint(taken) else None

    def allowed(
        self, partial: bytes = b"", owed: bytes = b"", corrected: Collection[int] = ()
    ) -> tuple[OpenName, Allowed] | None:
        """Return the open name, and what may come next; None where anything may.

        Parameters
        ----------
        partial : bytes
            The beginning of a character that is not in the text yet.
        owed : bytes
            What the next token has to begin with; the end of what was read.
        corrected : collection of int
            Where names begin that were corrected before.
        """
        name = self.open_name()
        found = None if name is None else self._names.of(name)
        if name is None or found is None:
            return None
        new = self._reading.given_to(name.of.root)
        typed = self._reading.code[name.start :]
        # What was given back may be more than the name: a quote, a dot, the receiver.
        if len(owed) > len(typed.encode()):
            return None
        written = self._sorted(found, frozenset(new), name)
        rest = Rest(name.quote.encode(), lead=name.lead, call=name.kind == "keyword")
        again = name.start in corrected
        return name, Allowed(written, typed.encode() + partial, rest, owed, corrected=again)

    def _sorted(self, found: frozenset[str], new: frozenset[str], name: OpenName) -> list[bytes]:
        """Names as they are written, sorted; kept, because a name has several tokens."""
        key = found, new, name.used, name.quote
        if key not in self._written:
            self._written[key] = sorted(_written((found | new) - name.used, name.quote))
        return self._written[key]

    def end_of(self, name: OpenName) -> int:
        """Where a name ends in the code, as far as it is written."""
        code = self._reading.code
        if name.quote:
            return _KEY[name.quote].match(code, name.start).end()  # type: ignore[union-attr]
        found = _WORD.match(code, name.start)
        return found.end() if found else name.start

    def written(self, name: OpenName) -> bytes:
        """Return a name as it is written."""
        return self._reading.code[name.start : self.end_of(name)].encode()

    def is_read(self, name: OpenName) -> bool:
        """Whether nothing is assigned to a key, as far as that can be told already."""
        behind = _BEHIND_KEY.match(self._reading.code, self.end_of(name))
        return behind is not None and behind[1] not in _ASSIGNS

    def is_bound_later(self, name: OpenName) -> bool:
        """Whether the statement of a name turns out to bind the receiver, as a comprehension does."""
        statement = self._reading.statement
        begins = bool(statement) and name.start >= statement[0].start
        return begins and name.kind != "import" and name.of.root in self._reading.bound()

    def is_assigned(self, name: OpenName) -> bool:
        """Whether the statement gives the receiver this name, as a new one."""
        return name.begins and _ASSIGNED.match(self._reading.code, self.end_of(name)) is not None

    @property
    def length(self) -> int:
        """How many characters were read."""
        return len(self._reading.code)


def _written(names: Iterable[str], quote: str) -> Iterable[bytes]:
    """How names are written in code: as they are, or between quotes."""
    if not quote:
        return [name.encode() for name in names if name.isidentifier()]
    return [_quoted(name, quote).encode() for name in names if not _SURROGATE.search(name)]


def _quoted(name: str, quote: str) -> str:
    if name.isprintable() and quote not in name and "\\" not in name:
        return name
    text = name.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)
