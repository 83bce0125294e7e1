r"""Split a magic's line into words: quotes, comments and backslashes work the same for all options.

A word that begins with a quote ends at the next quote of the same kind, and may contain spaces. If its
option takes a `text`, it is then read like a Python string, so ``"\n"`` is a newline; all other values are
names and paths, which keep their backslashes. An ``r``, as in Python, or an ``--option=`` may come before the
first quote. A quote inside a word is an ordinary character (``~/o'neill``). A ``#`` at the beginning of a
word begins a comment.
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
#: Put before a value that is taken as it is (one that was in quotes gets its quote), so that argparse does
#: not take it for an option or drop ``--``.
_AS_IT_IS = "\0"
_OPENING = re.compile(r"""(?P<name>-{0,2}\w[\w-]*=)?(?P<raw>[rR]?)(?P<quote>["'])""")
_OPTION = re.compile(r"-{1,2}\w[\w-]*=")
#: Characters that shells, and IPython's completion of file names, escape with a backslash; not on Windows.
_ESCAPED = re.compile(r"""\\([ '"()\[\]{}?=|;:#*^&])""")


def parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace:
    """Read a magic's line with the magic's parser.

    Raises
    ------
    UsageError
    """
    reads_words(parser)
    actions = parser._actions  # noqa: SLF001 - argparse lists its arguments nowhere else
    takes_text = [name for action in actions if action.type in (text, code) for name in action.option_strings]
    words, comment = split(line, takes_text)
    try:
        return parser.parse_args(words)
    except ShellUsageError as error:
        hint = "; # begins a comment unless it is in quotes" if comment and "expected" in str(error) else ""
        raise UsageError(f"{plain(str(error))}{hint}") from None


def split(line: str, takes_text: Collection[str] = ()) -> tuple[list[str], str]:
    r"""Split a line into its words, for a parser prepared by `reads_words`, and its comment.

    Parameters
    ----------
    line : str
    takes_text : collection of str
        The options in whose quoted values a backslash escapes a quote.

    Raises
    ------
    UsageError
        If a quote is not closed, or if something directly follows a closing one.
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
            # NAME="a b" is not an option: the command that takes it reads the quotes.
            is_value = name.startswith("-") or not name
            words.append(f"{name}{quote}{inner}" if is_value else f"{name}{quote}{inner}{quote}")
        rest = rest.lstrip()
    return words, rest


def reads_words(parser: argparse.ArgumentParser) -> None:
    """Prepare a parser for the words of `split`, whatever the types of its arguments."""
    parser.register("type", None, value)
    parser.register("type", int, _whole)
    parser.register("type", float, _real)


def value(word: str) -> str:
    """Return the value of a word: a name, a path or a choice."""
    return word[1:] if word.startswith((*_QUOTES, _AS_IT_IS)) else word


def plain(message: str) -> str:
    """Return a parser's message without our marks."""
    return message.replace(_AS_IT_IS, "")


def text(word: str) -> str:
    r"""Return the text that a word stands for: in quotes ``\n`` is a newline, as in Python."""
    return unescaped(word[1:], word[0]) if word.startswith(_QUOTES) else value(word)


def code(word: str) -> str:
    r"""Return the Python code of a word: as it is, or with its escapes read if only that is valid.

    So ``"assert f('a\n')"`` keeps the escape in its string, and ``"import re\nassert f(1)"`` is two lines.
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
    """Read `inner` as Python reads it between such quotes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # \d is a backslash and a d
            return str(ast.literal_eval(f"{quote * 3}{inner}{quote * 3}"))
    except (SyntaxError, ValueError) as error:
        said = re.sub(r"^\(unicode error\) | \(.*?\)$", "", getattr(error, "msg", str(error)))
        said = f"{quote}{inner}{quote} is not valid text: {said}; r{quote}…{quote} is taken literally"
        raise argparse.ArgumentTypeError(said) from None


def _quoted(rest: str, opening: re.Match[str], *, is_text: bool) -> tuple[str, str]:
    """Return what is inside the quotes that `rest` begins with, and what follows."""
    quote, start = opening["quote"], opening.start("quote")
    # In a path a backslash escapes nothing: "C:\models\" is closed.
    inside = re.compile(rf"(?:\\.|[^\\{quote}])*" if is_text else f"[^{quote}]*", re.DOTALL)
    inner = inside.match(rest, opening.end())
    assert inner is not None
    end = inner.end() + 1
    if not rest.startswith(quote, inner.end()):
        raise UsageError(f"can't read the options: there is no closing quote for {rest[start:]}")
    follows = rest[end:]
    if follows[:1].strip():
        hint = (
            rf"write \{quote} for a {quote} inside it"
            if is_text
            else "use the other kind of quotes around it"
        )
        raise UsageError(
            f"can't read the options: {rest[start:end]} ends before {follows.split()[0]}; {hint}"
        )
    return inner[0], follows


def _plain(rest: str, *, is_text: bool) -> tuple[str, str]:
    r"""Return the unquoted word that `rest` begins with, and what follows."""
    # On Windows `C:\ ` is a complete path, and in a text a backslash is just a backslash.
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
