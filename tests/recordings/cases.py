"""The cases in ``cases.txt``, and whether what was written has the shape that is wanted there."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from cg2magic.request import Request, Sampling, Suggestion
from cg2magic.syntax.endings import after_comment
from cg2magic.syntax.languages import find
from cg2magic.syntax.tokens import read

#: A model is asked for this many tokens: a fill that is longer has not ended where it should.
FILL, COMPLETION = 48, 96
HOLE = "‸"


@dataclass(frozen=True)
class Case:
    """A prompt, and what is wanted of the answer."""

    name: str
    language: str
    code: str
    texts: tuple[str, ...] = ()
    lines: int | None = None
    has: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    parses: bool = True
    or_nothing: bool = False

    @property
    def request(self) -> Request:
        """What the magics ask for."""
        parts = tuple(self.code.split(HOLE))
        if not parts[-1]:
            parts = (after_comment(parts[0], self.language),)
        tokens = FILL if len(parts) > 1 else COMPLETION
        return Request(parts, Sampling(max_new_tokens=tokens), self.language)

    def faults(self, suggestion: Suggestion) -> list[str]:
        """Say what of the text has not the wanted shape, whether or not the model knew what is right."""
        text = suggestion.text
        if not text:
            return [] if self.or_nothing else ["nothing was written"]
        most = max((each.count("\n") + 1 for each in self.texts), default=self.lines)
        wrong = [f"it has {each!r}" for each in self.without if each in text]
        if most is not None and sum(bool(line.strip()) for line in text.split("\n")) > most:
            wrong.append(f"more than {most} lines")
        if "```" in text:
            wrong.append("a fence")
        after = self.code.rpartition(HOLE)[2]
        if text != text.rstrip() and (not after or after.startswith("\n")):
            wrong.append("white space at its end")
        if self._is_silent(text):
            wrong.append("nothing but comments")
        if self.parses and not self._parses(suggestion.code):
            wrong.append("it does not parse")
        return wrong

    def is_right(self, suggestion: Suggestion) -> bool:
        """Whether the text is what a person would keep."""
        text = suggestion.text
        if not text and self.or_nothing:
            return True
        said = not self.texts or text in self.texts
        return said and all(each in text for each in self.has) and not self.faults(suggestion)

    def _is_silent(self, text: str) -> bool:
        """Whether there are comments where a line of code is wanted."""
        line = self.code[: self.code.index(HOLE)].rpartition("\n")[2]
        return not line.strip() and all(re.match(r"\s*(#|\Z)", each) for each in text.split("\n"))

    def _parses(self, code: str) -> bool:
        if self.language != "python":
            state = read(code, find(self.language))
            return not (state.stack or state.stray or state.within)
        try:
            ast.parse(code)
        except SyntaxError:
            return False
        return True


def _case(source: str) -> Case:
    title, *lines = source.rstrip("\n").split("\n")
    name, language = re.fullmatch(r"(.*?)(?: \[(\w+)\])?", title).groups()
    wanted = [line[3:] for line in lines if line.startswith("-- ")]
    said = [(key, text.replace("⏎", "\n")) for key, _, text in (line.partition(": ") for line in wanted)]

    def values(key: str) -> tuple[str, ...]:
        return tuple(text for each, text in said if each == key)

    unknown = {key for key, _ in said} - {"text", "lines", "has", "without", "parses", "or nothing"}
    assert not unknown, f"{name}: {unknown}"
    return Case(
        name,
        language or "python",
        "\n".join(line for line in lines if not line.startswith("-- ")),
        texts=values("text"),
        lines=next(map(int, values("lines")), None),
        has=values("has"),
        without=values("without"),
        parses="no" not in values("parses"),
        or_nothing="or nothing" in wanted,
    )


def cases() -> list[Case]:
    """Read them."""
    _, *sources = re.split(r"(?m)^== ", Path(__file__).with_suffix(".txt").read_text("utf-8"))
    return [_case(source) for source in sources]
