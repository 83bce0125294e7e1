"""Record what a model writes for the cases, without any of our rules about where that ends.

    python -m tests.recordings.record FOLDER NAME

The folder is one of transformers, the name that of the model; ``NAME.json`` is written beside this file. Each
case has what the model writes greedily, and, if nothing comes of that, what it writes with its first token
barred. What is recorded already is kept as long as the model would be asked the same. A model that fills no
holes is asked for the completions only.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cg2magic.engines.local.decoding import Chooser
from cg2magic.formats import FillInMiddle
from cg2magic.prompts.assemble import prompt_for
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Sampling
from tests.recordings.cases import Case, cases

_TOGETHER = 12
_CONTEXT = 2048


class Endless(Candidate):
    """A candidate that goes on until the model ends it, or its length is reached."""

    def _ending(self, text: str) -> None:
        del text


@torch.inference_mode()
def write(model: Any, vocabulary: Vocabulary, candidates: list[Candidate]) -> None:
    """Write candidates of different prompts in one batch."""
    chooser = Chooser(Sampling(), 0, vocabulary)
    prompts = [candidate.prompt.ids for candidate in candidates]
    width = max(map(len, prompts))
    step = torch.tensor([(0,) * (width - len(ids)) + ids for ids in prompts])  # [B, S]
    mask = torch.tensor([(0,) * (width - len(ids)) + (1,) * len(ids) for ids in prompts])
    cache = None
    while True:
        places = (mask.cumsum(-1) - 1).clamp(min=0)[:, -step.shape[1] :]
        output = model(
            input_ids=step, attention_mask=mask, position_ids=places, past_key_values=cache, logits_to_keep=1
        )
        cache = output.past_key_values
        going = [row for row, candidate in enumerate(candidates) if candidate.finish_reason is None]
        for row in going:
            candidate = candidates[row]
            candidate.take(chooser.next(output.logits[row, -1], candidate))
        if all(candidate.finish_reason for candidate in candidates):
            return
        fed = [candidate.feed.popleft() if candidate.feed else 0 for candidate in candidates]
        step = torch.tensor(fed)[:, None]
        mask = torch.cat((mask, torch.ones_like(step)), dim=1)


def record(model: Any, vocabulary: Vocabulary, asked: list[Case]) -> list[dict[str, Any]]:
    """Record some cases in one batch, and then what is written again where nothing came of it."""
    prompts = [prompt_for(case.request, vocabulary, _CONTEXT) for case in asked]
    first = [Endless(case.request, prompt, vocabulary) for case, prompt in zip(asked, prompts, strict=True)]
    write(model, vocabulary, first)
    again = [
        Endless(one.request, one.prompt, vocabulary, barred=one.begins_nothing())
        if _came_to_nothing(one)
        else None
        for one in first
    ]
    if any(again):
        write(model, vocabulary, [one for one in again if one])
    return [
        {
            "case": case.name,
            "parts": list(case.request.parts),
            "given back": one.prompt.starts[0].decode(),
            "written": _taken(one),
            **({"again": _taken(other)} if other else {}),
        }
        for case, one, other in zip(asked, first, again, strict=True)
    ]


def _came_to_nothing(written: Candidate) -> bool:
    """Whether by the rules no code comes of it, or none that could stand there."""
    candidate = Candidate(written.request, written.prompt, written.vocabulary)
    for token in written.suggestion().taken:
        if candidate.finish_reason is None:
            candidate.take(token)
    return candidate.says_nothing or candidate.is_broken


def _taken(candidate: Candidate) -> list[list[str | float]]:
    """All tokens, as the tokenizer names them, with their log-probabilities."""
    taken = candidate.suggestion().taken
    names = candidate.vocabulary.tokenizer.convert_ids_to_tokens([token.id for token in taken])
    return [[name, round(token.logprob, 3)] for name, token in zip(names, taken, strict=True)]


def main() -> None:
    """Record one model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    args = parser.parse_args()
    file = Path(__file__).with_name(f"{args.name}.json")
    found = json.loads(file.read_text("utf-8"))["cases"] if file.exists() else []
    done = {one["case"]: one for one in found}

    vocabulary = Vocabulary(AutoTokenizer.from_pretrained(args.folder))
    form = FORMATS[family_of(vocabulary)]
    vocabulary.steer(form.steering)
    fills = isinstance(form, FillInMiddle)
    wanted = [case for case in cases() if fills or not case.request.is_infill]
    left = [case for case in wanted if not _is_recorded(case, done.get(case.name), vocabulary)]

    model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32)
    about = {"model": args.name, "precision": "float32", "special": sorted(vocabulary.steering)}
    while left:
        done |= {one["case"]: one for one in record(model, vocabulary, left[:_TOGETHER])}
        del left[:_TOGETHER]
        print(f"{len(left)} cases left", flush=True)
        _save(file, about, [done[case.name] for case in wanted if case.name in done])


def _is_recorded(case: Case, found: dict[str, Any] | None, vocabulary: Vocabulary) -> bool:
    """Whether the model would be asked the same."""
    start = prompt_for(case.request, vocabulary, _CONTEXT).starts[0].decode()
    return found is not None and (found["parts"], found["given back"]) == (list(case.request.parts), start)


def _save(file: Path, about: dict[str, Any], recorded: list[dict[str, Any]]) -> None:
    """Write a line for each case, so that a change is seen where it is."""
    lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in recorded]
    head = json.dumps(about, ensure_ascii=False).removesuffix("}")
    joined = ",\n".join(lines)
    file.write_text(f'{head}, "cases": [\n{joined}\n]}}\n', "utf-8")


if __name__ == "__main__":
    main()
