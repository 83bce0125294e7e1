"""Names in code: those that it mentions, and those that it defines.

Python's definitions are found by parsing. Everything else is found with regular expressions: a prompt is
unfinished code, and may be in any language.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cg2magic.syntax.languages import find, of_header, split_header

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
#: In other languages: what follows a defining word, and what comes before ``=`` at the beginning of a line.
_OTHERS = re.compile(
    r"\b(?:function|func|fn|def|class|struct|type|interface|enum|trait|module|let|const|var|val)\s+(\w+)"
    r"|^([^\W\d]\w*)\s*(?:=|<-)(?![=~])",
    re.MULTILINE,
)


def mentioned(code: str) -> list[str]:
    """Names that the code mentions, in order, except those after a dot."""
    return list(dict.fromkeys(_NAME.findall(code)))


def defined(code: str, language: str) -> frozenset[str]:
    """Names that are imported, assigned or defined at the top level of the code."""
    return frozenset(name for name, _ in definitions(code, language))


@lru_cache(maxsize=512)
def definitions(code: str, language: str) -> tuple[tuple[str, int], ...]:
    """Names as in `defined`, each with the line that defines it, counted from 1.

    Parameters
    ----------
    code : str
        A cell or a part of one. If a cell magic at its top says that it is in another language, it
        defines nothing here.
    language : str
        Any name of a language.
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
