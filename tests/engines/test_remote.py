"""The engine elsewhere, on a real server: llama.cpp's, and in ``nox -s vllm`` vLLM."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from cg2magic.context import Cell, Document, gather
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.grounding.grounding import Grounding
from cg2magic.prompts.continuation import extension
from cg2magic.request import Request, Sampling, Suggestion
from tests import servers

PLAIN = "import numpy as np\n\n\ndef mean(values):\n"
# What follows is likely, and many tokens long.
CLASS = "class Rectangle:\n    def __init__(self, width, height):\n"
CELLS = ("import numpy as np\nvalues = np.arange(10)\n", "", "print(total)\n")


def in_a_notebook(*parts: str) -> Request:
    """A request in the second of three cells, with what the kernel knows."""
    document = Document(tuple(Cell(None, "code", source) for source in CELLS), active=1)
    return Request(parts, Sampling(max_new_tokens=16), context=gather(document, parts, {"values": range(10)}))


REQUESTS = {
    "a completion": Request((PLAIN,), Sampling(max_new_tokens=24)),
    "the end of a cut line": Request(("import numpy as np\nx = np.arr",), Sampling(max_new_tokens=16)),
    "the card's infill": Request(
        ("def hello_world():\n    ", "    return name"), Sampling(max_new_tokens=24)
    ),
    "a hole in a line": Request(("x = ", "\nprint(x)"), Sampling(max_new_tokens=16)),
    "two holes": Request(
        ("import numpy as np\nx = np.", "\ny = np.", "\nprint(x, y)"), Sampling(max_new_tokens=12)
    ),
    "a completion in a notebook": in_a_notebook("total = values."),
    "a hole in a notebook": in_a_notebook("total = ", "\ntotal += sum(values)\n"),
    "a stop text": Request((PLAIN,), Sampling(max_new_tokens=24, stop=("mean",))),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_greedy_text_is_token_for_token_that_of_the_model_in_this_process(request_, remote, local):
    (there,), (here,) = remote.generate(request_).suggestions, local.generate(request_).suggestions
    assert here.tokens
    assert [(token.id, token.text) for token in there.tokens] == [(t.id, t.text) for t in here.tokens]
    assert (there.spans, there.finish_reason) == (here.spans, here.finish_reason)


@pytest.mark.parametrize("name", ["a completion", "two holes"])
def test_what_was_cut_goes_on_there_as_here(name, remote, local):
    request = replace(REQUESTS[name], sampling=Sampling(max_new_tokens=6))
    (cut,) = remote.generate(request).suggestions
    more, _ = extension(request, cut)
    (there,), (here,) = remote.generate(more).suggestions, local.generate(more).suggestions
    assert there.spans == here.spans
    assert len(there.taken) > len(cut.taken)


@pytest.mark.parametrize("name", ["a completion in a notebook", "a hole in a notebook"])
def test_the_server_is_sent_the_cells_and_variables_around(name, remote):
    seen = remote.generate(REQUESTS[name]).seen
    assert CELLS[0] in seen.text
    assert "# values: range" in seen.text
    assert ("print(total)" in seen.text) == REQUESTS[name].is_infill


def test_log_probabilities_and_alternatives_are_the_same(remote, local):
    request = Request((CLASS,), Sampling(max_new_tokens=24))
    (there,), (here,) = remote.generate(request).suggestions, local.generate(request).suggestions
    for ours, theirs in zip(here.tokens, there.tokens, strict=True):
        assert theirs.logprob == pytest.approx(ours.logprob, abs=2e-3)
        assert [a.id for a in theirs.alternatives[:2]] == [a.id for a in ours.alternatives[:2]]
        assert len(theirs.alternatives) == 5


def test_text_arrives_while_it_is_written(remote):
    seen: list[str] = []
    written = remote.generate(
        Request((CLASS,), Sampling(max_new_tokens=24)), lambda now: seen.append(now[0].text)
    )
    assert len(set(seen)) > 10
    final = written.suggestions[0].text
    # In the end it is cut back to its last whole statement.
    assert all(final.startswith(text.rstrip()) or text.startswith(final) for text in seen)


def test_stop_keeps_what_was_written_and_ends_the_work_on_the_server(remote):
    wanted = threading.Event()
    seen: list[tuple[Suggestion, ...]] = []

    def report(now: tuple[Suggestion, ...]) -> None:
        seen.append(now)
        wanted.set()

    # Drawn hot, hardly anything ends of itself so soon.
    request = Request((PLAIN,), Sampling(n=4, max_new_tokens=900, temperature=2.0, top_p=1.0, seed=1))
    suggestions = remote.generate(request, report, wanted.is_set).suggestions
    assert "cancelled" in [suggestion.finish_reason for suggestion in suggestions]
    for last, suggestion in zip(seen[-1], suggestions, strict=True):
        assert suggestion.text.startswith(last.text)
    # One that is still writing for nobody would make this one wait, or fill the server in the end.
    assert remote.generate(REQUESTS["a completion"]).suggestions[0].finish_reason in {"length", "stop"}


def test_twenty_notebooks_at_once_get_each_its_own_answer(server, local):
    begins = (f"{PLAIN}    # case ", "import pandas as pd\n\ncase = ")
    requests = [Request((f"{begins[i % 2]}{i}\n",), Sampling(max_new_tokens=12)) for i in range(20)]
    expected = [local.generate(request).suggestions[0].text for request in requests]
    assert len(set(expected)) > 1

    def notebook(request: Request) -> str:
        return RemoteEngine(reach(server.url)).generate(request).suggestions[0].text

    with ThreadPoolExecutor(20) as notebooks:
        assert list(notebooks.map(notebook, requests)) == expected


def test_candidates_differ_and_are_the_same_again_with_the_same_seed(remote):
    def texts(n: int, seed: int) -> list[str]:
        sampling = Sampling(n=n, max_new_tokens=8, temperature=1.0, seed=seed)
        return [suggestion.text for suggestion in remote.generate(Request((PLAIN,), sampling)).suggestions]

    assert len(set(texts(3, seed=7))) == 3
    # Alone: side by side, a server rounds differently from one time to the next.
    assert texts(1, seed=7) == texts(1, seed=7) != texts(1, seed=8)


def test_a_prompt_too_long_is_cut_and_said_so(remote):
    request = Request(("value = 1\n" * 2000,), Sampling(max_new_tokens=4))
    written = remote.generate(request)
    assert "context is 1,024" in written.notes[0]
    assert written.suggestions[0].code.startswith("value = 1\n")


def test_the_kernel_stays_without_torch_and_transformers(server):
    program = """
import sys, cg2magic
from cg2magic.service.manager import manager
model = cg2magic.load(sys.argv[1])
print(cg2magic.complete("import numpy as np\\n", max_new_tokens=4)[0].code)
assert not {"torch", "transformers"} & set(sys.modules)
manager().close()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, server.url], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("import numpy as np\n")


def test_the_magics_write_with_the_served_model_and_say_where_it_is(server, shell, capsys):
    shell.run_line_magic("load_ext", "cg2magic")
    capsys.readouterr()
    shell.run_line_magic("cg2", f"load {server.url}")
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert capsys.readouterr().out.startswith(
        f"mini at {host}: served as mini at {server.url}, context 1,024"
    )
    shell.run_cell_magic("infill", "-m 8 -o filled", "def hello_world():\n    |\n    return name\n")
    assert shell.user_ns["filled"][0].code.endswith("\n    return name")
    capsys.readouterr()
    for command in ("status", "history"):
        shell.run_line_magic("cg2", command)
        assert f"mini at {host}" in capsys.readouterr().out
    # It is asked for again by its address, and is still there.
    shell.run_cell_magic("complete", f"-m 2 -o done --model {server.url}", "import numpy as np\n")
    assert shell.user_ns["done"]


def test_a_server_that_is_killed_leaves_what_it_wrote(exported):
    with servers.llama_cpp(exported / "model.gguf") as served:
        engine = RemoteEngine(reach(served.url))

        def report(now: tuple[Suggestion, ...]) -> None:
            if sum(len(suggestion.tokens) for suggestion in now) >= 16:
                served.process.kill()

        # Drawn hot, hardly anything ends of itself before the server is gone.
        request = Request((PLAIN,), Sampling(n=8, max_new_tokens=900, temperature=2.0, top_p=1.0, seed=1))
        written = engine.generate(request, report)
    unfinished = [s for s in written.suggestions if s.finish_reason == "cancelled"]
    assert any(suggestion.tokens for suggestion in unfinished)
    assert "broke off" in written.notes[0]
    assert "what it wrote before is kept" in written.notes[0]


def test_the_key_is_taken_from_the_environment_and_never_shown(exported, monkeypatch, shell, capsys):
    with servers.llama_cpp(exported / "model.gguf", "sesame-1234") as served:
        shell.run_line_magic("load_ext", "cg2magic")
        for key, expected in ((None, "put it into CG2MAGIC_API_KEY"), ("sesame-9", "refuses the key")):
            if key:
                monkeypatch.setenv("CG2MAGIC_API_KEY", key)
            shell.run_cell(f"%cg2 load {served.url}")
            shown = "".join(capsys.readouterr())
            assert expected in shown
            assert "sesame" not in shown
        monkeypatch.setenv("CG2MAGIC_API_KEY", "sesame-1234")
        model = reach(served.url)
        engine = RemoteEngine(model)
        assert engine.generate(REQUESTS["a completion"]).suggestions[0].tokens
        assert "sesame" not in "".join([repr(model), repr(vars(model.client)), repr(vars(engine))])


def test_an_address_without_v1_finds_the_api(server):
    engine = RemoteEngine(reach(server.url.removesuffix("/v1")))
    assert engine.loaded.url == server.url
    assert engine.generate(REQUESTS["a completion"]).suggestions[0].tokens


@pytest.mark.skipif(servers.VLLM in os.environ, reason="the slots are llama.cpp's")
def test_the_room_of_a_slot_is_learned_where_the_server_does_not_tell_it(exported):
    request = Request(("x = 1\n" * 200 + PLAIN,), Sampling(max_new_tokens=16))
    with servers.llama_cpp(exported / "model.gguf", "--slot", "256") as served:
        model = reach(served.url)
        # As where a server lists nothing but the model's own length.
        engine = RemoteEngine(replace(model, context=1024))
        written = engine.generate(request)
    assert engine.loaded.context == 256
    assert written.suggestions[0].tokens
    assert "the model's context is 256" in written.notes[0]


def test_names_that_are_not_in_the_kernel_are_corrected_from_what_the_server_thinks_likely(remote, local):
    grounding = Grounding({"limits": {"max_depth_m": 30}})
    request = Request(
        ('depth = limits["max_',), Sampling(max_new_tokens=12, stop=("\n",)), grounding=grounding
    )
    (there,), (here,) = remote.generate(request).suggestions, local.generate(request).suggestions
    assert there.text == here.text == 'depth_m"]'
    assert there.notes == here.notes == ("1 name corrected",)
    corrected = next(token for token in there.tokens if token.corrected)
    assert corrected.id != corrected.alternatives[0].id


def test_a_name_that_the_server_finds_no_other_for_is_said_to_be_unknown(remote):
    grounding = Grounding({"table": {"\u4e16\u754c": 1}})
    request = Request(('value = table["',), Sampling(max_new_tokens=8, stop=("\n",)), grounding=grounding)
    (suggestion,) = remote.generate(request).suggestions
    assert suggestion.notes == ("1 name not found in this kernel",)
