"""Joins JavaScript modules into the single module that anywidget takes.

A widget's page gets the text of one module, which has no address from which it could import others. So the
modules are joined when the widget's class is made, each in a function of its own: no name in one can collide
with a name in another, there is no build step, and no node is needed.

We read the few forms of import and export that our modules use and refuse all others, so that joining never
changes what the code means.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

#: The object that holds the modules' exports, by the modules' names.
_ALL = "cg2Modules"

_NAME = r"[A-Za-z_$][\w$]*"
_IMPORT = re.compile(r'\s*import\s*\{([^{}]*)\}\s*from\s*"(\.{1,2}/[^"\n]+\.js)";\n')
_IMPORTED = re.compile(rf"({_NAME})(?:\s+as\s+({_NAME}))?")
_EXPORT = re.compile(
    rf"^export (?=(?:(?:async )?function\*?|class|const) ({_NAME})\b)|^export default ({_NAME});\n",
    re.MULTILINE,
)
# What must not remain: other forms of import and export, and what works only at the top level of a module.
_OTHER = re.compile(
    r"^[ \t]*(?:import|export)\b.*|^.*(?<![\w$.])import\s*[(.].*|^(?:\S.*=\s*|for\s+)?await\b.*", re.MULTILINE
)


class JoinError(ValueError):
    """Modules can't be joined; the message says which, and why."""


def joined(entry: Path) -> str:
    """Join a module with all modules that it imports.

    Parameters
    ----------
    entry : Path
        The module whose default export becomes that of the result.

    Returns
    -------
    str
        One module that imports nothing and does the same. Comments on lines of their own are left out,
        because each widget sends this text to its page.

    Raises
    ------
    JoinError
        If a module is missing, imports a name that is not exported, imports itself through others, or
        contains something that is not understood here.
    """
    entry = entry.resolve()
    modules = _Modules(entry.parent)
    if "default" not in modules.read(entry):
        raise JoinError(f"{entry.name} has no default export, which has to be the widget")
    return "\n".join(
        [f"const {_ALL} = {{}};", *modules.texts, f"export default {modules.place(entry)}.default;", ""]
    )


class _Modules:
    """The modules joined so far: each comes after those that it imports."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._exports: dict[Path, frozenset[str]] = {}
        self.texts: list[str] = []

    def place(self, path: Path) -> str:
        """The expression for a module's exports; its relative path, the same on all machines, is the key."""
        return f"{_ALL}[{json.dumps(Path(os.path.relpath(path, self._root)).as_posix())}]"

    def read(self, path: Path, importers: tuple[Path, ...] = ()) -> frozenset[str]:
        """Join a module, unless that is already done, and return the names that it exports."""
        if path in importers:
            circle = (*importers[importers.index(path) :], path)
            raise JoinError(f"{path.name} imports itself: {' imports '.join(each.name for each in circle)}")
        if path not in self._exports:
            self._exports[path] = self._join(path, importers)
        return self._exports[path]

    def _join(self, path: Path, importers: tuple[Path, ...]) -> frozenset[str]:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            by = f", which {importers[-1].name} imports," if importers else ""
            raise JoinError(f"{path.name}{by} can't be read: {error.strerror}") from error
        code = "".join(f"{line}\n" for line in _code(path.name, text))
        if _ALL in code:
            raise JoinError(f"{path.name} uses the name {_ALL}, which holds what is joined")
        imports, code = self._imports(path, code, importers)
        exports: dict[str, str] = {}
        for found in _EXPORT.finditer(code):
            name = found[1] or "default"
            if name in exports:
                raise JoinError(f"{path.name} exports {name} twice")
            exports[name] = found[1] or found[2]
        code = _EXPORT.sub("", code)
        if other := _OTHER.search(code):
            raise JoinError(f"{path.name} can't be joined, because of this line: {other[0].strip()}")
        given = ", ".join(f"{name}: {value}" for name, value in exports.items())
        self.texts.append(f"{self.place(path)} = (() => {{\n{imports}{code}return {{ {given} }};\n}})();")
        return frozenset(exports)

    def _imports(self, path: Path, code: str, importers: tuple[Path, ...]) -> tuple[str, str]:
        """Read the imports at the head of a module; return what replaces them, and the rest of the code."""
        lines = []
        while found := _IMPORT.match(code):
            imported = path.parent.joinpath(found[2]).resolve()
            exported = self.read(imported, (*importers, path))
            names = []
            for name in filter(None, map(str.strip, found[1].split(","))):
                parts = _IMPORTED.fullmatch(name)
                if parts is None or parts[1] not in exported:
                    raise JoinError(f"{path.name} imports {name}, which {imported.name} does not export")
                names.append(f"{parts[1]}: {parts[2] or parts[1]}")
            lines.append(f"const {{ {', '.join(names)} }} = {self.place(imported)};\n")
            code = code[found.end() :]
        return "".join(lines), code


def _code(name: str, text: str) -> Iterator[str]:
    """Yield the lines that are not comments; refuse code in which they are hard to distinguish."""
    within = False
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        stripped = line.strip()
        begins = not within and stripped.startswith("/*")
        if within or (begins and (stripped.endswith("*/") or "*/" not in stripped)):
            within = "*/" not in stripped
            if not within and not stripped.endswith("*/"):
                raise JoinError(f"{name} has code after a comment of several lines, in line {number}")
        elif stripped and not stripped.startswith("//"):
            if line.rfind("/*") > line.rfind("*/") or line.count("`") % 2:
                raise JoinError(f"{name} has a comment or a string that continues after line {number}")
            yield line
    if within:
        raise JoinError(f"{name} has a comment that does not end")
