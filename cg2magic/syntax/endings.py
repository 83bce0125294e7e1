"""Where a completion ends: stop texts, the end of a block, loops, explanations. For fills see `fills`.

All of this is about text. Each rule gives the length that is kept, or None to go on.
"""

from __future__ import annotations

import ast
import re
from collections import deque
from functools import lru_cache
from itertools import pairwise

from cg2magic.syntax import blocks, tokens
from cg2magic.syntax.languages import Language, find
from cg2magic.syntax.places import CLOSING, OPENS

_PYTHON = find("python")
_CONTINUES = ("elif", "else", "except", "finally", "case")
_DEFINES = re.compile(r"\s*(async\s+def|def|class)\b")
#: What stands between the cells of notebooks that are kept as scripts, and what a cell can only begin with.
_SEPARATOR = re.compile(r"(?:# ?)?%%|# In\[")
_IMPORTS = re.compile(r"(?:import|from)\b")
_BLANK = re.compile(r"\s*\Z")
#: A comment that is one of several steps: `# Step 2: clean the data`, `# 2. Clean the data`.
_STEP = re.compile(r"\s*#\W*(\w+\s+)?\d+[.:)]")
#: Lines that are no code that was asked for: imports, comments, magics, a decorator.
_IS_NO_CODE = re.compile(r"\s*(?:import\b|from\b|#|%|!|@|\Z)")
#: These, what is assigned to a name, a model that is fitted, and the further lines of a statement.
_PREPARES = re.compile(
    rf"{_IS_NO_CODE.pattern}|[^\W\d]\w*(?:\s*,\s*\w+)*\s*(?::[^=]*)?=(?!=)|[^\W\d]\w*\.fit\(|[ \t)\]}}]"
)
_FENCE = re.compile(r"[ \t]*```")
_OPENING_FENCE = re.compile(r"\s*```(?:[Pp]ython3?|py)\n")
_HALF_FENCE = re.compile(r"\s*```\w{0,7}\Z")
#: What may be prose: words at the beginning of a line, and a list or a heading of Markdown.
_PROSE = re.compile(
    r"[A-Z][\w'\u2019-]*(?:,? [\w'\u2019`\"(-]+){2}|(?:\d+\.|[-*]) +\W*[A-Z]\w*\W* |\*\*[A-Z]"
)

#: A line of so many characters need not be whole to be told from code.
_LONG_LINE = 100

#: A repetition is a loop once it has so many rounds and so many characters. Of whole lines fewer are enough;
#: rulers (`# -------`) are why rounds of one or two characters have to go on for longer.
_ROUNDS, _LINES, _LENGTH, _RULER = 4, 3, 32, 160


def after_comment(code: str, language: str) -> str:
    """End a line that says what is wanted: a comment with a line of its own is answered in the next line.

    A comment next to code may still be unfinished, and is left alone.
    """
    line, spoken = code[code.rfind("\n") + 1 :].strip(), find(language)
    says = line.startswith(spoken.comments) and any(character.isalpha() for character in line)
    return f"{code}\n" if says and tokens.read(code, spoken).inside == "comment" else code


def first_stop(text: str, stops: tuple[str, ...]) -> int | None:
    """Where the first of the stop texts begins."""
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return min(found, default=None)


def settled(text: str, stops: tuple[str, ...]) -> int:
    """How much of an unfinished text is sure to stay: not white space at its end, nor half a stop text."""
    halves = (k for stop in stops for k in range(1, len(stop)) if text.endswith(stop[:k]))
    return len(text[: len(text) - max(halves, default=0)].rstrip())


def block_end(prompt: str, text: str, language: str = "python") -> int | None:
    r"""Where a completion of `prompt` leaves the block it was asked for.

    In Python, inside of a ``def`` or ``class``: before the first line that is not indented deeper
    than its header. Inside of another statement: the same, for the outermost one. At the top level, and
    in languages whose blocks are not understood: before the first unindented line that comes after a blank
    one. But in Python imports and comments are no answer yet, and after a comment that says what is wanted
    assignments aren't: a blank line after nothing else doesn't end it. If that comment is a step with a
    number, the next step does.

    Everywhere: before two blank lines (``"\n\n\n"`` is one of the patterns the CodeGen authors cut at),
    before what separates cells in scripts of Python (``# %%``), and before a fence (three backticks) or, in
    Python, prose, with which instruct models begin to explain, or a bracket that closes nothing.

    Lines inside of Python's brackets and strings
    don't count, nor do ``else:`` and its kin.
    For languages that close their blocks, see `blocks.block_end`.

    Returns
    -------
    int or None
        Length of the text that is kept; None while the block goes on, or while too little of the
        last line is there to tell ``else`` from ``elsewhere``.
    """
    spoken = find(language)
    if spoken.blocks not in ("python", "none"):
        end = blocks.block_end(prompt, text, spoken)
    else:
        end = _paragraph_end(prompt, text, spoken)
    ends = (end, _explanation(prompt, text, spoken), _stray_bracket(prompt, text, spoken))
    return min((end for end in ends if end is not None), default=None)


def _paragraph_end(prompt: str, text: str, spoken: Language) -> int | None:
    """Where a completion ends in Python, and in languages whose blocks are not understood."""
    python = spoken.blocks == "python"
    first, *lines = text.split("\n")
    header = _header_indent(prompt, first) if python else None
    start = kept = len(first)
    begun = prompt[prompt.rfind("\n") + 1 :]
    prepares = _preparing(prompt, is_inside=header is not None) if python else _BLANK
    written = bool(first.strip())
    # Whether there is code that is worth keeping, and whether it is an answer.
    code = written and not (python and _IS_NO_CODE.match(begun + first))
    answered = written and (bool(_IMPORTS.match(begun)) or not prepares.match(begun + first))
    has_code = written and not begun.lstrip().startswith("#") and not first.lstrip().startswith("#")
    blanks = 0
    for line in lines:
        start += 1
        if python and has_code and _begins_another(prompt, line) and not _is_open(prompt + text[:start]):
            return kept
        if code and blanks >= 2 and not (python and _is_open(prompt + text[:start])):
            return kept
        if not line.strip():
            blanks += 1
        else:
            if header is None:
                outside = answered and blanks > 0 and _indent(line) == 0
            else:
                outside = _indent(line) <= header
            if outside and not (python and _is_open(prompt + text[:start])):
                word = re.match(r"\w*", line.strip()).group()  # type: ignore[union-attr] # matches
                unfinished = start + len(line) == len(text) and line.endswith(word)
                if not python or not word:
                    return kept
                if unfinished and any(keyword.startswith(word) for keyword in _CONTINUES):
                    return None
                if word not in _CONTINUES:
                    return kept
            code = code or not (python and _IS_NO_CODE.match(line))
            has_code = has_code or not line.lstrip().startswith("#")
            answered = answered or not prepares.match(line)
            blanks = 0
            kept = start + len(line.rstrip())
        start += len(line)
    return None


def _begins_another(prompt: str, line: str) -> bool:
    """Whether a line begins another cell, or another step than the one that was asked for by its number."""
    asked, step = _STEP.match(prompt.rstrip().rpartition("\n")[2]), _STEP.match(line)
    is_next = asked is not None and step is not None and asked[1] == step[1]
    return is_next or _SEPARATOR.match(line) is not None


def _preparing(prompt: str, *, is_inside: bool) -> re.Pattern[str]:
    """What matches the lines of Python that prepare an answer: after a comment, assignments too.

    `# fit a model` is not answered by the line that reads the data, nor by the one that fits it. What shows,
    defines or changes something is an answer.
    """
    if is_inside:
        return _IS_NO_CODE
    said = [line.strip() for line in prompt.rstrip().split("\n")]
    while len(said) > 1 and (not said[-1] or _IMPORTS.match(said[-1])):
        said.pop()
    says = said[-1].startswith(("#", '"""', "'''")) or said[-1].endswith(('"""', "'''"))
    return _PREPARES if says else _IS_NO_CODE


def _stray_bracket(prompt: str, text: str, spoken: Language) -> int | None:
    """Where a completion of Python closes a bracket that nothing has opened."""
    if spoken.name != "python":
        return None
    lines = _read_lines(prompt)
    known = (one for one in tuple(lines) if text.startswith(one[0]))
    read, state = start = max(known, key=lambda one: len(one[0]), default=("", tokens.read(prompt, spoken)))
    for token, now in tokens.tokens(text, spoken, state, len(read)):
        if now.stray and token.text in CLOSING:
            return token.start
        if token.text == "\n":
            read, state = text[: token.end], now
    if read != start[0]:
        lines.append((read, state))
    return None


@lru_cache(maxsize=8)
def _read_lines(_prompt: str) -> deque[tuple[str, tokens.State]]:
    """Remember how far a prompt's completions were read, so that a text that grows is not read again."""
    return deque(maxlen=8)


def _explanation(prompt: str, text: str, language: Language) -> int | None:
    """Where a completion begins to explain: before a fence, or before prose in the place of Python."""
    if language.name == "markdown" or (language.name == "python" and _HALF_FENCE.match(text)):
        return None  # or it may become an opening fence
    begun = prompt[prompt.rfind("\n") + 1 :]
    start = -len(begun)
    for line in f"{begun}{text}".split("\n"):
        explains = _FENCE.match(line) or (
            language.name == "python"
            and (start + len(line) < len(text) or len(line) > _LONG_LINE)
            and _is_prose(line)
        )
        # What the person began to write is theirs.
        if explains and not (start < 0 and begun.strip()):
            kept = text[: max(0, start)]
            is_open = (
                _is_open(prompt + kept) if language.name == "python" else _is_quiet(prompt + kept, language)
            )
            if not is_open:
                return len(kept.rstrip())
        start += len(line) + 1
    return None


def is_opening_fence(prompt: str, text: str) -> bool:
    """Whether all that was written is the fence that instruct models open for code, on a line of its own."""
    begun = prompt[prompt.rfind("\n") + 1 :]
    return not begun.strip() and bool(_OPENING_FENCE.fullmatch(text))


def _is_prose(line: str) -> bool:
    if not _PROSE.match(line):
        return False
    try:
        ast.parse(line)
    except (SyntaxError, ValueError):
        return True
    return False


def _is_quiet(code: str, language: Language) -> bool:
    return tokens.read(code, language).inside != "code"


def _indent(line: str) -> int:
    line = line.expandtabs(8)
    return len(line) - len(line.lstrip())


def _header_indent(prompt: str, first: str) -> int | None:
    """Indentation of the header of the block that the prompt ends in; None at the top level.

    The first line that is written may leave that block behind.
    """
    lines = [line for line in prompt.split("\n") if line.strip()]
    header = _block_above(prompt, lines) if lines else None
    if header is None or prompt[-1] != "\n" or not first.strip() or OPENS.search(lines[-1]):
        return header
    return header if _indent(first) > header else None


def _block_above(prompt: str, lines: list[str]) -> int | None:
    """Indentation of the header above these lines, the outermost one or that of a definition."""
    column = _indent(lines[-1])
    header = None
    if OPENS.search(lines[-1]):
        header = column
        if _DEFINES.match(lines[-1]):
            return header
    elif not (fresh := prompt[prompt.rfind("\n") + 1 :]).strip() and fresh:
        # An indented line without text says where the person wants to go on.
        column = len(fresh.expandtabs(8))
    for line in reversed(lines):
        if _indent(line) < column:
            column = header = _indent(line)
            if _DEFINES.match(line):
                return header
    return header


def _is_open(code: str) -> bool:
    """Whether Python ends inside of brackets, of a string that goes over lines, or behind a backslash."""
    state = tokens.read(code, _PYTHON)
    return bool(state.stack) or state.inside == "string" or code.endswith("\\\n")


def loop_end(text: str) -> int | None:
    """Where a text that has begun to repeat itself ends: after its first round, and no line is cut apart."""
    tail = text[-1200:]
    for period in range(1, len(tail) // _LINES + 1):
        rounds = _LINES if "\n" in tail[-period:] else _ROUNDS
        length = max(period * rounds, _LENGTH if period > 2 else _RULER)
        # The two characters before the round count: without them `a\na`, a round of three, is a ruler, too.
        ruler = period > 2 and tail[-period - 2 : -2] == tail[-period:]
        if length <= len(tail) and not ruler and tail[-length:-period] == tail[period - length :]:
            first = len(text) - length
            while first > 0 and text[first - 1] == text[first - 1 + period]:
                first -= 1
            end = first + period
            # Where the line before the loop ends as the loop's do, the first round begins within that line.
            apart = "\n" in tail[-period:] and text[end - 1] != "\n"
            return text.index("\n", end) if apart else end
    return _nesting_end(text)


def _nesting_end(text: str) -> int | None:
    """Where a text ends that goes on with the same line again and again, each time deeper."""
    *lines, _ = text.split("\n")
    last = lines[-_LINES:]
    if len(last) < _LINES or len({line.strip() for line in last}) > 1 or not last[0].strip():
        return None
    depths = [_indent(line) for line in last]
    if not all(a < b for a, b in pairwise(depths)):
        return None
    first = len(lines) - _LINES
    while first > 0 and lines[first - 1].strip() == last[0].strip():
        first -= 1
    return len("\n".join(lines[: first + 1]))
