"""Functions that say in a docstring what they do, cut out of modules: a task in words, and code that does it.

What people write first in a notebook is a function like that. In a module it stands between classes and long
lists of parameters, and three docstrings of four are cut to a paragraph; here its examples stay too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from training.extract import parsed

LONGEST_DOCSTRING, LONGEST_BODY = 18, 24
UNDERLINE = re.compile(r"\s*(-{3,}|={3,})\s*$")
FIELD = re.compile(
    r"\s*(:\w+|@\w+|\.\. \w+|(Args|Arguments|Parameters|Returns|Raises|Yields|Notes?|References)\s*:?\s*$)"
)


def functions(text: str) -> Iterator[str]:
    """Yield the plain functions of a module that have a docstring and a short body.

    Of the docstring remain what comes before its first section, and the section with examples. Decorators are
    left off: most of them register, cache or warn, and say nothing of what is computed.
    """
    tree = parsed(text)
    if tree is None:
        return
    lines = text.splitlines()
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or len(node.body) < 2:
            continue
        first, second = node.body[:2]
        assert first.end_lineno is not None
        if ast.get_docstring(node, clean=False) is None or second.lineno <= first.end_lineno:
            continue
        opening, *middle = lines[first.lineno - 1 : first.end_lineno]
        if middle and middle[-1].strip() not in {'"""', "'''"}:
            continue
        kept = [*_described([opening, *middle[:-1]]), *middle[-1:]]
        body = lines[first.end_lineno : node.end_lineno]
        if len(" ".join(kept).split()) < 8 or len(kept) > LONGEST_DOCSTRING or len(body) > LONGEST_BODY:
            continue
        yield "\n".join([*lines[node.lineno - 1 : first.lineno - 1], *kept, *body])


def _described(docstring: list[str]) -> list[str]:
    """Return a docstring's lines before its first section, and those of its examples."""
    heads = [
        number
        for number, line in enumerate(docstring)
        if FIELD.match(line) or UNDERLINE.match("".join(docstring[number + 1 : number + 2]))
    ]
    ends = [*heads, len(docstring)]
    kept = docstring[: ends[0]]
    for head, end in zip(heads, ends[1:], strict=True):
        if docstring[head].strip().startswith("Example") and end - head <= LONGEST_DOCSTRING:
            examples = docstring[head + 1 : end]
            kept += examples[1:] if examples and UNDERLINE.match(examples[0]) else examples
    while len(kept) > 1 and not kept[-1].strip():
        kept.pop()
    return kept
