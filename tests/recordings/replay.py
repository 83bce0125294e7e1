"""What was recorded of a model, fed to the rules as the engine feeds what the model writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cg2magic.engines.again import write_again
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Suggestion, TokenLogprob
from tests.recordings.cases import Case

FOLDER = Path(__file__).parent
MODELS = sorted(file.stem for file in FOLDER.glob("*.json"))


class RecordedTokenizer:
    """As much of a byte-level tokenizer as there is in a recording."""

    bos_token_id = eos_token_id = None
    byte_decoder = True  # by which a tokenizer is known as byte-level

    def __init__(self, special: list[str], tokens: list[str]) -> None:
        self.all_special_tokens = special
        self.added_tokens_decoder: dict[int, str] = {}
        self._names = list(dict.fromkeys([*special, *tokens]))

    def __len__(self) -> int:
        return len(self._names)

    def get_vocab(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self._names)}

    def convert_ids_to_tokens(self, ids: int | list[int]) -> str | list[str]:
        return self._names[ids] if isinstance(ids, int) else [self._names[i] for i in ids]


class Recording:
    """What one model wrote for the cases."""

    def __init__(self, model: str) -> None:
        self._data: dict[str, Any] = json.loads((FOLDER / f"{model}.json").read_text("utf-8"))
        self._cases = {record["case"]: record for record in self._data["cases"]}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens that were written."""
        taken = (record.get(key, ()) for record in self._data["cases"] for key in ("written", "again"))
        names = [name for tokens in taken for name, _ in tokens]
        return Vocabulary(RecordedTokenizer(self._data["special"], names))

    def __contains__(self, case: Case) -> bool:
        return case.name in self._cases

    def replay(self, case: Case) -> Suggestion:
        """What comes of it."""
        record = self._cases[case.name]
        assert tuple(record["parts"]) == case.request.parts, "the case was changed: record it again"
        prompt = Prompt(
            ids=(),
            starts=(record["given back"].encode(),),
            newlines=(False,),
            between=((),),
            ends=self.vocabulary.steering_ids,
        )
        candidates = [Candidate(case.request, prompt, self.vocabulary)]
        self._write(candidates[0], record["written"])

        def write(new: list[Candidate], _numbers: Sequence[int]) -> None:
            assert "again" in record, "nothing comes of it now: record it again"
            self._write(new[0], record["again"])

        write_again(candidates, write)
        return candidates[0].suggestion()

    def _write(self, candidate: Candidate, tokens: list[tuple[str, float]]) -> None:
        ids = self.vocabulary.tokenizer.get_vocab()
        for name, logprob in tokens:
            i = ids[name]
            barred = candidate.barred | candidate.deeper
            assert i not in barred, f"{name} is barred now: record it again"
            assert not candidate.start or self.vocabulary.leads_to(candidate.start, i), f"{name} does not fit"
            candidate.take(TokenLogprob(i, name, logprob))
            candidate.feed.clear()
            if candidate.finish_reason is not None:
                return
        raise AssertionError("more was wanted than was recorded")
