"""A GGUF in this process: llama.cpp computes, and everything that the local engine does is there."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cg2magic.engines.gguf.engine import GgufEngine
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import GenerationError, UsageError
from cg2magic.models.gguf.llama import SEQUENCES, LlamaContext, LlamaModel, Stopped
from cg2magic.models.gguf.loading import load_gguf
from cg2magic.models.gguf.sources import find_gguf
from cg2magic.progress import Watch
from cg2magic.prompts.continuation import continuation
from cg2magic.request import Request, Sampling
from tests.engines.counted import Counted, check_a_shared_beginning_is_read_once
from tests.engines.test_local import PLAIN, REPEATING, free_run
from tests.needs import need_llama_cpp

SPREAD = "import numpy as np\nimport matplotlib.pyplot as plt\n\nx = np.linspace(0, 10, 100)\n"


def open_engine(file: Path) -> GgufEngine:
    return GgufEngine(load_gguf(find_gguf(str(file), Watch()), device="cpu", watch=Watch()))


@pytest.fixture(scope="module")
def opened(exported) -> Iterator[GgufEngine]:
    need_llama_cpp()
    engine = open_engine(exported / "model.gguf")
    yield engine
    engine.close()


@pytest.fixture
def engine(opened) -> GgufEngine:
    """The engine as it is after loading."""
    opened.prefixes.clear()
    opened.drafts = True
    return opened


def llama_cpp_greedy(file: Path, ids: list[int], length: int) -> list[int]:
    """What llama.cpp's own sampler writes, in a context of its own."""
    model = LlamaModel(str(file))
    context = LlamaContext(model, cells=1024, threads=1)
    c = model.library.c
    written, at = [], 0
    while len(written) < length:
        context.logits([ids], [1], at, 1)
        at += len(ids)
        if hasattr(c, "llama_sampler_init_greedy"):
            ids = [c.llama_sampler_sample(c.llama_sampler_init_greedy(), context._pointer, -1)]
            written += ids
            continue
        # The other package has the sampler of older releases.
        logits = c.llama_get_logits_ith(context._pointer, len(ids) - 1)
        tokens = (c.llama_token_data * model.vocabulary)()
        for i in range(model.vocabulary):
            tokens[i].id, tokens[i].logit = i, logits[i]
        candidates = c.llama_token_data_array(tokens, model.vocabulary, -1)
        ids = [c.llama_sample_token_greedy(context._pointer, candidates)]
        written += ids
    context.close()
    model.close()
    return written


@pytest.mark.parametrize("text", [PLAIN, REPEATING])
def test_the_greedy_text_is_that_of_llama_cpps_own_sampler(engine, exported, text):
    ids = engine.vocabulary.encode(text)
    expected = llama_cpp_greedy(exported / "model.gguf", ids, 40)
    runs = {
        "one": free_run(engine, ids, 40)[0],
        "prefix cache": free_run(engine, ids, 40)[0],
        "drafts": free_run(engine, ids, 40, drafts=True)[0],
        "batch": free_run(engine, ids, 40, rows=3)[2],
    }
    assert runs == dict.fromkeys(runs, expected)


@pytest.mark.parametrize(
    "parts",
    [
        (PLAIN,),
        ("import numpy as np\nx = np.arr", "\nprint(x)"),
        ("import numpy as np\nx = np.", "\ny = np.", "\nprint(x, y)"),
    ],
    ids=["completion", "hole", "holes"],
)
def test_it_writes_what_torch_writes_with_the_same_weights(engine, local, parts):
    request = Request(parts, Sampling(max_new_tokens=12))
    (ours,), (theirs,) = engine.generate(request).suggestions, local.generate(request).suggestions
    assert ours.spans == theirs.spans
    assert ours.finish_reason == theirs.finish_reason
    assert [t.logprob for t in ours.tokens] == pytest.approx([t.logprob for t in theirs.tokens], abs=0.02)


def test_the_vocabulary_of_the_file_is_that_of_the_checkpoint(engine, local):
    ours, theirs = engine.vocabulary, local.vocabulary
    assert ours.pieces[: len(theirs)] == theirs.pieces
    assert ours.opening == theirs.opening
    # What the names of special tokens spell, and white space that has tokens of its own.
    for text in (PLAIN, "x = '<eom>' + \"<mask_1>\"\n\t\tif y:\n        # ≈ 🎉\r\n", "", " "):
        assert ours.encode(text) == theirs.encode(text)
    assert ours.id("<eom>") == theirs.id("<eom>")


def test_a_seeded_candidate_does_not_depend_on_how_many_there_are(engine):
    request = Request((PLAIN,), Sampling(n=2, temperature=0.9, seed=3, max_new_tokens=12))
    two = engine.generate(request).suggestions
    five = engine.generate(replace(request, sampling=replace(request.sampling, n=5))).suggestions
    assert [s.text for s in two] == [s.text for s in five[:2]]
    assert len({s.text for s in five}) > 1


def test_candidates_share_one_pass_over_the_prompt_and_its_cells(engine, monkeypatch):
    counted = Counted(engine, monkeypatch)
    engine.generate(Request((PLAIN,), Sampling(n=4, temperature=1.0, seed=0, max_new_tokens=4)))
    assert sum(length > 1 for length in counted.passes) == 1


def test_a_prompt_that_shares_a_beginning_is_read_from_where_it_differs(engine, monkeypatch):
    check_a_shared_beginning_is_read_once(engine, PLAIN, monkeypatch)


def test_drafts_are_taken_where_text_repeats_and_change_nothing(engine, monkeypatch):
    request = Request((REPEATING,), Sampling(temperature=0.7, seed=3, max_new_tokens=40))
    counted = Counted(engine, monkeypatch)
    with_drafts = engine.generate(request).suggestions
    drafted = len(counted.passes)
    engine.drafts = False
    engine.prefixes.clear()
    counted.passes.clear()
    without = engine.generate(request).suggestions
    assert [t.id for t in with_drafts[0].tokens] == [t.id for t in without[0].tokens]
    assert drafted < len(counted.passes)


def test_another_token_can_be_chosen_and_the_text_goes_on_from_there(engine):
    request = Request((PLAIN,), Sampling(max_new_tokens=12))
    (suggestion,) = engine.generate(request).suggestions
    other = suggestion.tokens[2].alternatives[1]
    further, _ = continuation(request, suggestion, 2, other.id)
    (changed,) = engine.generate(further).suggestions
    assert [t.id for t in changed.tokens[:3]] == [*(t.id for t in suggestion.tokens[:2]), other.id]


def test_text_arrives_while_it_is_written(engine):
    seen: list[str] = []
    request = Request((SPREAD,), Sampling(max_new_tokens=20))
    engine.generate(request, report=lambda now: seen.append(now[0].text))
    assert len(seen) > 5
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))


def test_likelihoods_are_those_of_torch(engine, local):
    ours, theirs = engine.score(PLAIN, Watch()), local.score(PLAIN, Watch())
    assert [t.id for t in ours.tokens] == [t.id for t in theirs.tokens]
    assert [t.logprob for t in ours.tokens] == pytest.approx([t.logprob for t in theirs.tokens], abs=0.02)


def test_features_are_those_of_torch_and_leave_nothing_behind(engine, local):
    texts = ["def mean(values):", "x = 1", PLAIN * 20]
    ours, theirs = engine.embed(texts, Watch()), local.embed(texts, Watch())
    assert ours.shape == theirs.shape
    for a, b in zip(ours, theirs, strict=True):
        assert a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) > 0.999
    request = Request((PLAIN,), Sampling(max_new_tokens=8))
    assert engine.generate(request).suggestions[0].spans == local.generate(request).suggestions[0].spans
    with pytest.raises(UsageError, match="text 1 is empty"):
        engine.embed(["x", ""], Watch())


def test_no_pass_begins_once_it_was_stopped(engine):
    ids = engine.vocabulary.encode(PLAIN)
    sequence = engine._pool.take()
    before = engine._context.logits([ids], [sequence], 0, 1)
    engine._context.remove(sequence)
    engine._context.stop()
    with pytest.raises(Stopped):
        engine._context.logits([ids], [sequence], 0, 1)
    engine._context.stop(now=False)
    assert np.array_equal(engine._context.logits([ids], [sequence], 0, 1), before)
    engine._pool.drop([sequence])


def test_a_request_that_is_stopped_keeps_its_text_however_many_passes_are_left(engine):
    """Stop arrives between two passes of a loop that never ends by itself."""
    stopped = threading.Event()
    logits = engine._context.logits
    passes = []

    def endless(*what):
        found = logits(*what)
        passes.append(what)
        while len(passes) > 4:
            stopped.set()
            engine._context.remove(what[1][0], what[2] + 1)
            found = logits([[0]], [what[1][0]], what[2] + 1, 1)  # raises Stopped in the end
            time.sleep(0.001)
        return found

    engine._context.logits = endless
    try:
        written = engine.generate(Request((SPREAD,), Sampling(max_new_tokens=50)), cancelled=stopped.is_set)
    finally:
        del engine._context.logits
    (suggestion,) = written.suggestions
    assert suggestion.finish_reason == "cancelled"
    assert suggestion.tokens


def test_what_was_read_of_a_prompt_that_was_given_up_is_not_read_again(engine, monkeypatch):
    request = Request(("".join(f"x{i} = {i}\n" for i in range(60)),), Sampling(max_new_tokens=1))
    logits = engine._context.logits
    passes = []

    def given_up(rows, *where):
        """Stop within the third pass."""
        passes.append(len(rows[0]))
        if len(passes) == 3:
            engine._context.stop()
        return logits(rows, *where)

    monkeypatch.setattr(engine._context, "logits", given_up)
    (suggestion,) = engine.generate(request).suggestions
    assert suggestion.finish_reason == "cancelled"
    read = sum(passes[:2])
    engine.generate(request)
    rest = sum(passes[3:])
    already = len(passes)
    engine.prefixes.clear()
    engine.generate(request)
    assert 0 < read < read + rest == sum(passes[already:])


def test_more_candidates_than_sequences_are_refused_in_one_line(engine):
    request = Request((PLAIN,), Sampling(n=SEQUENCES + 1, temperature=1.0, max_new_tokens=2))
    with pytest.raises(GenerationError, match="ask for fewer candidates"):
        engine.generate(request)
    # Nothing is lost by it.
    few = replace(request, sampling=replace(request.sampling, n=4))
    assert len(engine.generate(few).suggestions) == 4


def test_earlier_prompts_give_way_and_what_is_too_much_is_said_in_one_line(exported):
    engine = open_engine(exported / "model.gguf")
    small = LlamaContext(engine.loaded.model, cells=256, threads=1)
    engine._pool.context, engine._context = small, small
    texts = ["".join(f"value_{i} = {i * k}\n" for i in range(12)) for k in range(6)]
    for text in texts:
        assert engine.generate(Request((text,), Sampling(max_new_tokens=4))).suggestions[0].tokens
    with pytest.raises(GenerationError, match="no room left"):
        engine.generate(Request((texts[0] * 8,), Sampling(max_new_tokens=4)))
    assert engine.generate(Request((texts[0],), Sampling(max_new_tokens=4))).suggestions[0].tokens
    engine.close()


def test_what_came_before_changes_nothing(engine):
    """Requests of all kinds in any order leave no gap in the cells that a later one would trip over."""
    texts = [PLAIN, REPEATING, SPREAD, PLAIN + "        total += value\n", SPREAD + REPEATING]
    requests = [
        *(Request((text,), Sampling(max_new_tokens=16)) for text in texts),
        *(Request((text,), Sampling(n=5, temperature=0.5, seed=3, max_new_tokens=16)) for text in texts),
        Request(("import numpy as np\nx = np.", "\ny = np.", "\nprint(x, y)"), Sampling(max_new_tokens=8)),
    ]

    def texts_of(request):
        return [suggestion.text for suggestion in engine.generate(request).suggestions]

    fresh = []
    for request in requests:
        engine.prefixes.clear()
        fresh.append(texts_of(request))
    order = random.Random(1)
    for _ in range(60):
        k = order.randrange(len(requests))
        if order.random() < 0.2:
            engine.score(SPREAD, Watch())
        assert texts_of(requests[k]) == fresh[k]


def test_a_closed_model_has_freed_its_weights_and_keeps_its_facts(exported):
    engine = open_engine(exported / "model.gguf")
    model = engine.loaded.model
    assert engine.close()() is None
    assert (engine.loaded.name, engine.loaded.precision) == ("model", "F32")
    with pytest.raises(GenerationError, match="no longer loaded"):
        model.tokenize("x")
    with pytest.raises(AttributeError, match="no longer loaded"):
        engine.loaded.model  # noqa: B018


def test_it_is_one_more_local_engine(engine):
    assert isinstance(engine, LocalEngine)
    assert (engine.loaded.device, engine.loaded.family) == ("cpu", "codegen2")
