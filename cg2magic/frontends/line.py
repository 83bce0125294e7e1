r"""A magic's line as words: quotes, comments and backslashes are read here, for every option of every magic.

A word that begins with a quote goes to the next quote of that kind, and may contain spaces. The value of an
option that takes a `text` is then read as Python reads a string, so that ``"\n"`` is a newline; others are
names and paths, whose backslashes stay. In front of the first quote there may be an ``r``, as in Python, and
an ``--option=``. A quote inside of a word is a character like any other (``~/o'neill``). A ``#`` that begins
a word begins a comment.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import warnings
from collections.abc import Collection

from IPython.core.error import UsageError as ShellUsageError

from cg2magic.errors import UsageError

_WINDOWS = os.name == "nt"
_QUOTES = ("'", '"')
#: Stands before a value that is as it should be, as a quote stands before one that was in quotes: argparse
#: must not take it for an option, and loses ``--`` otherwise.
_AS_IT_IS = "\0"
_OPENING = re.compile(r"""(?P<name>-{0,2}\w[\w-]*=)?(?P<raw>[rR]?)(?P<quote>["'])""")
_OPTION = re.compile(r"-{1,2}\w[\w-]*=")
#: What shells, and IPython's completion of file names, put a backslash before. Windows knows no such thing.
_ESCAPED = re.compile(r"""\\([ '"()\[\]{}?=|;:#*^&])""")


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """Read a magic's line with the magic's parser.

    Raises
    ------
    UsageError
    """
    reads_words(parser)
    actions = parser._actions  # noqa: SLF001 - argparse tells its arguments nowhere else
    takes_text = [name for action in actions if action.type in (text, code) for name in action.option_strings]
    words, comment = split(line, takes_text)
    try:
        return parser.parse_args(words)
    except ShellUsageError as error:
        hint = "; # begins a comment, unless it is in quotes" if comment and "expected" in str(error) else ""
        raise UsageError(f"{plain(str(error))}{hint}") from None


def split(line: str, takes_text: Collection[str] = ()) -> tuple[list[str], str]:
    r"""Split a line into words, which a parser with `reads_words` understands, and its comment.

    Parameters
    ----------
    line : str
    takes_text : collection of str
        The options in whose quoted values a backslash keeps a quote from closing them.

    Raises
    ------
    UsageError
        If a quote is not closed, or something follows a closing one.
    """
    words: list[str] = []
    rest = line.lstrip()
    while rest and not rest.startswith("#"):
        opening = _OPENING.match(rest)
        name = (opening and opening["name"]) or ""
        option = name.removesuffix("=") or (words[-1] if words else "")
        is_text = len(option) > 2 and any(other.startswith(option) for other in takes_text)
        if opening is None:
            word, rest = _plain(rest, is_text=is_text)
            words.append(_OPTION.sub(rf"\g<0>{_AS_IT_IS}", word, count=1) if word.startswith("-") else word)
        else:
            inner, rest = _quoted(rest, opening, is_text=is_text)
            quote = _AS_IT_IS if opening["raw"] else opening["quote"]
            # NAME="a b" is no option: it is read by whoever takes such a thing.
            is_value = name.startswith("-") or not name
            words.append(f"{name}{quote}{inner}" if is_value else f"{name}{quote}{inner}{quote}")
        rest = rest.lstrip()
    return words, rest


def reads_words(parser: argparse.ArgumentParser) -> None:
    """Let a parser take the words of `split`, whatever the types of its arguments."""
    parser.register("type", None, value)
    parser.register("type", int, _whole)
    parser.register("type", float, _real)


def value(word: str) -> str:
    """Give what a word says: a name, a path, a choice."""
    return word[1:] if word.startswith((*_QUOTES, _AS_IT_IS)) else word


def plain(message: str) -> str:
    """Give what a parser says of words, without our marks."""
    return message.replace(_AS_IT_IS, "")


def text(word: str) -> str:
    r"""Give the text that a word says: in quotes ``\n`` is a newline, as in Python."""
    return unescaped(word[1:], word[0]) if word.startswith(_QUOTES) else value(word)


def code(word: str) -> str:
    r"""Give the Python that a word says: as it stands, or with its escapes read if only that is Python.

    So ``"assert f('a\n')"`` keeps its escape in the string, and ``"import re\nassert f(1)"`` is two lines.
    """
    if word.startswith(_QUOTES) and not is_python(word[1:]):
        return unescaped(word[1:], word[0])
    return value(word)


def is_python(program: str) -> bool:
    """Whether a program can be compiled."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(program, "--check", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return False
    return True


def unescaped(inner: str, quote: str) -> str:
    """Give what Python reads between such quotes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # \d is a backslash and a d
            return str(ast.literal_eval(f"{quote * 3}{inner}{quote * 3}"))
    except (SyntaxError, ValueError) as error:
        said = re.sub(r"^\(unicode error\) | \(.*?\)$", "", getattr(error, "msg", str(error)))
        said = f"{quote}{inner}{quote} is no text: {said}; r{quote}…{quote} is taken as it is"
        raise argparse.ArgumentTypeError(said) from None


def _quoted(rest: str, opening: re.Match[str], *, is_text: bool) -> tuple[str, str]:
    """Give what stands in the quotes that `rest` begins with, and what follows."""
    quote, start = opening["quote"], opening.start("quote")
    # In a path a backslash keeps nothing from closing: "C:\models\" ends there.
    inside = re.compile(rf"(?:\\.|[^\\{quote}])*" if is_text else f"[^{quote}]*", re.DOTALL)
    inner = inside.match(rest, opening.end())
    assert inner is not None
    end = inner.end() + 1
    if not rest.startswith(quote, inner.end()):
        raise UsageError(f"the options can't be read: No closing quotation for {rest[start:]}")
    follows = rest[end:]
    if follows[:1].strip():
        hint = rf"in it a {quote} is written \{quote}" if is_text else "use the other kind of quotes"
        raise UsageError(
            f"the options can't be read: {rest[start:end]} ends before {follows.split()[0]}; {hint}"
        )
    return inner[0], follows


def _plain(rest: str, *, is_text: bool) -> tuple[str, str]:
    r"""Give the word without quotes that `rest` begins with, and what follows."""
    # On Windows `C:\ ` is a whole path, and in a text a backslash is a backslash.
    escapes = not (_WINDOWS or is_text)
    found = re.match(r"(?:\\ |\S)+" if escapes else r"\S+", rest)
    assert found is not None
    return _ESCAPED.sub(r"\1", found[0]) if escapes else found[0], rest[found.end() :]


def _whole(word: str) -> int:
    return int(_number(word, int))


def _real(word: str) -> float:
    return _number(word, float)


def _number(word: str, kind: type[float]) -> float:
    said = value(word)
    try:
        return kind(said)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid {kind.__name__} value: {said!r}") from None
