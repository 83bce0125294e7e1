"""How tokens become fills: endings, seams, holes in order, and what is shown while they arrive."""

from __future__ import annotations

import pytest

from cg2magic.context import Context
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import FORMATS, encode
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob


@pytest.fixture(scope="module")
def vocabulary(mini_tokenizer):
    return Vocabulary(mini_tokenizer, FORMATS["codegen2"].steering)


class Writer:
    """Plays the model: writes given text into a candidate, token by token."""

    def __init__(
        self, vocabulary: Vocabulary, *parts: str, language: str = "python", context=None, **sampling
    ):
        self.vocabulary = vocabulary
        wanted = Sampling(**{"max_new_tokens": 100, **sampling})
        self.request = Request(parts, wanted, language, context=context)
        prompt = encode(parts, "codegen2", vocabulary, 500)
        self.candidate = Candidate(self.request, prompt, vocabulary)
        self.fed: list[str] = []

    def write(self, *texts: str) -> Writer:
        """Text is tokenized; a steering token is written as itself. A text ends with its hole.

        As the engine does, begins a fill with the text that was given back.
        """
        for text in texts:
            special = self.vocabulary.id(text)
            hole = len(self.suggestion.spans)
            start = self.candidate.start.decode()
            again = "" if text.startswith(start) else start
            for i in [special] if special is not None else self.vocabulary.encode(again + text):
                self._take(i)
                if self.candidate.finish_reason is not None or len(self.suggestion.spans) > hole:
                    break
        return self

    def _take(self, i: int) -> None:
        self.candidate.take(TokenLogprob(i, "", -1.0))
        self.fed += [self.vocabulary.text(token) for token in self.candidate.feed]
        self.candidate.feed.clear()

    @property
    def suggestion(self):
        return self.candidate.suggestion()


def test_a_fill_ends_at_eom_and_fits_between_the_lines(vocabulary):
    writer = Writer(vocabulary, "def hello_world():\n    ", "\n    return name")
    writer.write("name = 'world'\n", "<eom>")
    assert writer.suggestion.spans == ("name = 'world'",)
    assert writer.suggestion.code == "def hello_world():\n    name = 'world'\n    return name"
    assert writer.suggestion.finish_reason == "stop"


def test_the_cards_suffix_without_a_newline_gives_whole_lines_too(vocabulary):
    for fill in ("name = 'world'\n", "name = 'world'"):
        writer = Writer(vocabulary, "def hello_world():\n    ", "    return name").write(fill, "<eom>")
        assert writer.suggestion.code == "def hello_world():\n    name = 'world'\n    return name"


def test_a_comment_behind_the_hole_stays_on_its_line(vocabulary):
    writer = Writer(vocabulary, "x = ", "  # metres").write(" 3", "<eom>")
    assert writer.suggestion.code == "x = 3  # metres"


@pytest.mark.parametrize("end", ["<eom>", "<|endoftext|>", "<sep>", "<mask_2>"])
def test_no_steering_token_reaches_the_person(vocabulary, end):
    writer = Writer(vocabulary, "x = f(", ")\n").write("(1", end)
    assert writer.suggestion.code == "x = f(1)\n"
    assert all("<" not in token.text for token in writer.suggestion.tokens)


def test_the_given_back_token_is_not_written_twice(vocabulary):
    writer = Writer(vocabulary, "x = ", "\nprint(x)").write(" 12", "\n")
    assert writer.suggestion.code == "x = 12\nprint(x)"
    assert "".join(token.text for token in writer.suggestion.tokens).strip() == "12"


def test_a_fill_may_finish_the_word_the_person_began(vocabulary):
    writer = Writer(vocabulary, "import numpy as np\nnp.lins")
    writer.write("pace(0, 1)")
    assert writer.suggestion.code == "import numpy as np\nnp.linspace(0, 1)"


def test_several_holes_are_filled_in_order_and_the_masks_are_fed(vocabulary):
    writer = Writer(vocabulary, "a = 1\n", "\nb = 2\n", "\nc = 3\n")
    writer.write("x = a\n", "<eom>", "y = b\n", "<eom>")
    assert writer.suggestion.spans == ("x = a", "y = b")
    assert writer.suggestion.code == "a = 1\nx = a\nb = 2\ny = b\nc = 3\n"
    assert writer.suggestion.text == "x = a\ny = b"
    assert writer.fed[-2:] != ["<eom>", "<mask_2>"]  # nothing is forced after the last hole
    assert "<eom><mask_2>" in "".join(writer.fed)


def test_a_hole_cut_by_its_length_still_lets_the_next_one_be_filled(vocabulary):
    writer = Writer(vocabulary, "a = [\n", "\n]\nb = ", "\n", max_new_tokens=4)
    writer.write("one, two, three, four, five, six")
    assert "<eom><mask_2>" in "".join(writer.fed)
    writer.write(" 2", "<eom>")
    assert writer.suggestion.spans[1] == "2"
    assert writer.suggestion.finish_reason == "length"


def test_an_empty_fill_is_an_answer(vocabulary):
    writer = Writer(vocabulary, "x = 1\n", "\ny = 2").write("<eom>")
    assert writer.suggestion.spans == ("",)
    assert writer.suggestion.finish_reason == "stop"
    assert writer.suggestion.logprob == 0.0


def test_a_stop_text_ends_it_and_is_not_shown(vocabulary):
    writer = Writer(vocabulary, "x = 1\n", stop=("# end",)).write("y = 2\n# end of it")
    assert writer.suggestion.text == "y = 2"
    assert writer.suggestion.finish_reason == "stop"


def test_half_a_stop_text_is_held_back_while_it_is_written(vocabulary):
    writer = Writer(vocabulary, "x = 1\n", stop=("# end",)).write("y = 2\n#")
    assert writer.suggestion.text == "y = 2"
    writer.write(" sum")
    assert writer.suggestion.text == "y = 2\n# sum"


def test_a_completion_ends_with_its_block(vocabulary):
    writer = Writer(vocabulary, "def f(x):").write("\n    return x\n\n", "print(f(1))\n")
    assert writer.suggestion.code == "def f(x):\n    return x"
    assert writer.suggestion.finish_reason == "stop"


def test_a_loop_is_ended(vocabulary):
    writer = Writer(vocabulary, "x = [").write("'o', " * 30)
    assert writer.suggestion.code == "x = ['o',"
    assert writer.suggestion.finish_reason == "stop"


def test_a_fill_that_writes_the_suffix_again_is_ended_and_trimmed(vocabulary):
    writer = Writer(vocabulary, "def f(x):\n    ", "\n    y = x\n    return y\n")
    writer.write("x += 1\n    y = x\n    return y\n\ndef g")
    assert writer.suggestion.code == "def f(x):\n    x += 1\n    y = x\n    return y\n"


def test_the_length_is_counted_in_tokens_that_were_written(vocabulary):
    writer = Writer(vocabulary, "x = ", max_new_tokens=3).write(" 1 + 2 + 3 + 4 + 5 + 6")
    assert writer.suggestion.finish_reason == "length"
    assert len(writer.suggestion.tokens) == 3


def test_what_was_written_before_a_stop_is_kept(vocabulary):
    writer = Writer(vocabulary, "a = 1\n", "\nb = 2\n", "\n").write("x = a\n", "<eom>", "y = ")
    writer.candidate.cancel()
    assert writer.suggestion.finish_reason == "cancelled"
    assert writer.suggestion.spans == ("x = a", "y = ")


def test_a_character_of_several_tokens_is_shown_when_it_is_whole(vocabulary):
    writer = Writer(vocabulary, "x = '")
    shown = []
    for i in vocabulary.encode("'🦜'"):
        writer.candidate.take(TokenLogprob(i, "", -1.0))
        writer.candidate.feed.clear()
        shown.append(writer.suggestion.text)
    assert all("\ufffd" not in text for text in shown)
    assert "🦜" in shown[-1]


def test_the_logprobs_are_those_of_the_text_that_is_kept(vocabulary):
    writer = Writer(vocabulary, "def f(x):").write("\n    return x\n\nprint")
    text = "".join(token.text for token in writer.suggestion.tokens)
    assert text == writer.suggestion.text
    assert writer.suggestion.logprob == -1.0


@pytest.mark.parametrize("parts", [("x = 1\n",), ("x = 1\n", "\nw = 4")])
def test_a_suggestion_ends_where_the_model_begins_another_cell(vocabulary, parts):
    shown = Writer(vocabulary, *parts, context=Context(separator="\n# %%\n"))
    assert shown.write("y = 2\n# %%\nz = 3").suggestion.text == "y = 2"


def test_a_fill_of_a_script_may_begin_another_cell(vocabulary):
    alone = Writer(vocabulary, "x = 1\n", "\nw = 4")
    assert alone.write("y = 2\n# %%\nz = 3").suggestion.text == "y = 2\n# %%\nz = 3"
