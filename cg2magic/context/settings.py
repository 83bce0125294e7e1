"""How much of the notebook and of the kernel the model may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cg2magic.errors import UsageError

Level = Literal["none", "cell", "notebook"]
LEVELS: tuple[Level, ...] = get_args(Level)


def of_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``context=none vars=none``, what a notebook's metadata can say.

    Raises
    ------
    UsageError
    """
    read = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        known = name == "vars" or (name == "context" and value in LEVELS)
        if not (known and equals and value):
            raise UsageError(
                f"{pair!r} can't be set in a notebook; use context=none, context=cell, "
                "context=notebook, vars=none, vars=auto or vars=NAME,NAME"
            )
        read[name] = value
    return read


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for.

    Attributes
    ----------
    level : {"none", "cell", "notebook"}
        The prompt alone; with what the kernel knows of its names; with the other cells as well.
    names : tuple of str or None
        Variables to describe; None for those that the prompt mentions.
    values : bool
        Whether some of their values are told, besides type and shape.
    tokens : int
        The most that the prompt, its answer and the context may take; a model that sees less gets less.
    """

    level: Level = "notebook"
    names: tuple[str, ...] | None = None
    values: bool = False
    tokens: int = 2048

    @classmethod
    def of_options(cls, level: str, variables: str, *, values: bool = False, tokens: int = 2048) -> Settings:
        """Read the options as they are written: ``notebook``, and ``auto``, ``none`` or names.

        Unknown levels are taken for ``none``: nothing is shown by mistake.
        """
        words = variables.replace(",", " ").split()
        names = None if words == ["auto"] else () if words == ["none"] else tuple(words)
        return cls(level if level in LEVELS else "none", names, values, tokens)

    def within(self, metadata: Mapping[str, Any]) -> Settings:
        """Narrow them by what a notebook's metadata say under ``cg2magic``.

        ::

            {"context": "none" | "cell" | "notebook", "vars": "auto" | "none" | "NAME NAME"}

        A notebook can narrow what the model sees, and never widen it: it may come from anybody.
        """
        said = metadata.get("cg2magic")
        if not isinstance(said, Mapping):
            return self
        theirs = Settings.of_options(str(said.get("context", "notebook")), str(said.get("vars", "auto")))
        names = self.names
        if theirs.names is not None:
            names = theirs.names if names is None else tuple(n for n in names if n in theirs.names)
        return replace(self, level=min(self.level, theirs.level, key=LEVELS.index), names=names)
