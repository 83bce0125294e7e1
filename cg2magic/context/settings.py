"""How much of the notebook and of the kernel the model may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cg2magic.errors import UsageError

Level = Literal["none", "cell", "notebook"]
LEVELS: tuple[Level, ...] = get_args(Level)
GROUND = ("auto", "none")


def of_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read settings such as ``context=none vars=none ground=none``, which a notebook's metadata can contain.

    Raises
    ------
    UsageError
    """
    read = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        known = name == "vars" or value in {"context": LEVELS, "ground": GROUND}.get(name, ())
        if not (known and equals and value):
            raise UsageError(
                f"{pair!r} can't be set in a notebook; use context=none, context=cell, "
                "context=notebook, vars=none, vars=auto, vars=NAME,NAME, ground=none or ground=auto"
            )
        read[name] = value
    return read


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for.

    Attributes
    ----------
    level : {"none", "cell", "notebook"}
        The prompt alone; also what the kernel knows of its names; also the other cells.
    names : tuple of str or None
        Variables to describe; None for those that the prompt mentions.
    values : bool
        Whether to show some of their values, besides type and shape.
    tokens : int
        The most tokens for the prompt, its answer and the context; a model with a shorter context gets fewer.
    ground : bool
        Whether suggestions may use only names that are in the kernel.
    """

    level: Level = "notebook"
    names: tuple[str, ...] | None = None
    values: bool = False
    tokens: int = 2048
    ground: bool = True

    @property
    def grounds(self) -> bool:
        """Whether the kernel's names are looked at while the model writes: not if it may know no variable."""
        return self.ground and self.level != "none" and self.names != ()

    @classmethod
    def of_options(
        cls,
        level: str,
        variables: str,
        *,
        values: bool = False,
        tokens: int = 2048,
        ground: str = "auto",
    ) -> Settings:
        """Read the options as people write them: ``notebook``, and ``auto``, ``none`` or names.

        An unknown level, or way to ground, counts as ``none``, so that nothing is shown by mistake.
        """
        words = variables.replace(",", " ").split()
        names = None if words == ["auto"] else () if words == ["none"] else tuple(words)
        return cls(level if level in LEVELS else "none", names, values, tokens, ground == "auto")

    def within(self, metadata: Mapping[str, Any]) -> Settings:
        """Narrow them to what a notebook's metadata allow under ``cg2magic``.

        ::

            {"context": "none" | "cell" | "notebook", "vars": "auto" | "none" | "NAME NAME",
             "ground": "auto" | "none"}

        A notebook can narrow what the model sees, but never widen it: it may come from anybody.
        """
        said = metadata.get("cg2magic")
        if not isinstance(said, Mapping):
            return self
        theirs = Settings.of_options(
            str(said.get("context", "notebook")),
            str(said.get("vars", "auto")),
            ground=str(said.get("ground", "auto")),
        )
        names = self.names
        if theirs.names is not None:
            names = theirs.names if names is None else tuple(n for n in names if n in theirs.names)
        return replace(
            self,
            level=min(self.level, theirs.level, key=LEVELS.index),
            names=names,
            ground=self.ground and theirs.ground,
        )
