"""From a document and a namespace to a `Context`."""

from __future__ import annotations

from collections.abc import Mapping

from cg2magic.context.document import Document
from cg2magic.context.names import mentioned
from cg2magic.context.passages import Context, passages, separator
from cg2magic.context.settings import Settings
from cg2magic.context.variables import describe
from cg2magic.syntax.languages import find

#: Characters of a prompt, on each side of a hole, that are searched for names.
_LOOKED_AT = 20_000


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
        names = uses if allowed.names is None else allowed.names
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


_NARROWED = {
    "none": "context off in this notebook",
    "cell": "other cells off in this notebook",
}


def _cut(part: str) -> str:
    return part if len(part) <= _LOOKED_AT else part[:_LOOKED_AT] + "\n" + part[-_LOOKED_AT:]
