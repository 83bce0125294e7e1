"""Measure how much of what a model knows reaches the person: whether its fills end where they should.

    python -m benchmarks.endings                          # mini
    python -m benchmarks.endings --model NAME --holes 80

A model that fills holes seldom stops by itself, so our rules (`cg2magic.syntax.fills`) decide where a fill
ends. Each hole is filled once, greedily and without any rule; then the same tokens are read again with the
rules, as the product reads them.

HumanEval's solutions, single lines and several lines
    The program passes its tests: with the fill as the product gives it, with all that the model wrote, and
    with *some* cut of that, at the end of any of its tokens. A cut that passes is what the model knows; the
    first figure divided by the third is what of it reaches the person. Needs ``cg2magic[eval]`` and
    bubblewrap.
Files of packages
    A line, the rest of a line, and an argument of a call are taken out; does the file still parse?

``--keep FOLDER`` keeps what was written, so that changed rules can be measured again in a minute.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import json
import random
import tokenize
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import DynamicCache

from benchmarks.context import SOURCES
from cg2magic.engines.local.decoding import Chooser, Decoding
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.evaluation.problems import Split, evenly, infilling
from cg2magic.models.loading import load_model
from cg2magic.models.threads import usable_cores
from cg2magic.prompts.assemble import prompt_for
from cg2magic.prompts.candidate import Candidate
from cg2magic.request import Request, Sampling, TokenLogprob
from cg2magic.sandbox.sandbox import Sandbox
from training.sources import WORK, fetch_all, members, read_sources

#: Characters of a module: few enough for a small model to read it whole.
_SHORTEST, _LONGEST = 1_000, 5_000
#: Tokens that are written into a hole without any rule.
_LENGTHS: dict[Split, int] = {"single-line": 64, "multi-line": 128}
_IN_FILES = 64

Span = tuple[int, int]


@dataclass(frozen=True)
class Hole:
    """A hole, and what the text in it has to pass.

    Attributes
    ----------
    kind, name : str
    parts : tuple of str
        The texts before and after it.
    test : str or None
        What is run behind them; None if the whole only has to parse.
    length : int
        Tokens that are written without any rule.
    """

    kind: str
    name: str
    parts: tuple[str, str]
    test: str | None
    length: int

    def program(self, fill: str) -> str:
        """The whole program."""
        before, after = self.parts
        return f"{before}{fill}{after}" if self.test is None else f"{before}{fill}{after}\n{self.test}"


@dataclass(frozen=True)
class Fill:
    """A hole with what was written into it.

    Attributes
    ----------
    hole : Hole
    text : str
        By the rules.
    cuts : tuple of str
        What the model wrote, up to the end of each of its tokens; the last is the whole.
    """

    hole: Hole
    text: str
    cuts: tuple[str, ...]


def solutions(count: int) -> Iterator[Hole]:
    """Find holes in HumanEval's solutions: single lines, then several."""
    for split, length in _LENGTHS.items():
        for problem in evenly(infilling(split), count):
            before, after = problem.parts
            yield Hole(split, problem.name, (before, after), problem.test, length)


def modules(archives: list[Path], count: int) -> Iterator[Hole]:
    """Take a line, the rest of a line and an argument of a call, in turn, out of modules of packages."""
    codes = {
        f"{archive.name}/{path}": data.decode().replace("\r\n", "\n")
        for archive in archives
        for path, data in members(archive)
        if path.endswith(".py") and _SHORTEST <= len(data) <= _LONGEST
    }
    rng = random.Random("endings")  # the same ones in every run
    kinds = (_lines, _rests, _arguments)
    found = 0
    while found < count:
        path, spans = rng.choice(sorted(codes)), kinds[found % len(kinds)]
        if places := list(spans(codes[path])):
            start, end = rng.choice(places)
            parts = codes[path][:start], codes[path][end:]
            yield Hole("module", f"{path}:{start}:{end}", parts, None, _IN_FILES)
            found += 1


def _lines(code: str) -> Iterator[Span]:
    """Find what each line of code says, without its indentation."""
    for starts in _words(code).values():
        yield starts[0], _line_end(code, starts[0])


def _rests(code: str) -> Iterator[Span]:
    """Find what follows each token that is not the first of its line."""
    for starts in _words(code).values():
        yield from ((start, _line_end(code, start)) for start in starts[1:])


def _arguments(code: str) -> Iterator[Span]:
    """Find the arguments of calls that are on one line."""
    at = _offsets(code)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            for one in node.args:
                if one.lineno == one.end_lineno and code[at[one.lineno - 1] :].isascii():
                    start = at[one.lineno - 1]
                    yield start + one.col_offset, start + (one.end_col_offset or 0)


def _words(code: str) -> dict[int, list[int]]:
    """Where the tokens of each line begin; comments, strings of several lines and blank lines have none."""
    at, found = _offsets(code), dict[int, list[int]]()
    space = {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}
    for one in tokenize.generate_tokens(io.StringIO(code).readline):
        if one.type not in space and one.string and one.start[0] == one.end[0]:
            found.setdefault(one.start[0], []).append(at[one.start[0] - 1] + one.start[1])
    return found


def _offsets(code: str) -> list[int]:
    at = [0]
    for line in code.split("\n"):
        at.append(at[-1] + len(line) + 1)
    return at


def _line_end(code: str, start: int) -> int:
    end = code.find("\n", start)
    return len(code) if end < 0 else end


class Uncut(Candidate):
    """A candidate that ends where the model ends it, or by its length."""

    def _ending(self, text: str) -> int | None:  # noqa: ARG002 - no rule reads it
        return None

    def _whole(self, text: str) -> str:
        return text

    def _fitting(self, text: str, *, by_rule: bool) -> str:  # noqa: ARG002 - no rule reads it
        return text

    @property
    def written(self) -> str:
        """All that was written so far."""
        return self._text()


def fill(engine: LocalEngine, hole: Hole, kept: Path) -> Fill:
    """Fill a hole without the rules, or read what was kept; then read the same tokens with the rules."""
    request = Request(hole.parts, Sampling(max_new_tokens=hole.length))
    prompt = prompt_for(request, engine.vocabulary, engine.loaded.context)
    uncut = Uncut(request, prompt, engine.vocabulary)
    candidate = Candidate(request, prompt, engine.vocabulary)
    if kept.exists():
        tokens = tuple(TokenLogprob(*token) for token in json.loads(kept.read_text()))
    else:
        tokens = _write(engine, prompt.ids, Uncut(request, prompt, engine.vocabulary))
        kept.write_text(json.dumps([(token.id, token.text, token.logprob) for token in tokens]))
    cuts = [""]
    for token in tokens:
        uncut.take(token)
        cuts.append(uncut.written)
        if candidate.finish_reason is None:
            candidate.take(token)
    suggestion = candidate.suggestion()
    if candidate.is_blank:
        (suggestion,) = engine.generate(request).suggestions  # it asks once more
    return Fill(hole, suggestion.text, tuple(cuts))


def _write(engine: LocalEngine, ids: tuple[int, ...], candidate: Uncut) -> tuple[TokenLogprob, ...]:
    """Write one candidate greedily, and nothing else; return its tokens."""
    model = engine.loaded.model

    def forward(ids: torch.Tensor, cache: DynamicCache, keep: int = 1) -> torch.Tensor:
        return model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=keep).logits

    with torch.inference_mode():
        cache = DynamicCache(config=model.config)
        logits = forward(torch.tensor([ids]), cache)[:, -1]
        chooser = Chooser(candidate.request.sampling, 0, engine.vocabulary)
        room = engine.loaded.context - len(ids)
        decoding = Decoding(forward, [chooser], room, changed=lambda: None, cancelled=lambda: False)
        decoding.one(candidate, logits, cache, drafts=None)
    return candidate.suggestion().taken


def passes(hole: Hole, text: str, sandbox: Sandbox | None) -> bool:
    """Whether the program with this text in its hole parses, and passes its tests if it has any."""
    program = hole.program(text)
    try:
        ast.parse(program)
    except (SyntaxError, ValueError):
        return False
    return hole.test is None or (sandbox is not None and sandbox.run(program).status == "passed")


def judge(one: Fill, sandbox: Sandbox | None) -> tuple[bool, bool, bool]:
    """Whether it passes by the rules, as it was written, and with some cut (or by the rules)."""
    ours = passes(one.hole, one.text, sandbox)
    uncut = passes(one.hole, one.cuts[-1], sandbox)
    some = ours or uncut or any(passes(one.hole, cut, sandbox) for cut in one.cuts)
    return ours, uncut, some


def main() -> None:
    """Fill the holes, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--precision", default="auto")
    parser.add_argument(
        "--holes", type=int, default=80, help="of each kind in HumanEval; three quarters in files"
    )
    parser.add_argument("--keep", type=Path, default=WORK / "endings", help="where what was written is kept")
    parser.add_argument("--archives", type=Path, default=WORK / "archives", help="where they are kept")
    parser.add_argument("--show", action="store_true", help="print what the rules lose")
    args = parser.parse_args()
    archives = [path for _, path in fetch_all(read_sources(SOURCES), args.archives, SOURCES)]
    holes = [*modules(archives, args.holes * 3 // 4), *solutions(args.holes)]
    engine = LocalEngine(load_model(args.model, precision=args.precision))
    keep = args.keep / f"{Path(args.model).name}-{args.precision}"
    keep.mkdir(parents=True, exist_ok=True)
    fills = [fill(engine, hole, keep / f"{_digest(hole)}.json") for hole in holes]
    sandbox = Sandbox()
    with ThreadPoolExecutor(usable_cores()) as pool:
        judged = list(zip(fills, pool.map(lambda one: judge(one, sandbox), fills), strict=True))
    print("| holes | number | by our rules | uncut | some cut | reaches the person |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in dict.fromkeys(hole.kind for hole in holes):
        results = [result for one, result in judged if one.hole.kind == kind]
        ours, uncut, some = (sum(column) for column in zip(*results, strict=True))
        shares = (f"{100 * part / len(results):.1f} %" for part in (ours, uncut, some))
        print(f"| {kind} | {len(results)} | {' | '.join(shares)} | {100 * ours / max(some, 1):.1f} % |")
    if args.show:
        for one, (ours, _, some) in judged:
            if some and not ours:
                before, after = one.hole.parts
                print(
                    f"\n{one.hole.name}\n{before[-200:]}‸{after[:100]}\n→ {one.text!r}\n  of {one.cuts[-1]!r}"
                )


def _digest(hole: Hole) -> str:
    return hashlib.sha256("\0".join((hole.kind, *hole.parts, str(hole.length))).encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
