"""Names that a Python cell defines, found in parso's tree.

parso also reads code that is broken or unfinished. What it can't read is rewritten in syntax that it knows:
magics, ``match``, ``except*``, ``type``, and the type parameters of Python 3.12.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import parso
from parso.python.token import PythonTokenTypes
from parso.python.tokenize import PythonToken, tokenize_lines
from parso.utils import parse_version_string, split_lines

if TYPE_CHECKING:
    from parso.python.tree import Name
    from parso.tree import NodeOrLeaf

#: The same grammar on every Python: a notebook's code may be for an older or newer one than ours.
_VERSION = "3.13"

#: What a cell may contain that parso can't read. Rewriting it inside strings does no harm.
_MAGIC_OR_MATCH = re.compile(r"(?m)^[ \t]*(?:[%!?]|match\b)|=[ \t]*[%!]")
_TYPE_PARAMETERS = re.compile(r"\b((?:def|class|type)[ \t]+\w+[ \t]*)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]")
_TYPE = re.compile(r"(?m)^([ \t]*)type[ \t]+(?=\w+[ \t]*=)")
_EXCEPT_GROUP = re.compile(r"(?m)^([ \t]*except)[ \t]*\*")

_MAGIC = ("!", "%", "?")
_INDENTS = (PythonTokenTypes.INDENT, PythonTokenTypes.DEDENT, PythonTokenTypes.ERROR_DEDENT)
#: Before these, ``match`` and ``case`` are names.
_BEHIND_NAMES = frozenset((":", "=", ".", ",", ")", ";", "\n"))

_SCOPES = ("funcdef", "classdef", "lambdef")
#: Nodes around names that are bound together.
_GROUPS = frozenset(
    (
        *("testlist_star_expr", "testlist_comp", "exprlist", "testlist", "star_expr", "atom"),
        *("import_as_names", "import_as_name", "dotted_as_names", "dotted_as_name", "dotted_name"),
    )
)


def definitions(code: str) -> list[tuple[str, int]]:
    """Names that are defined at the top level of a cell, each with its line, counted from 1.

    A name counts where it is bound in the module's scope: also in a branch or a loop, and in a function if
    that declares it ``global``. ``x += 1`` and ``del x`` define nothing.
    """
    module = parso.load_grammar(version=_VERSION).parse(_readable(code), cache=False, diff_cache=False)
    names = [name for same in module.get_used_names().values() for name in same]
    shared: dict[NodeOrLeaf, set[str]] = {}
    for name in names:
        if name.parent.type == "global_stmt":
            shared.setdefault(_scope(name), set()).add(name.value)
    bound = [name for name in names if _is_bound(name)]
    bodies = [body for name in bound if (body := _broken_body(name))]
    return [
        (name.value, name.line)
        for name in bound
        if ((scope := _scope(name)) is module or name.value in shared.get(scope, ()))
        and not any(first <= name.start_pos < end for first, end in bodies)
    ]


def _is_bound(name: Name) -> bool:
    """Whether a name gets a value at this place; parameters and a comprehension's names don't count."""
    if name.parent.type == "trailer":  # x.name = 1
        return False
    node = name.get_definition()
    if node is None:
        return _is_bound_in_pieces(name)
    if node.type == "expr_stmt":
        sign = node.children[1]
        return sign.type == "annassign" or sign == "="
    return node.type not in ("param", "sync_comp_for", "del_stmt")


def _is_bound_in_pieces(name: Name) -> bool:
    """Whether a name is bound in a statement that is broken or unfinished."""
    before, behind = (leaf.value if leaf else "" for leaf in (name.get_previous_leaf(), name.get_next_leaf()))
    if before in ("def", "class", "as"):
        return behind not in (".", "[") or before != "as"
    part: NodeOrLeaf = name
    while part.parent.type in _GROUPS:
        part = part.parent
    statement = part.parent
    if statement.type != "error_node":
        return False
    head = statement.children[0]
    if head in ("import", "from"):
        return before in ("import", "(", ",") and behind != "as"
    left, right = part.get_previous_sibling(), part.get_next_sibling()
    if left == "for":
        return left.get_previous_sibling() in (None, "async")
    annotated = right == ":" and "=" in statement.children[2:]
    return (left is None or left == "=") and (right == "=" or annotated)


def _scope(node: NodeOrLeaf) -> NodeOrLeaf:
    """The module, function, class or lambda in which a name is bound."""
    while (around := node.parent) is not None:
        # Defaults, decorators, annotations and bases belong to the scope around.
        if around.type in _SCOPES and node is around.children[-1]:
            return around
        node = around
    return node


def _broken_body(name: Name) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Where the body of a function or class with a broken head is: parso leaves it beside the head."""
    head = name.parent
    if head.type != "error_node" or name.get_previous_sibling() not in ("def", "class"):
        return None
    line, column = head.start_pos
    end = head
    while (behind := end.get_next_sibling()) is not None:
        if behind.start_pos[0] > line and behind.start_pos[1] <= column:
            break
        end = behind
    return head.end_pos, end.end_pos


def _readable(code: str) -> str:
    """Rewrite a cell without what parso can't read; every name stays on its line."""
    code = _TYPE_PARAMETERS.sub(lambda found: found[1] + "\\\n" * found[2].count("\n"), code)
    code = _EXCEPT_GROUP.sub(r"\1 ", _TYPE.sub(r"\1", code))
    if not _MAGIC_OR_MATCH.search(code):
        return code
    lines = split_lines(code, keepends=True)
    version = parse_version_string(_VERSION)
    written: list[str] = []
    at = 0
    while at < len(lines):
        statement: list[PythonToken] = []
        for token in tokenize_lines(lines[at:], version_info=version, start_pos=(at + 1, 0)):
            before = next((one.string for one in reversed(statement) if one.type not in _INDENTS), "")
            if token.string in _MAGIC and before in ("", "="):
                first, at = token.start_pos[0], _magic_end(lines, token.start_pos[0])
                written += [_text(statement), token.prefix, "0" if before else "pass"]
                written.append("\n" * (at - first + 1))
                break
            statement.append(token)
            if token.type == PythonTokenTypes.NEWLINE:
                written.append(_statement(statement))
                statement = []
        else:
            return "".join([*written, _statement(statement)])
    return "".join(written)


def _magic_end(lines: Sequence[str], line: int) -> int:
    r"""Count the lines to the end of a magic, which continues after a ``\``."""
    while line < len(lines) and lines[line - 1].rstrip().endswith("\\"):
        line += 1
    return line


def _statement(tokens: Sequence[PythonToken]) -> str:
    """Write one logical line; the headers of ``match`` and ``case`` become those of loops."""
    at = next((i for i, token in enumerate(tokens) if token.type not in _INDENTS), 0)
    first, rest = tokens[at], tokens[at + 1 :]
    if first.string not in ("match", "case") or not rest or rest[0].string in _BEHIND_NAMES:
        return _text(tokens)
    end = _find(rest, ":")
    if end == len(rest) or (first.string == "match" and end != len(rest) - 2):
        return _text(tokens)
    header = f"while [{_text(rest[:end])}]" if first.string == "match" else _case(rest[:end])
    return _text(tokens[:at]) + first.prefix + header + _text(rest[end:])


def _case(header: Sequence[PythonToken]) -> str:
    """Write a case as a loop over its guard that binds the names it captures."""
    end = _find(header, "if")
    guard = _text(header[end + 1 :]) or "0"
    pattern = header[:end]
    texts = ["", *(token.string for token in pattern), ""]
    names = [
        name
        for before, name, behind in zip(texts, texts[1:], texts[2:], strict=False)
        if name.isidentifier()
        and not (keyword.iskeyword(name) or name == "_" or before == "." or behind in (".", "(", "="))
    ]
    lines = "\n" * _text(pattern).count("\n")
    return f"for ({', '.join(names)},{lines}) in ({guard})" if names else f"while ({lines}{guard})"


def _find(tokens: Sequence[PythonToken], wanted: str) -> int:
    """The index of a token outside brackets; the number of tokens if there is none."""
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token.string in "([{") - (token.string in ")]}") if token.string else 0
        if not depth and token.string == wanted:
            return i
    return len(tokens)


def _text(tokens: Iterable[PythonToken]) -> str:
    return "".join(token.prefix + token.string for token in tokens)
