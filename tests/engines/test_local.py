"""The engine on the embedded model: every fast way of writing gives the text of the plain one."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

import pytest
import torch

from cg2magic.engines.local.decoding import Chooser, Decoding
from cg2magic.engines.local.drafts import PromptLookup
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.request import Request, Sampling, TokenLogprob
from tests.engines.counted import Counted

REPEATING = (
    "ax.plot(x, y, color='red', label='first')\nax.set_title('first')\n"
    "ax.plot(x, z, color='red', label='second')\n"
    "ax.set_title('second')\nax.plot(x, w, color='red', label='third')\n"
)
PLAIN = "import numpy as np\n\n\ndef mean(values):\n    total = 0\n    for value in values:\n"


class Endless:
    """A candidate without endings: it takes exactly so many tokens, whatever they are."""

    start = b""
    barred: frozenset[int] = frozenset()
    deeper: frozenset[int] = frozenset()
    allowed = None

    def __init__(self, length: int) -> None:
        self.feed: deque[int] = deque()
        self.ids: list[int] = []
        self.length = length

    @property
    def finish_reason(self):
        return "length" if len(self.ids) >= self.length else None

    def take(self, token) -> None:
        self.ids.append(token.id)
        self.feed.append(token.id)


@pytest.fixture
def engine(mini):
    return LocalEngine(mini)


def plain_generate(mini, ids, length):
    """What transformers itself writes."""
    prompt = torch.tensor([ids])
    output = mini.model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=length,
        min_new_tokens=length,
        do_sample=False,
        suppress_tokens=None,
    )
    return output[0, len(ids) :].tolist()


def free_run(engine, ids, length=64, rows=1, *, drafts=False):
    """Write without endings; the ids of each row."""
    with engine._computing(), torch.inference_mode():
        logits, cache = engine._read(tuple(ids), lambda: False)
        candidates = [Endless(length) for _ in range(rows)]
        choosers = [Chooser(Sampling(), i, engine.vocabulary) for i in range(rows)]
        decoding = Decoding(engine._forward, choosers, 500, lambda: None, lambda: False)
        if rows > 1:
            decoding.many(candidates, logits, cache)
        else:
            decoding.one(candidates[0], logits, cache, PromptLookup(tuple(ids)) if drafts else None)
    return [candidate.ids[:length] for candidate in candidates]


@pytest.mark.parametrize("text", [PLAIN, REPEATING])
def test_greedy_tokens_are_those_of_plain_generate(engine, mini, text):
    ids = engine.vocabulary.encode(text)
    # min_new_tokens keeps generate from ending; the end token must be kept from ours alike.
    expected = plain_generate(mini, ids, 64)
    end = mini.tokenizer.eos_token_id
    assert end not in expected
    runs = {
        "one": free_run(engine, ids)[0],
        "prefix cache": free_run(engine, ids)[0],
        "drafts": free_run(engine, ids, drafts=True)[0],
        "batch": free_run(engine, ids, rows=3)[2],
    }
    for way, written in runs.items():
        upto = written.index(end) if end in written else len(written)
        assert upto > 5, way
        assert written[:upto] == expected[:upto], way


def test_drafts_are_taken_where_text_repeats(engine, monkeypatch):
    ids = engine.vocabulary.encode(REPEATING)
    counted = Counted(engine, monkeypatch)
    free_run(engine, ids)
    plain = len(counted.passes)
    counted.passes.clear()
    free_run(engine, ids, drafts=True)
    assert len(counted.passes) < plain * 0.8


def test_sampling_is_the_same_with_drafts_and_without(engine):
    request = Request((REPEATING,), Sampling(temperature=0.7, seed=3, max_new_tokens=40))
    with_drafts = engine.generate(request).suggestions
    engine.drafts = False
    engine.prefixes.clear()
    without = engine.generate(request).suggestions
    assert [t.id for t in with_drafts[0].tokens] == [t.id for t in without[0].tokens]


def test_a_seeded_candidate_does_not_depend_on_how_many_there_are(engine):
    # Rounding may move a draw that lies at the very edge of a token, as one of seed 11 does.
    request = Request((PLAIN,), Sampling(n=2, temperature=0.9, seed=12, max_new_tokens=12))
    two = engine.generate(request).suggestions
    five = engine.generate(replace(request, sampling=replace(request.sampling, n=5))).suggestions
    assert [s.text for s in two] == [s.text for s in five[:2]]
    assert len({s.text for s in five}) > 1


def test_other_seeds_write_other_text(engine):
    request = Request((PLAIN,), Sampling(temperature=1.0, seed=1, max_new_tokens=20))
    texts = {
        engine.generate(replace(request, sampling=replace(request.sampling, seed=seed))).suggestions[0].text
        for seed in range(4)
    }
    assert len(texts) > 1


def test_every_candidate_shares_one_pass_over_the_prompt(engine, monkeypatch):
    counted = Counted(engine, monkeypatch)
    engine.generate(Request((PLAIN,), Sampling(n=4, temperature=1.0, seed=0, max_new_tokens=4)))
    assert sum(length > 1 for length in counted.passes) == 1


def test_text_arrives_while_it_is_written_and_only_grows(engine):
    seen: list[str] = []
    # A text that does not go round in circles: a loop is cut off at the end.
    code = "import numpy as np\nimport matplotlib.pyplot as plt\n\nx = np.linspace(0, 10, 100)\n"
    request = Request((code,), Sampling(max_new_tokens=20))
    written = engine.generate(request, report=lambda now: seen.append(now[0].text))
    assert len(seen) > 5
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))
    assert written.suggestions[0].text.startswith(seen[-2])


def test_a_cancelled_request_ends_within_one_token_and_keeps_its_text(engine):
    seen: list[int] = []

    def report(now):
        seen.append(len(now[0].tokens))

    request = Request((PLAIN,), Sampling(max_new_tokens=50))
    written = engine.generate(request, report, cancelled=lambda: len(seen) >= 5)
    suggestion = written.suggestions[0]
    assert suggestion.finish_reason == "cancelled"
    assert len(seen) == 5
    assert 0 < len(suggestion.tokens) <= 5 * 8


def test_a_request_cancelled_before_it_began_gives_empty_candidates(engine):
    written = engine.generate(Request((PLAIN, "\nx"), Sampling(n=2, temperature=1.0)), cancelled=lambda: True)
    assert [s.finish_reason for s in written.suggestions] == ["cancelled"] * 2
    assert [s.spans for s in written.suggestions] == [("",), ("",)]


def test_a_prompt_longer_than_the_context_is_cut_and_the_note_says_so(engine, mini):
    text = "".join(f"value_{i} = {i}\n" for i in range(2000))
    written = engine.generate(Request((text,), Sampling(max_new_tokens=4)))
    assert f"context is {mini.context:,}" in written.notes[0]
    assert written.suggestions[0].code.startswith(text)


def test_an_answer_longer_than_the_context_ends_there(engine, mini):
    request = Request((PLAIN,), Sampling(max_new_tokens=10 * mini.context, temperature=1.0, seed=0, n=2))
    prompt = engine._prompt(request)
    assert len(prompt.ids) < mini.context
    for suggestion in engine.generate(request).suggestions:
        assert suggestion.finish_reason in ("stop", "length")
        assert len(suggestion.tokens) < mini.context


def test_logprobs_are_the_models_own_and_the_likeliest_come_first(engine, mini):
    written = engine.generate(Request((PLAIN,), Sampling(max_new_tokens=6))).suggestions[0]
    ids = [*engine.vocabulary.encode(PLAIN), *(token.id for token in written.tokens)]
    with torch.inference_mode():
        logits = mini.model(torch.tensor([ids])).logits[0, :, : len(engine.vocabulary)]
    first = len(ids) - len(written.tokens)
    expected = logits.float().log_softmax(-1)
    for at, token in enumerate(written.tokens, start=first):
        assert token.logprob == pytest.approx(float(expected[at - 1, token.id]), abs=1e-4)
        assert len(token.alternatives) == 5
        assert token.alternatives[0].logprob >= token.alternatives[1].logprob
        assert token.alternatives[0].id == token.id  # greedy


def test_a_fill_begins_with_what_the_person_had_begun(engine):
    request = Request(("import numpy as np\nx = np.arr", "\nprint(x)"), Sampling(max_new_tokens=8))
    suggestion = engine.generate(request).suggestions[0]
    assert suggestion.code.startswith("import numpy as np\nx = np.arr")
    assert suggestion.code.endswith("\nprint(x)")


def test_all_holes_are_filled_in_one_go(engine):
    parts = ("import numpy as np\nx = np.", "\ny = np.", "\nprint(x, y)")
    suggestion = engine.generate(Request(parts, Sampling(max_new_tokens=12))).suggestions[0]
    assert len(suggestion.spans) == 2
    assert suggestion.code == parts[0] + suggestion.spans[0] + parts[1] + suggestion.spans[1] + parts[2]
    assert "<" not in "".join(suggestion.spans)


def test_where_nothing_came_the_model_is_asked_once_more(engine, monkeypatch):
    asked = []
    choose = Chooser.__call__

    def blank(self, logits, start, barred=(), allowed=None):
        """Write an end at once, unless that is barred."""
        asked.append(frozenset(barred))
        end = engine.vocabulary.tokenizer.eos_token_id
        if start or end in barred:
            return choose(self, logits, start, barred, allowed)
        return TokenLogprob(end, "", -2.0)

    monkeypatch.setattr(Chooser, "__call__", blank)
    written = engine.generate(Request(("x = 1\n",), Sampling(max_new_tokens=8)))
    (suggestion,) = written.suggestions
    assert suggestion.text.strip()
    assert "the model had nothing to add" not in written.notes
    assert [bool(barred) for barred in asked if barred]


def test_what_ends_at_a_stop_text_is_not_asked_for_again(engine, monkeypatch):
    newline = engine.vocabulary.encode("\n")[0]
    asked = []

    def stop(_, logits, start, barred=(), allowed=None):
        """Write a newline, which is a stop text, whatever is wanted."""
        del logits, start, allowed
        asked.append(barred)
        return TokenLogprob(newline, "", -0.1)

    monkeypatch.setattr(Chooser, "__call__", stop)
    written = engine.generate(Request(("x = 1",), Sampling(max_new_tokens=8, stop=("\n",))))
    assert written.suggestions[0].text == ""
    assert not any(asked)
    assert "the model had nothing to add" not in written.notes


def test_a_model_that_has_nothing_to_add_says_so(engine, monkeypatch):
    end = TokenLogprob(engine.vocabulary.tokenizer.eos_token_id, "", -2.0)
    choose = Chooser.__call__
    monkeypatch.setattr(
        Chooser,
        "__call__",
        lambda self, logits, start, *_: choose(self, logits, start) if start else end,
    )
    written = engine.generate(Request(("x = 1\n",), Sampling(max_new_tokens=8)))
    assert written.suggestions[0].text.strip() == ""
    assert "the model had nothing to add" in written.notes


def test_a_comment_in_the_place_of_nothing_is_nothing(engine, monkeypatch):
    end = engine.vocabulary.tokenizer.eos_token_id
    ruler = engine.vocabulary.encode("# ---\n\n\n", inside=True)

    def comment(_self, _logits, _start, barred=(), _allowed=None):
        """Write an end at once; where that is barred, a ruler."""
        if barred:
            written[:] = ruler
        return TokenLogprob(written.pop(0) if written else end, "", -2.0)

    written = []
    monkeypatch.setattr(Chooser, "__call__", comment)
    found = engine.generate(Request(("x = 1\n",), Sampling(max_new_tokens=8)))
    assert not written  # it was asked again, and wrote the ruler
    assert found.suggestions[0].text == ""
    assert "the model had nothing to add" in found.notes


def test_a_model_that_was_sure_of_its_end_is_not_asked_again(engine, monkeypatch):
    asked = []

    def end(_, logits, start, barred=(), allowed=None):
        del logits, start, allowed
        asked.append(barred)
        return TokenLogprob(engine.vocabulary.tokenizer.eos_token_id, "", -0.5)

    monkeypatch.setattr(Chooser, "__call__", end)
    written = engine.generate(Request(("x = 1\n",), Sampling(max_new_tokens=8)))
    assert len(asked) == 1
    assert "the model had nothing to add" in written.notes


def test_empty_candidates_among_others_are_drawn_again(engine, monkeypatch):
    request = Request((PLAIN,), Sampling(n=4, temperature=0.9, seed=12, max_new_tokens=12))
    plain = [s.text for s in engine.generate(request).suggestions]
    choose, ended = Chooser.__call__, []

    def often_ends(self, logits, start, barred=(), allowed=None):
        """The second and the fourth candidate end at once when they are drawn for the first time."""
        ends = [index for index in (1, 3) if self.generator.initial_seed() == 12 * 1_000_003 + index]
        if ends and ends[0] not in ended:
            ended.extend(ends)
            return TokenLogprob(engine.vocabulary.tokenizer.eos_token_id, "", -0.1)
        return choose(self, logits, start, barred, allowed)

    monkeypatch.setattr(Chooser, "__call__", often_ends)
    once = [s.text for s in engine.generate(request).suggestions]
    ended.clear()
    again = [s.text for s in engine.generate(request).suggestions]
    assert all(text.strip() for text in once)
    assert [once[0], once[2]] == [plain[0], plain[2]]
    assert again == once  # the same seeds draw the same again


def test_a_candidate_that_stays_empty_is_drawn_a_few_times_only(engine, monkeypatch):
    choose, drawn = Chooser.__call__, []

    def never_second(self, logits, start, barred=(), allowed=None):
        number = self.generator.initial_seed() - 12 * 1_000_003
        if number % 100_003 != 1:
            return choose(self, logits, start, barred, allowed)
        drawn.append(number)
        return TokenLogprob(engine.vocabulary.tokenizer.eos_token_id, "", -0.1)

    monkeypatch.setattr(Chooser, "__call__", never_second)
    request = Request((PLAIN,), Sampling(n=2, temperature=0.9, seed=12, max_new_tokens=12))
    first, second = engine.generate(request).suggestions
    assert first.text.strip()
    assert second.text == ""
    assert len(drawn) == len(set(drawn)) == 3


def test_a_hole_that_needs_something_is_not_left_empty_by_a_model_that_was_sure_of_its_end(
    engine, monkeypatch
):
    end = engine.vocabulary.tokenizer.eos_token_id
    value = engine.vocabulary.encode("80", inside=True)
    choose = Chooser.__call__

    def sure(self, logits, start, barred=(), allowed=None):
        if start:
            return choose(self, logits, start, barred, allowed)
        written[:] = value if end in barred else written
        return TokenLogprob(written.pop(0) if written else end, "", -0.1)

    written = []
    monkeypatch.setattr(Chooser, "__call__", sure)
    parts = ("def connect(host, port=", "):\n    return host")
    (found,) = engine.generate(Request(parts, Sampling(max_new_tokens=8))).suggestions
    assert found.text == "80"
