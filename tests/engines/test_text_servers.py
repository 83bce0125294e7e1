"""Servers that take only text: llama.cpp's, of which only that is let through, so a real model writes."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cg2magic.engines.remote.calls import Infill
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.errors import FormatError
from cg2magic.grounding.grounding import Grounding
from cg2magic.prompts.continuation import continuation, extension
from cg2magic.request import Request, Sampling
from tests import servers
from tests.engines.test_remote import PLAIN, REQUESTS
from tests.engines.text_only import TextOnly, text_only

CALLS = ("/v1/completions", "/infill")


@pytest.fixture(scope="module")
def through(server):
    with text_only(server.url) as way:
        yield way


@pytest.fixture
def text(through: TextOnly) -> RemoteEngine:
    """The engine on a server that takes only text, and reports no log-probabilities."""
    through.requests.clear()
    return RemoteEngine(reach(through.url))


@pytest.fixture
def weighed(server) -> RemoteEngine:
    """The engine on the same server where it is sent text for another reason: the tokenizer is not here."""
    with text_only(server.url, weighs=True) as way:
        yield RemoteEngine(reach(way.url))


def test_what_it_can_do_is_found_out_and_said(text):
    assert text.loaded.abilities.lines == (
        "prompts: text, since it refuses token ids",
        "holes: with the special tokens of codegen2, which it reads in a text",
        "candidates: several in one request, unless they have a seed",
        "no heat map, and no other token to go on from: it reports no log-probabilities",
    )
    assert text.loaded.context == 1024


@pytest.mark.parametrize("name", ["a completion", "a hole in a line", "a stop text"])
def test_greedy_text_is_that_of_the_model_in_this_process(name, text, local):
    # A prompt that ends where a token does, so that ids and text are the same prompt.
    (there,), (here,) = text.generate(REQUESTS[name]).suggestions, local.generate(REQUESTS[name]).suggestions
    assert there.spans == here.spans
    assert there.finish_reason == here.finish_reason
    assert not there.has_logprobs
    assert there.logprob == 0.0


def test_a_word_that_was_begun_is_asked_for_from_before_it_and_cut_off(text, through):
    (suggestion,) = text.generate(REQUESTS["the end of a cut line"]).suggestions
    assert suggestion.code.startswith("import numpy as np\nx = np.arr")
    prompts = [body["prompt"] for _, body in through.requests]
    assert prompts[0] == "import numpy as np\nx = np"
    # Where the answer began with something else, it is asked again from where the text ends.
    assert len(prompts) == 1 or prompts[1].startswith("import numpy as np\nx = np.arr")


def test_white_space_before_the_cursor_is_not_written_twice(text):
    (suggestion,) = text.generate(Request(("def area(width, height):\n    return ",))).suggestions
    assert suggestion.text
    assert not suggestion.text.startswith(" ")


def test_two_holes_are_filled_one_after_the_other(text, through):
    (suggestion,) = text.generate(REQUESTS["two holes"]).suggestions
    assert len(suggestion.spans) == 2
    assert all(suggestion.spans)
    assert suggestion.spans[0] in through.requests[-1][1]["prompt"]


def test_the_cells_and_variables_around_are_in_the_text(text, through):
    seen = text.generate(REQUESTS["a hole in a notebook"]).seen
    assert "# values: range" in seen.text
    assert through.requests[0][1]["prompt"] == seen.text


def test_a_name_of_a_special_token_in_a_cell_is_none_in_the_prompt(text, through):
    text.generate(Request(("x = '<mask_1><sep>'\ny = ", "\nprint(y)\n"), Sampling(max_new_tokens=4)))
    prompt = through.requests[0][1]["prompt"]
    assert (prompt.count("<mask_1>"), prompt.count("<sep>")) == (2, 1)


def test_what_was_cut_goes_on(text):
    request = replace(REQUESTS["a completion"], sampling=Sampling(max_new_tokens=6))
    (cut,) = text.generate(request).suggestions
    assert (cut.finish_reason, cut.can_go_on) == ("length", True)
    more, _ = extension(request, cut)
    (longer,) = text.generate(more).suggestions
    whole = text.generate(replace(request, sampling=Sampling(max_new_tokens=12))).suggestions[0]
    assert longer.spans == whole.spans


def test_candidates_are_drawn_with_seeds_of_their_own(text, through):
    sampling = Sampling(n=3, max_new_tokens=8, temperature=1.0, seed=7)
    suggestions = text.generate(Request((PLAIN,), sampling)).suggestions
    assert len(suggestions) == 3
    assert len({body["seed"] for _, body in through.requests}) >= 3


def test_candidates_without_a_seed_begin_in_one_request(text, through):
    sampling = Sampling(n=3, max_new_tokens=8, temperature=1.0)
    suggestions = text.generate(Request((PLAIN,), sampling)).suggestions
    assert len(suggestions) == 3
    assert all(suggestion.text for suggestion in suggestions)
    assert through.requests[0][1]["n"] == 3


def test_where_a_server_weighs_its_tokens_there_is_a_heat_map_and_another_token_to_go_on_from(weighed, local):
    (suggestion,) = weighed.generate(REQUESTS["a completion"]).suggestions
    (here,) = local.generate(REQUESTS["a completion"]).suggestions
    assert suggestion.logprob == pytest.approx(here.logprob, abs=0.02)
    place = len(suggestion.tokens) // 2
    other = suggestion.tokens[place].alternatives[1]
    request, _ = continuation(REQUESTS["a completion"], suggestion, place, other.id)
    (branch,) = weighed.generate(request).suggestions
    kept = "".join(token.text for token in suggestion.tokens[:place])
    assert branch.text.startswith(f"{kept}{other.text}".rstrip())


def test_where_nothing_came_the_likeliest_other_token_begins(weighed, local):
    request = REQUESTS["the card's infill"]
    # Its likeliest answer is an empty docstring.
    assert weighed.generate(request).suggestions[0].spans == local.generate(request).suggestions[0].spans


def test_a_name_for_which_a_server_weighs_no_other_is_said_to_be_unknown(weighed):
    grounding = Grounding({"limits": {"max_depth_m": 30}})
    sampling = Sampling(max_new_tokens=12, stop=("\n",))
    (suggestion,) = weighed.generate(
        Request(('depth = limits["max_',), sampling, grounding=grounding)
    ).suggestions
    assert suggestion.notes == ("1 name not found in this kernel",)


@pytest.mark.parametrize("weighs", [True, False])
def test_infill_is_used_where_special_tokens_can_not_be_counted(server, weighs):
    with text_only(server.url, paths=CALLS, counts=False, weighs=weighs) as way:
        engine = RemoteEngine(reach(way.url))
        hole = engine.loaded.abilities.hole
        # The model in these tests has no tokens for it, which llama.cpp says.
        assert hole is None or isinstance(hole, Infill)


def test_a_server_that_fills_no_holes_completes_all_the_same(server):
    with text_only(server.url, counts=False) as way:
        engine = RemoteEngine(reach(way.url))
        assert engine.loaded.abilities.lines[1].startswith("holes: none")
        with pytest.raises(FormatError, match="%%complete"):
            engine.generate(REQUESTS["a hole in a line"])
        assert engine.generate(REQUESTS["a completion"]).suggestions[0].text


@pytest.mark.skipif(servers.LLAMA_CPP_PYTHON not in os.environ, reason="needs llama-cpp-python[server]")
def test_the_server_of_llama_cpp_python_is_sent_text_and_weighs_its_tokens(exported, tmp_path, local):
    with servers.llama_cpp_python(exported / "model.gguf", tmp_path / "log.txt") as served:
        engine = RemoteEngine(reach(served.url))
        assert engine.loaded.abilities.lines == (
            "prompts: text, since it refuses token ids",
            "holes: with the special tokens of codegen2, which it reads in a text",
        )
        for name in ("a completion", "a hole in a line"):
            (there,) = engine.generate(REQUESTS[name]).suggestions
            assert there.spans == local.generate(REQUESTS[name]).suggestions[0].spans
            assert there.has_logprobs
