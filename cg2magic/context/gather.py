"""From a document and a namespace to a `Context`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cg2magic.context.document import Document
from cg2magic.context.names import mentioned
from cg2magic.context.passages import Context, passages, separator
from cg2magic.context.settings import Settings
from cg2magic.context.variables import describe, is_material
from cg2magic.syntax.languages import find, split_header

#: Characters of a prompt, on each side of a hole, that are searched for names.
_LOOKED_AT = 20_000
#: How many cells are searched for variables that the prompt doesn't name, and how many are described.
_NEAR_CELLS, _NEAR_VARIABLES = 6, 6


def gather(
    document: Document,
    parts: tuple[str, ...],
    namespace: Mapping[str, object],
    settings: Settings = Settings(),  # noqa: B008 - it can't be changed
    language: str = "python",
) -> Context | None:
    """Make the context of a request; None if the model may see nothing.

    It never raises, and computes nothing on the variables; see `variables`.

    Parameters
    ----------
    document : Document
    parts : tuple of str
        The texts around the holes, as in `Request.parts`.
    namespace : mapping
        The shell's variables by their names.
    settings : Settings, optional
        What the model may see; the document's metadata can narrow it.
    language : str
        The request's language.
    """
    allowed = settings.within(document.metadata)
    if settings.level == "none":
        return None
    note = "" if allowed.level == settings.level else _NARROWED[allowed.level]
    if allowed.level == "none":
        return Context(note=note)
    whole = allowed.level == "notebook"
    text = [_cut(part) for part in parts]
    uses = list(dict.fromkeys(name for part in text for name in mentioned(part)))
    described: tuple[str, ...] = ()
    if find(language).name == "python":
        names = allowed.names
        if names is None:
            names = (*uses, *(near(document, namespace, uses) if whole else ()))
        described = describe(names, namespace, values=allowed.values)
    return Context(
        above=passages(document.above, language) if whole else (),
        below=passages(document.below, language, below=True) if whole and len(parts) > 1 else (),
        variables=described,
        uses=frozenset(uses),
        separator=separator(language),
        tokens=settings.tokens,
        note=note,
    )


def near(document: Document, namespace: Mapping[str, object], besides: Collection[str]) -> list[str]:
    """Return the variables of the nearest cells that a next cell is likely to be about, the nearest first.

    A comment says what is wanted and names no variable, so these are described as well. Those used last come
    first.
    """
    cells = [cell.source for cell in document.above if cell.kind == "code"][-_NEAR_CELLS:]
    found: dict[str, None] = {}
    for source in reversed(cells):
        _, code = split_header(_cut(source))
        found.update(dict.fromkeys(reversed(mentioned(code))))
    known = (name for name in found if name in namespace and name not in besides)
    return [name for name in known if is_material(namespace[name])][:_NEAR_VARIABLES]


_NARROWED = {
    "none": "context off in this notebook",
    "cell": "other cells off in this notebook",
}


def _cut(part: str) -> str:
    return part if len(part) <= _LOOKED_AT else part[:_LOOKED_AT] + "\n" + part[-_LOOKED_AT:]
