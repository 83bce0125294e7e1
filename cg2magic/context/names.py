"""Names in code: those that it mentions, and those that get their meaning in it.

What Python defines is found by parsing. All else is found by its looks: a prompt is unfinished code, and in
any language.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cg2magic.syntax.languages import find, of_header, split_header

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
#: In other languages: what follows a word that defines, and what stands before ``=`` at the begin of a line.
_OTHERS = re.compile(
    r"\b(?:function|func|fn|def|class|struct|type|interface|enum|trait|module|let|const|var|val)\s+(\w+)"
    r"|^([^\W\d]\w*)\s*(?:=|<-)(?![=~])",
    re.MULTILINE,
)


def mentioned(code: str) -> list[str]:
    """Names that stand in the code, in order and without those behind a dot."""
    return list(dict.fromkeys(_NAME.findall(code)))


def defined(code: str, language: str) -> frozenset[str]:
    """Names that are imported, assigned or defined at the top level of the code."""
    return frozenset(name for name, _ in definitions(code, language))


@lru_cache(maxsize=512)
def definitions(code: str, language: str) -> tuple[tuple[str, int], ...]:
    """Names as `defined` has them, each with the line that gives it a meaning, counted from 1.

    Parameters
    ----------
    code : str
        A cell or a part of one. A cell magic on top of it may say that it is in another language: then
        it defines nothing here.
    language : str
        Any name of one.
    """
    spoken = find(language)
    header, code = split_header(code)
    if of_header(header) not in (None, spoken.name):
        return ()
    above = header.count("\n")
    if spoken.name == "python":
        # parso is imported late: it is not needed to load the extension.
        from cg2magic.context import python_names

        return tuple((name, above + line) for name, line in python_names.definitions(code))
    return tuple(
        (name, above + 1 + code.count("\n", 0, found.start()))
        for found in _OTHERS.finditer(code)
        for name in filter(None, found.groups())
    )
