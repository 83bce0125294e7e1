"""Names in code: those that it mentions, and those that get their meaning in it.

They are found by their looks and not by parsing: a prompt is unfinished code, and in any language.
"""

from __future__ import annotations

import re

from cg2magic.syntax.languages import find

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_PYTHON = re.compile(
    r"^(?:async )?(?:def|class)\s+(\w+)"
    r"|^(?:from\s+\S+\s+)?import\s+(\([^)]*\)|[^#\n]+)"
    r"|^([^\W\d][\w, \t*]*?)\s*(?::[^=\n]+)?=(?!=)"
    r"|^for\s+([\w, ()]+?)\s+in\b"
    r"|^with\s[^\n]*\bas\s+(\w+)",
    re.MULTILINE,
)
#: In other languages: what follows a word that defines, and what stands before ``=`` at the begin of a line.
_OTHERS = re.compile(
    r"\b(?:function|func|fn|def|class|struct|type|interface|enum|trait|module|let|const|var|val)\s+(\w+)"
    r"|^([^\W\d]\w*)\s*(?:=|<-)(?![=~])",
    re.MULTILINE,
)
_KEYWORDS = frozenset(("import", "from", "as", "def", "class", "for", "in", "with", "async"))


def mentioned(code: str) -> list[str]:
    """Names that stand in the code, in order and without those behind a dot."""
    return list(dict.fromkeys(_NAME.findall(code)))


def defined(code: str, language: str) -> frozenset[str]:
    """Names that are imported, assigned or defined at the left margin of the code."""
    pattern = _PYTHON if find(language).name == "python" else _OTHERS
    names: set[str] = set()
    for found in pattern.finditer(code):
        for group in filter(None, found.groups()):
            # `import a.b as c, d` binds c and d.
            for part in group.split(","):
                words = re.findall(r"\w+", part.rpartition(" as ")[2])
                names.update(words[:1] if "." in part else words)
    return frozenset(names - _KEYWORDS)
