"""Servers that can't run here, played by stand-ins that answer as their documentation says."""

from __future__ import annotations

import math

import pytest

from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.errors import FormatError, LoadError
from cg2magic.request import Request, Sampling
from tests.engines.documented import QWEN, documented

PREFIX, SUFFIX = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"
HOLE = Request((PREFIX, SUFFIX), Sampling(max_new_tokens=8))
LINE = Request(("import numpy as np\ntable = np.z",), Sampling(max_new_tokens=8, stop=("\n",)))


def fills(prompt: str, suffix: str | None) -> list[str]:
    """What a model writes into that hole; it always writes zeros where it is not one."""
    del suffix
    return ["a", " +", " b"] if "def add" in prompt else [".", "zeros", "((", "2", "))"]


def test_ollama_is_asked_in_its_own_way_so_that_no_chat_template_is_put_around_the_code():
    with documented("ollama", write=fills) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.context == 4096
        assert engine.loaded.abilities.lines[1] == (
            "holes: with the special tokens of qwen2.5-coder, which it reads in a text"
        )
        (suggestion,) = engine.generate(HOLE).suggestions
        assert (suggestion.text, suggestion.finish_reason) == ("a + b", "stop")
        assert math.isclose(suggestion.logprob, -0.25)
        ((path, body),) = server.requests
        assert (path, body["raw"]) == ("/api/generate", True)
        assert body["prompt"] == f"{QWEN[0]}{PREFIX}{QWEN[1]}{SUFFIX}{QWEN[2]}"


def test_an_ollama_without_counts_is_given_the_suffix_and_puts_its_template_around_it():
    with documented("ollama", write=fills, specials=()) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.abilities.lines[1] == "holes: with its own suffix, one at a time"
        assert engine.generate(HOLE).suggestions[0].text == "a + b"
        ((_, body),) = server.requests
        assert (body["prompt"], body["suffix"]) == (PREFIX, SUFFIX)
        assert "raw" not in body


def test_lm_studio_is_sent_text_with_the_tokens_of_the_model_and_has_no_heat_map():
    with documented("lmstudio", write=fills) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.context == 32768
        assert engine.loaded.abilities.lines[-1].startswith("no heat map")
        (suggestion,) = engine.generate(HOLE).suggestions
        assert (suggestion.text, suggestion.has_logprobs) == ("a + b", False)
        ((path, body),) = server.requests
        assert path == "/v1/completions"
        assert body["prompt"].startswith(QWEN[0])
        assert "logprobs" not in body


def test_lm_studio_ignores_a_suffix_so_a_model_without_tokens_for_holes_only_completes():
    with documented("lmstudio", write=fills, specials=()) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.abilities.lines[1].startswith("holes: none")
        with pytest.raises(FormatError, match="%%complete"):
            engine.generate(HOLE)


@pytest.mark.parametrize("kind", ["ollama", "lmstudio"])
def test_a_word_that_was_begun_is_cut_off_the_answer(kind):
    with documented(kind, write=fills) as server:
        (suggestion,) = RemoteEngine(reach(server.url)).generate(LINE).suggestions
        assert suggestion.code == "import numpy as np\ntable = np.zeros((2))"
        ((_, body),) = server.requests
        assert body["prompt"] == "import numpy as np\ntable = np"


def test_an_answer_that_begins_otherwise_is_asked_for_again_from_where_the_text_ends():
    def write(prompt: str, suffix: str | None) -> list[str]:
        del suffix
        return ["eros(", "2)"] if prompt.endswith("np.z") else [" or", " 1"]

    with documented("lmstudio", write=write) as server:
        (suggestion,) = RemoteEngine(reach(server.url)).generate(LINE).suggestions
        assert suggestion.text == "eros(2)"
        assert [body["prompt"][-4:] for _, body in server.requests] == ["= np", "np.z"]


def test_an_indentation_that_a_server_writes_again_is_cut_off():
    with documented("lmstudio", write=lambda *_: ["    ", "return", " a"]) as server:
        engine = RemoteEngine(reach(server.url))
        (suggestion,) = engine.generate(Request(("def f(a):\n    ", "\n\nf(1)\n"))).suggestions
        assert suggestion.code == "def f(a):\n    return a\n\nf(1)\n"


def test_what_came_to_nothing_is_asked_for_again_behind_the_indentation_that_was_typed():
    behind = "    return values[middle]"

    def write(prompt: str, suffix: str | None) -> list[str]:
        del suffix
        # Such a vocabulary joins the last space to the next word.
        return [" middle", " = 0"] if prompt.endswith("   ") else [behind]

    with documented("lmstudio", write=write) as server:
        engine = RemoteEngine(reach(server.url))
        (suggestion,) = engine.generate(Request(("def f(values):\n    ", f"\n{behind}\n"))).suggestions
        assert suggestion.code == f"def f(values):\n    middle = 0\n{behind}\n"
        assert [body["prompt"][-3:] for _, body in server.requests] == ["e|>", "   "]


def test_a_special_token_that_a_server_spells_ends_the_text():
    with documented("lmstudio", write=lambda *_: ["a", " + b<|file_sep|>and more"]) as server:
        assert RemoteEngine(reach(server.url)).generate(HOLE).suggestions[0].text == "a + b"


def test_an_answer_without_code_is_asked_for_once_more_and_warmer():
    answers = iter([["\n"], ["a + b"]])

    def write(prompt: str, suffix: str | None) -> list[str]:
        return (
            next(answers) if prompt.endswith(QWEN[2]) and prompt != "".join(QWEN) else fills(prompt, suffix)
        )

    with documented("lmstudio", write=write) as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.generate(HOLE).suggestions[0].text == "a + b"
        first, again = (body for _, body in server.requests)
        assert (first["temperature"], again["temperature"] > 0) == (0.0, True)


def test_mistral_s_fim_endpoint_completes_and_fills(monkeypatch):
    monkeypatch.setenv("CG2MAGIC_API_KEY", "sesame-1234")
    with documented("mistral", write=fills, model="codestral-latest", key="sesame-1234") as server:
        engine = RemoteEngine(reach(server.url))
        assert engine.loaded.context == 32768
        assert engine.loaded.abilities.lines[1:] == (
            "holes: with its own fim/completions, one at a time",
            "candidates: a request for each",
            "no heat map, and no other token to go on from: it reports no log-probabilities",
        )
        assert engine.generate(HOLE).suggestions[0].text == "a + b"
        assert engine.generate(LINE).suggestions[0].code.endswith("np.zeros((2))")
        warm = Request(HOLE.parts, Sampling(temperature=0.5, top_k=5, seed=1))
        assert engine.generate(warm).suggestions[0].text == "a + b"
        (_, hole), (_, line), (_, drawn) = server.requests
        assert (hole["prompt"], hole["suffix"]) == (PREFIX, SUFFIX)
        assert line["suffix"] == ""
        assert "random_seed" in drawn


def test_deepseek_s_fim_endpoint_fills_with_a_suffix_and_weighs_its_tokens():
    with documented("deepseek", write=fills, model="deepseek-chat", specials=()) as server:
        engine = RemoteEngine(reach(server.url, served="deepseek-chat"))
        assert engine.loaded.abilities.lines[1:] == (
            "holes: with its own suffix, one at a time",
            "candidates: a request for each",
        )
        (suggestion,) = engine.generate(HOLE).suggestions
        assert (suggestion.text, suggestion.logprob) == ("a + b", -0.5)
        ((path, body),) = server.requests
        assert (path, body["suffix"]) == ("/beta/completions", SUFFIX)


def test_a_server_that_lists_no_models_says_that_one_has_to_be_named():
    with documented("deepseek") as server, pytest.raises(LoadError, match="--model"):
        reach(server.url)


def test_a_server_that_only_chats_is_refused_when_it_is_loaded():
    with documented("deepseek") as server, pytest.raises(LoadError, match="completes no text with x"):
        reach(server.root, served="x")
