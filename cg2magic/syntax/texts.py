"""What is not code in a language, strings and comments: how each begins, continues and ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["string", "comment"]


@dataclass(frozen=True, slots=True)
class Text:
    r"""A kind of string or comment, in regular expressions without groups, except for the tag.

    Attributes
    ----------
    begin : str
        What begins it. A part that differs from one to the next is a group ``tag``: ``r(?P<tag>#*)"``.
    end : str
        What ends it; ``{tag}`` stands for the tag, ``{gat}`` for its mirror image.
    kind : {"string", "comment"}
    escape : str
        What is skipped in it, such as ``\\.``, the character after a backslash.
    hole : str
        What opens code in it; its last character is a bracket: ``\$\{``.
    over_lines : bool
        Whether it continues on the next line. If not, the end of a line also ends it.
    nests : str
        What begins another one inside it, which has to end first.
    later : bool
        Whether it begins on the next line, as a here-document does.
    """

    begin: str
    end: str
    kind: Kind = "string"
    escape: str = r"\\."
    hole: str = ""
    over_lines: bool = False
    nests: str = ""
    later: bool = False

    def rest(self, tag: str) -> re.Pattern[str]:
        """A pattern of the text up to its end, a hole or a nested one; the group shows which of them."""
        return _rest(self, tag)


@lru_cache(maxsize=256)
def _rest(text: Text, tag: str) -> re.Pattern[str]:
    tags = {"tag": re.escape(tag), "gat": re.escape(tag.translate(_MIRRORED))}
    marks = {name: _fill(getattr(text, name), tags) for name in ("end", "hole", "nests")}
    if tag and marks["end"] == marks["nests"]:  # a delimiter that is its own mirror image
        marks["nests"] = ""
    stops = [rf"(?P<{name}>{mark})" for name, mark in marks.items() if mark]
    if not text.over_lines:
        stops.append(r"(?P<line>(?=\n))")
    skipped = rf"{text.escape}|." if text.escape else "."
    unnamed = "|".join([mark for mark in marks.values() if mark] + ([] if text.over_lines else [r"\n"]))
    return re.compile(rf"(?s)(?:(?!{unnamed})(?:{skipped}))*(?:{'|'.join(stops)}|\Z)")


_MIRRORED = str.maketrans("([{<", ")]}>")


def _fill(pattern: str, tags: dict[str, str]) -> str:
    # Not with format: a pattern has braces of its own.
    for name, tag in tags.items():
        pattern = pattern.replace(f"{{{name}}}", tag)
    return pattern


def line_comment(mark: str, *, behind: str) -> Text:
    """Return a comment that runs to the end of its line; ``behind`` is a pattern that checks its place."""
    return Text(behind + re.escape(mark), r"(?!)", "comment", escape="")


def comment(begin: str, end: str, *, nests: bool = False) -> Text:
    """Return a comment that spans lines."""
    begin, end = re.escape(begin), re.escape(end)
    return Text(begin, end, "comment", escape="", over_lines=True, nests=begin if nests else "")


def quoted(quote: str, *, hole: str = "", over_lines: bool = False) -> Text:
    """Return a string with backslash escapes."""
    return Text(quote, quote, hole=hole, over_lines=over_lines)


def raw(begin: str, end: str, escape: str = "") -> Text:
    """Return a string that spans lines, without backslash escapes."""
    return Text(begin, end, escape=escape, over_lines=True)


def here(mark: str, tag: str = r"[A-Z]\w*", hole: str = "") -> Text:
    """Return a here-document; ``mark`` comes before its tag, and ``tag`` is how an unquoted tag begins."""
    begin = rf"{mark}(?:'(?=\w+')|\"(?=\w+\")|(?={tag}))(?P<tag>\w+)['\"]?"
    return Text(begin, r"(?<=\n)[ \t]*{tag}\b", hole=hole, over_lines=True, later=True)


_BLOCK = comment("/*", "*/")
_NESTED = comment("/*", "*/", nests=True)
#: A character literal; any other ' is a lifetime, a type or a transposed matrix.
_CHARACTER = Text(r"(?<![\w\])}.'])b?'(?=(?:\\(?:x[0-9a-fA-F]+|u\{?\w+\}?|.)|[^'\\\n])')", "'")
_DOUBLE, _SINGLE = (quoted(quote, over_lines=True) for quote in "\"'")
_PLAIN = (quoted('"'), quoted("'"))
_RAW_BLOCK = raw('"""', '"""')
_HOLED_RAW_BLOCK = Text('"""', '"""', escape="", hole=r"\$\{", over_lines=True)
_DOLLAR_BRACE = r"\$\{"
_RUBY_HOLE = r"#\{"
_TAGGED = r"{gat}"
_TEMPLATE = quoted("`", hole=_DOLLAR_BRACE, over_lines=True)
_PERL_QUOTE = r"(?<![\w$@%&>{])(?:q[qwrx]?|m)(?![ \t]*=>)[ \t]*(?P<tag>[(\[{</!])"
#: Both sides of a replacement, with the same sign between them.
_PERL_REPLACE = r"(?<![\w$@%&>{])(?:s|tr|y)(?P<tag>[/!#])(?:\\.|(?!(?P=tag))[^\\\n])*(?P=tag)"

#: They are looked for in this order.
TEXTS: dict[str, tuple[Text, ...]] = {
    "c": (_BLOCK, *_PLAIN),
    "c++": (_BLOCK, raw(r'\b(?:u8|[uUL])?R"(?P<tag>[^()\\\s"]*)\(', r'\){tag}"'), *_PLAIN),
    "c#": (_BLOCK, _RAW_BLOCK, raw('(?:@\\$?|\\$@)"', '"', escape='""'), *_PLAIN),
    "dart": (
        _NESTED,
        raw("\\br'''", "'''"),
        raw('\\br"""', '"""'),
        *(Text(rf"\br{quote}", quote, escape="") for quote in "\"'"),
        *(quoted(3 * quote, hole=_DOLLAR_BRACE, over_lines=True) for quote in "\"'"),
        *(quoted(quote, hole=_DOLLAR_BRACE) for quote in "\"'"),
    ),
    "go": (_BLOCK, raw("`", "`"), *_PLAIN),
    "java": (_BLOCK, quoted('"""', over_lines=True), *_PLAIN),
    "javascript": (_BLOCK, _TEMPLATE, *_PLAIN),
    "typescript": (_BLOCK, _TEMPLATE, *_PLAIN),
    "kotlin": (
        _NESTED,
        _HOLED_RAW_BLOCK,
        quoted('"', hole=_DOLLAR_BRACE),
        quoted("'"),
    ),
    "lua": (
        Text(r"--\[(?P<tag>=*)\[", r"\]{tag}\]", "comment", escape="", over_lines=True),
        raw(r"\[(?P<tag>=*)\[", r"\]{tag}\]"),
        *_PLAIN,
    ),
    "php": (_BLOCK, here("<<<[ \t]*", r"\w"), quoted('"', hole=r"\{(?=\$)", over_lines=True), _SINGLE),
    "python": (quoted('"""', over_lines=True), quoted("'''", over_lines=True), *_PLAIN),
    "ruby": (
        Text(r"(?<![^\n])=begin\b", r"(?<=\n)=end\b", "comment", escape="", over_lines=True),
        here(r"<<[-~]?", hole=_RUBY_HOLE),
        Text(
            r"(?<![\w)\]}])%[qQwWiIr]?(?P<tag>[(\[{<!/])",
            _TAGGED,
            hole=_RUBY_HOLE,
            over_lines=True,
            nests="{tag}",
        ),
        quoted('"', hole=_RUBY_HOLE, over_lines=True),
        quoted("`", hole=_RUBY_HOLE, over_lines=True),
        _SINGLE,
    ),
    "rust": (_NESTED, raw(r'\b[bc]?r(?P<tag>#*)"', '"{tag}'), _CHARACTER, _DOUBLE),
    "scala": (
        _NESTED,
        _HOLED_RAW_BLOCK,
        _CHARACTER,
        quoted('"', hole=_DOLLAR_BRACE),
    ),
    "shell": (
        here(r"(?<!<)<<-?[ \t]*", r"[A-Za-z_]"),
        Text(r"\$'", "'", over_lines=True),
        raw("'", "'"),
        quoted('"', hole=r"\$\(", over_lines=True),
    ),
    "sql": (
        _BLOCK,
        raw(r"\$(?P<tag>\w*)\$", r"\${tag}\$"),
        *(raw(quote, quote) for quote in ("'", '"', "`")),
    ),
    "swift": (
        _NESTED,
        raw(r'(?P<tag>#+)"', '"{tag}'),
        quoted('"""', hole=r"\\\(", over_lines=True),
        quoted('"', hole=r"\\\("),
        quoted("'"),
    ),
    "r": (
        raw(r"""\b[rR]["'](?P<tag>-*)\(""", r"""\){tag}["']"""),
        raw(r"""\b[rR]["'](?P<tag>-*)[\[{]""", r"""[\]}]{tag}["']"""),
        raw("`", "`"),
        _DOUBLE,
        _SINGLE,
    ),
    "perl": (
        Text(r"(?<![^\n])=[a-z]\w*", r"(?<=\n)=cut\b", "comment", escape="", over_lines=True),
        here(r"<<~?"),
        Text(_PERL_REPLACE, _TAGGED, over_lines=True),
        Text(_PERL_QUOTE, _TAGGED, over_lines=True, nests="{tag}"),
        _DOUBLE,
        _SINGLE,
    ),
    "julia": (
        comment("#=", "=#", nests=True),
        quoted('"""', hole=r"\$\(", over_lines=True),
        _CHARACTER,
        quoted('"', hole=r"\$\(", over_lines=True),
        quoted("`", hole=r"\$\(", over_lines=True),
    ),
    "vue": (comment("<!--", "-->"), *_PLAIN),
    "html": (comment("<!--", "-->"), *_PLAIN),
}
