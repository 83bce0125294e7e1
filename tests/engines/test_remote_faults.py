"""What goes wrong with servers, on a stand-in: one line each, nothing lost, nothing endless."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cg2magic.engines.remote import patience
from cg2magic.engines.remote.engine import RemoteEngine
from cg2magic.engines.remote.model import reach
from cg2magic.engines.servers import SERVERS
from cg2magic.errors import GenerationError, LoadError
from cg2magic.models.locate import MINI
from cg2magic.models.tokenizer_file import FileTokenizer
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling
from cg2magic.service.job import Job
from cg2magic.service.manager import Manager
from tests.engines.stand_in import begin, reply, send, stand_in, tokens

REQUEST = Request(("import numpy as np\n",), Sampling(max_new_tokens=8))
WORD = Vocabulary(FileTokenizer(MINI)).encode("x = 1")


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(patience, "_PAUSE", 0.001)
    monkeypatch.setattr(SERVERS, "timeout", 20.0)


def ask(answer, request=REQUEST):
    with stand_in(answer=answer) as server:
        return RemoteEngine(reach(server.url)).generate(request), server.requests


def refused(answer, request=REQUEST) -> str:
    with pytest.raises(GenerationError) as caught:
        ask(answer, request)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def whole(handler, _):
    begin(handler)
    send(handler, tokens(*WORD, finish="stop"), "[DONE]")


def test_the_stand_in_gives_an_answer_when_nothing_is_wrong():
    written, (request,) = ask(whole)
    assert written.suggestions[0].text == "x = 1"
    assert request["prompt"] == Vocabulary(FileTokenizer(MINI)).encode(REQUEST.parts[0])
    assert request["max_tokens"] == 8


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status):
    busy = iter([{}, {"Retry_After": "0"}, {"Retry_After": "Thu, 01 Jan 2015 00:00:00 GMT"}])

    def answer(handler, body):
        headers = next(busy, None)
        if headers is None:
            whole(handler, body)
        else:
            reply(handler, status, {"error": {"message": "full"}}, **headers)

    written, requests = ask(answer)
    assert written.suggestions[0].text == "x = 1"
    assert len(requests) == 4


def test_a_server_that_stays_busy_is_left_alone_in_the_end():
    asked = []

    def answer(handler, body):
        asked.append(body)
        reply(handler, 503, "")

    assert "too busy (503): try again" in refused(answer)
    assert len(asked) == 5


def test_a_wait_too_long_is_told_instead_of_waited_for():
    asked = []

    def answer(handler, body):
        asked.append(body)
        reply(handler, 429, "", Retry_After="3600")

    assert "come back after 3600" in refused(answer)
    assert len(asked) == 1


def test_a_wait_that_cannot_be_read_is_the_usual_one_and_nothing_is_logged(caplog):
    busy = iter(["soon", "-1", "0.5"])

    def answer(handler, body):
        after = next(busy, None)
        if after is None:
            whole(handler, body)
        else:
            reply(handler, 503, "", Retry_After=after)

    written, requests = ask(answer)
    assert written.suggestions[0].text == "x = 1"
    assert len(requests) == 4
    assert not [record for record in caplog.records if record.name.startswith("httpx_retries")]


def test_the_pauses_double_and_half_of_each_is_left_to_chance(monkeypatch):
    monkeypatch.setattr(patience, "_PAUSE", 0.5)
    retry = patience.patience()
    for longest in (0.5, 1.0, 2.0, 4.0):
        retry = retry.increment()
        pauses = [retry.backoff_strategy() for _ in range(200)]
        assert longest / 2 <= min(pauses) < 0.6 * longest
        assert 0.9 * longest < max(pauses) <= longest
    assert retry.is_exhausted()


def test_waiting_for_a_busy_server_can_be_cancelled():
    stop = threading.Event()

    def answer(handler, _):
        stop.set()
        reply(handler, 503, "", Retry_After="25")

    with stand_in(answer=answer) as server:
        written = RemoteEngine(reach(server.url)).generate(REQUEST, cancelled=stop.is_set)
    assert written.suggestions[0].finish_reason == "cancelled"


def test_a_silent_server_can_be_cancelled_and_is_given_up_in_the_end(monkeypatch):
    asked = threading.Event()

    def answer(handler, _):
        begin(handler)
        asked.set()
        server.over.wait()

    with stand_in(answer=answer) as server:
        engine = RemoteEngine(reach(server.url))
        written = engine.generate(REQUEST, cancelled=asked.is_set)
        assert written.suggestions[0].finish_reason == "cancelled"
        monkeypatch.setattr(SERVERS, "timeout", 0.2)
        with pytest.raises(GenerationError, match=r"was silent for 0\.2 s.*CG2\.server_timeout"):
            engine.generate(REQUEST)


@pytest.mark.parametrize("then", ["close", "garbage", "error"])
def test_what_was_written_before_a_fault_is_kept(then):
    def answer(handler, _):
        begin(handler)
        send(handler, tokens(WORD[0]))
        if then == "garbage":
            send(handler, "<html>")
        elif then == "error":
            send(handler, {"error": {"message": "out of memory"}})

    written, _ = ask(answer)
    assert written.suggestions[0].text == "x"
    assert written.suggestions[0].finish_reason == "cancelled"
    expected = {"close": "broke off", "garbage": "<html>", "error": "out of memory"}[then]
    assert expected in written.notes[0]
    assert "kept" in written.notes[0]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("<html>Bad gateway</html>", "<html>Bad gateway"),
        ("[1, 2]", "not of the completions API"),
        ({"choices": "none"}, "not of the completions API"),
        ({"choices": [{"text": "x", "logprobs": None}]}, "not its tokens (logprobs)"),
        ({"choices": [{"text": "x", "logprobs": {"tokens": ["x"]}}]}, "in an unknown form"),
        (
            {"choices": [{"text": "x", "logprobs": {"content": [{"token": "x"}]}}]},
            "in an unknown form",
        ),
        (tokens(999_999), "--tokenizer"),
        (tokens(finish="length"), "without tokens"),
    ],
)
def test_an_answer_that_makes_no_sense_is_one_line(event, told):
    def answer(handler, _):
        begin(handler)
        send(handler, event, "[DONE]")

    assert told in refused(answer)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, {"error": {"message": "The model `x` does not exist."}}, "no such model or address"),
        (400, {"detail": "prompt too long"}, "refused the request (400): prompt too long"),
        (500, "Traceback …", "refused the request (500): Traceback"),
        (307, "", "redirects elsewhere (307)"),
    ],
)
def test_a_refusal_is_one_line(status, body, told):
    assert told in refused(lambda handler, _: reply(handler, status, body, Location="http://127.0.0.1:1/"))


def test_a_server_that_repeats_the_key_does_not_get_it_shown(monkeypatch):
    monkeypatch.setenv("CG2MAGIC_API_KEY", "sesame-1234")

    def answer(handler, _):
        reply(handler, 400, {"error": {"message": f"bad {handler.headers['Authorization']}"}})

    assert refused(answer).endswith("(400): bad Bearer …")


def test_a_server_that_ignores_which_tokens_may_come_is_not_believed():
    told = refused(whole, Request(("y = np.arr",), Sampling(max_new_tokens=8)))
    assert "ignores logit_bias" in told


def test_tokens_told_by_their_text_are_looked_up():
    def answer(handler, _):
        begin(handler)
        told = {"tokens": ["x", " =", " 1"], "token_logprobs": [-1.0, -0.5, -0.1]}
        send(handler, {"choices": [{"text": "x = 1", "logprobs": told, "finish_reason": "stop"}]}, "[DONE]")

    (suggestion,) = ask(answer)[0].suggestions
    assert suggestion.text == "x = 1"
    assert [token.logprob for token in suggestion.tokens] == [-1.0, -0.5, -0.1]


def load_refused(url: str, **how) -> str:
    with pytest.raises(LoadError) as caught:
        reach(url, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nobody_at_an_address_is_said_at_once():
    with stand_in() as server:
        url = server.url
    assert "nothing answers at 127.0.0.1" in load_refused(url)


def test_a_model_has_to_be_chosen_where_there_are_several():
    models = [{"id": "mini"}, {"id": "other"}, {"id": "tuned", "parent": "mini"}]
    with stand_in(models=models) as server:
        assert "choose one with --model: mini, other, tuned" in load_refused(server.url)
        assert "no model 'larger'; it serves mini" in load_refused(server.url, served="larger")
        assert reach(server.url, served="mini").served == "mini"
        # Without its tokenizer it is sent text.
        assert "--tokenizer names one" in reach(server.url, served="other").abilities.lines[0]
        assert reach(server.url, served="other", tokenizer="mini").tokenizer_source == "mini"
        assert reach(server.url, served="tuned", tokenizer=str(MINI)).served == "tuned"


def test_a_tokenizer_of_another_model_is_found_out():
    with stand_in(prompt_tokens=99) as server:
        assert "the server into 99; name the right one" in load_refused(server.url)


def test_a_tokenizer_that_is_nowhere_or_broken_is_told(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with stand_in() as server:
        assert "there is no tokenizer 'nowhere'" in load_refused(server.url, tokenizer="nowhere")
        assert "complete tokenizer.json" in load_refused(server.url, tokenizer=str(tmp_path))


@pytest.mark.parametrize("models", [None, [{"name": "mini"}], "mini"], ids=["no list", "no id", "a text"])
def test_a_server_of_something_else_is_told(models):
    with stand_in(models=models) as server:
        assert "server" in load_refused(server.url) or "serves" in load_refused(server.url)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://me:secret@host/v1", "must not contain a key or password"),
        ("http://host/v1?key=secret", "must not contain a key or password"),
        ("http:///v1", "names no server"),
        ("http://[::/v1", "is not an address"),
    ],
)
def test_an_address_that_is_none_is_told(url, told):
    message = load_refused(url)
    assert told in message
    assert "secret" not in message


def test_a_failed_load_leaves_the_model_that_was_there():
    manager = Manager()
    try:
        with stand_in() as server:
            manager.load(server.url)
            with pytest.raises(LoadError):
                manager.load(server.url, served="larger")
            with pytest.raises(LoadError, match="the server chooses the device"):
                manager.load(server.url, device="cpu", precision="bf16")
            with pytest.raises(LoadError, match="--tokenizer need the address"):
                manager.load("mini", tokenizer="mini")
            assert manager.status().model.served == "mini"
    finally:
        manager.close()


def test_a_broken_stream_is_a_stopped_suggestion_with_a_note():
    def answer(handler, _):
        begin(handler)
        send(handler, tokens(WORD[0]))

    manager = Manager()
    try:
        with stand_in(answer=answer) as server:
            manager.load(server.url)
            job: Job = manager.submit(REQUEST)
            assert job.result()[0].text == "x"
            assert job.snapshot().state == "stopped"
            assert "broke off" in job.snapshot().notes[0]
    finally:
        manager.close()


def test_the_tokenizers_files_alone_give_the_same_tokens_as_transformers(mini_tokenizer):
    alone, known = Vocabulary(FileTokenizer(MINI)), Vocabulary(mini_tokenizer)
    text = "def größer(x):\n        return {'東京': x}  # <mask_1>\n\t\t<|endoftext|>"
    assert alone.encode(text) == known.encode(text)
    assert alone.pieces == known.pieces
    assert (alone.steering, alone.opening, len(alone)) == (known.steering, known.opening, len(known))


def test_a_loop_that_runs_on_the_callers_thread_is_not_in_the_way():
    async def in_a_notebook():
        return ask(whole)

    # Not on the tests' own thread: where a browser is open, a loop runs there already.
    with ThreadPoolExecutor(1) as thread:
        written, _ = thread.submit(asyncio.run, in_a_notebook()).result()
    assert written.suggestions[0].text == "x = 1"


def test_where_a_server_s_model_wrote_nothing_it_is_asked_once_more_for_another_token():
    def answer(handler, body):
        begin(handler)
        if body["prompt"][-1] in WORD or "logit_bias" in body:
            left = WORD[1:] if body["prompt"][-1] in WORD else WORD[:1]
            send(handler, tokens(*left, finish="stop" if left != WORD[:1] else "length"), "[DONE]")
        else:
            send(handler, tokens(finish="stop"), "[DONE]")

    written, requests = ask(answer)
    assert written.suggestions[0].text == "x = 1"
    assert written.notes == ()
    first, again, rest = requests
    assert "logit_bias" not in first
    assert again["max_tokens"] == 1
    end = str(Vocabulary(FileTokenizer(MINI)).tokenizer.eos_token_id)
    assert again["logit_bias"][end] == -100
    assert "logit_bias" not in rest


@pytest.mark.parametrize("supports", ["ignores", "refuses"])
def test_where_a_server_can_not_bar_tokens_the_note_says_that_nothing_came(supports):
    def answer(handler, body):
        if "logit_bias" in body and supports == "refuses":
            reply(handler, 400, {"error": {"message": "logit_bias is not supported"}})
            return
        begin(handler)
        send(handler, tokens(finish="stop"), "[DONE]")

    written, requests = ask(answer)
    assert written.suggestions[0].text == ""
    assert written.notes == ("the model had nothing to add",)
    assert len(requests) == 2
