"""What the model is fed: the golden prompts of the model card, the seams at a hole, and what is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from cg2magic.errors import FormatError
from cg2magic.prompts.budget import Around
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import FORMATS, Prompt, encode
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, TokenLogprob
from tests.family_tokenizers import byte_level


@pytest.fixture(scope="module")
def vocabulary(mini_tokenizer):
    return Vocabulary(mini_tokenizer, FORMATS["codegen2"].steering)


def written(prompt: Prompt, vocabulary: Vocabulary) -> str:
    """The prompt as text, steering tokens spelled out."""
    name = vocabulary.tokenizer.convert_ids_to_tokens
    return "".join(name(i) if i in vocabulary.steering_ids else vocabulary.decode([i]) for i in prompt.ids)


def infill(vocabulary: Vocabulary, *parts: str, room: int = 500) -> Prompt:
    return encode(parts, "codegen2", vocabulary, room)


def test_the_cards_causal_example_is_the_text_alone(vocabulary):
    prompt = encode(("def hello_world():",), "codegen2", vocabulary, 500)
    assert written(prompt, vocabulary) + prompt.starts[0].decode() == "def hello_world():"


def test_the_cards_infill_example_is_written_as_on_the_card(vocabulary):
    card = "def hello_world():\n    <mask_1>    return name<|endoftext|><sep><mask_1>"
    assert written(infill(vocabulary, "def hello_world():\n    ", "    return name"), vocabulary) == card


def test_the_same_hole_in_a_cell_is_the_same_prompt(vocabulary):
    card = infill(vocabulary, "def hello_world():\n    ", "    return name")
    cell = infill(vocabulary, "def hello_world():\n    ", "\n    return name")
    assert cell.ids == card.ids
    assert (card.newlines, cell.newlines) == ((False,), (True,))


def test_several_holes_are_numbered_and_the_masks_between_the_fills_are_forced(vocabulary):
    prompt = infill(vocabulary, "a = f(\n    ", "\n)\nb = g(\n    ", "\n)\n")
    assert written(prompt, vocabulary) == (
        "a = f(\n    <mask_1>)\nb = g(\n    <mask_2>)\n<|endoftext|><sep><mask_1>"
    )
    steering = vocabulary.steering
    assert prompt.between == ((steering["<eom>"], steering["<mask_2>"]), ())
    assert {steering["<eom>"], steering["<|endoftext|>"]} <= prompt.ends


@pytest.mark.parametrize(
    ("prefix", "fed", "start"),
    [
        ("x = ", "x =", " "),  # a space at the end belongs to the next word
        ("    ", "    ", ""),  # indentation is where a line's first token begins
        ("if x:\n\t", "if x:\n\t", ""),
        ("x = 1\n", "x = 1\n", ""),
        ("", "", ""),
    ],
)
def test_the_token_at_the_seam_is_given_back_except_after_indentation(vocabulary, prefix, fed, start):
    prompt = infill(vocabulary, prefix, "\nend")
    assert written(prompt, vocabulary) == f"{fed}<mask_1>end<|endoftext|><sep><mask_1>"
    assert prompt.starts == (start.encode(),)


def test_windows_line_ends_are_fed_as_newlines(vocabulary):
    crlf = infill(vocabulary, "def f():\r\n    ", "\r\n    return x\r\n")
    assert crlf == infill(vocabulary, "def f():\n    ", "\n    return x\n")


def test_what_a_person_spells_does_not_steer_the_model(vocabulary):
    text = 'marks = ["<mask_1>", "<eom>", "<sep>"]  # <|endoftext|>\n'
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert not set(ids) & vocabulary.steering_ids


@given(st.text(max_size=80))
def test_any_text_is_fed_and_read_unchanged(vocabulary, text):
    text = text.encode(errors="replace").decode()
    assert vocabulary.decode(vocabulary.encode(text)) == text


@given(st.text(alphabet="ab =(\n\t", max_size=40), st.text(alphabet="ab =)\n\t", max_size=40))
def test_nothing_is_lost_at_the_seams(vocabulary, prefix, suffix):
    prompt = infill(vocabulary, prefix, suffix)
    before, _, after = written(prompt, vocabulary).partition("<mask_1>")
    moved = "\n" if prompt.newlines[0] else ""
    assert before + prompt.starts[0].decode() == prefix
    assert moved + after.removesuffix("<|endoftext|><sep><mask_1>") == suffix


def test_a_long_prompt_keeps_the_whole_lines_next_to_the_cursor(vocabulary):
    text = "".join(f"value_{i} = {i}\n" for i in range(500)) + "total = "
    prompt = encode((text,), "codegen2", vocabulary, 100)
    fed = written(prompt, vocabulary) + prompt.starts[0].decode()
    assert prompt.cut
    assert 50 < len(prompt.ids) <= 100
    assert text.endswith(fed)
    assert fed.startswith("value_")


def test_a_long_infill_keeps_the_lines_around_the_hole(vocabulary):
    before = "".join(f"before_{i} = {i}\n" for i in range(300))
    after = "".join(f"after_{i} = {i}\n" for i in range(300))
    prompt = infill(vocabulary, before, "\n" + after, room=200)
    fed_before, _, fed_after = written(prompt, vocabulary).partition("<mask_1>")
    fed_after = fed_after.removesuffix("<|endoftext|><sep><mask_1>")
    assert prompt.cut
    assert len(prompt.ids) <= 200
    assert before.endswith(fed_before)
    assert fed_before.startswith("before_")
    assert after.startswith(fed_after)
    assert fed_after.endswith("\n")
    assert len(fed_before) > len(fed_after) > 0


def test_a_line_longer_than_the_context_is_cut_inside(vocabulary):
    text = "x = [" + "1, " * 5000
    prompt = encode((text,), "codegen2", vocabulary, 64)
    assert prompt.cut
    assert 0 < len(prompt.ids) <= 64


def test_a_cell_of_ten_megabytes_is_cut_without_reading_all_of_it(vocabulary):
    text = "x = 1\n" * 1_700_000
    prompt = encode((text,), "codegen2", vocabulary, 100)
    assert prompt.cut
    assert 0 < len(prompt.ids) <= 100


def test_a_short_prompt_is_not_cut(vocabulary):
    assert not encode(("x = 1",), "codegen2", vocabulary, 100).cut
    assert not infill(vocabulary, "x = ", "\nprint(x)").cut


def test_more_holes_than_masks_are_refused(vocabulary):
    most = FORMATS["codegen2"].holes(vocabulary)
    assert most >= 4
    with pytest.raises(FormatError, match=f"at most {most} holes at once, but the cell has {most + 1}"):
        infill(vocabulary, *["x\n"] * (most + 2))


def test_a_family_without_a_format_for_holes_says_so(vocabulary):
    with pytest.raises(FormatError, match=r"no known format for filling holes.*--prefix-token"):
        encode(("a", "b"), "causal", vocabulary, 100)


def test_text_between_holes_that_does_not_fit_is_refused(vocabulary):
    with pytest.raises(FormatError, match="put the holes closer together"):
        infill(vocabulary, "a\n", "\n" + "x = 1\n" * 200, "\nb", room=100)


@pytest.mark.parametrize("parts", [("x = 1\ny = ",), ("x = ", "\nz = 3\n"), ("a = ", "\nb = ", "\nc = 3\n")])
def test_the_context_stands_around_the_texts_and_leaves_the_seams_as_they_are(vocabulary, parts):
    above, below = "one = 1\n\n# %%\n", "\n\n# %%\nlast = 9\n" if len(parts) > 1 else ""
    context = Around(tuple(vocabulary.encode(above)), tuple(vocabulary.encode(below)))
    apart = infill(vocabulary, *parts).within(context)
    whole = [*parts]
    whole[0] = above + whole[0]
    whole[-1] += below
    joined = infill(vocabulary, *whole)
    assert written(apart, vocabulary) == written(joined, vocabulary)
    assert (apart.starts, apart.newlines) == (joined.starts, joined.newlines)


@pytest.fixture(scope="module")
def joining():
    """A vocabulary as most models have one: the last space of an indentation is the first of the word."""
    return Vocabulary(byte_level())


def test_what_of_an_indentation_depends_on_the_code_behind_it_is_told_by_the_vocabulary(vocabulary, joining):
    assert not any(vocabulary.unsettled(f"if x:\n{blank}") for blank in ["", "    ", "\t", " " * 12])
    assert joining.unsettled("if x:\n    ") > 0


@pytest.mark.parametrize("blank", [" ", "    ", "        ", "\t", "\t\t", "  \t "])
def test_of_an_indentation_is_given_back_what_tokens_join_to_the_word(joining, blank):
    text = f"def f():\n{blank}"
    prompt = encode((text,), "causal", joining, 500)
    assert len(prompt.starts[0]) >= joining.unsettled(text)
    assert joining.decode(list(prompt.ids)) + prompt.starts[0].decode() == text


@pytest.mark.parametrize("code", ["return 1", "    return 1", "x", "# a", "(1)"])
@pytest.mark.parametrize("blank", ["    ", "        ", "\t"])
def test_the_joint_of_prompt_and_text_has_no_stray_and_no_missing_space(joining, blank, code):
    before = f"def f():\n{blank}"
    prompt = encode((before,), "causal", joining, 500)
    candidate = Candidate(Request((before,)), prompt, joining)
    # What a model writes that was trained on such tokens.
    for i in joining.encode(before + code)[len(prompt.ids) :]:
        assert joining.leads_to(candidate.start, i)
        candidate.take(TokenLogprob(i, "", -0.5))
    assert candidate.start == b""
    candidate.cancel()
    assert candidate.suggestion().code == before + code


def test_characters_of_a_token_that_stand_for_no_byte_are_themselves():
    # Of GPT-2's table: a space, a newline and half of an é; what is behind them is in no table.
    tokens = ("\u0120x", "\u010a", "\u00c3", "a b", "\u00ad", "\u6771\u4eac", "\ue000")
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    backend.decoder = decoders.ByteLevel()
    pieces = Vocabulary(PreTrainedTokenizerFast(tokenizer_object=backend)).pieces
    assert pieces == [b" x", b"\n", b"\xc3", *(token.encode() for token in tokens[3:])]


@pytest.fixture(scope="module")
def names():
    """A vocabulary with `.show` and `.zeros`, in which half of them has other tokens, as in Qwen's."""
    merges = [("e", "r"), ("o", "s"), (".", "z"), ("er", "os"), (".z", "eros"), ("z", "e"), ("l", "t")]
    merges += [("p", "lt"), (".", "s"), ("o", "w"), ("h", "ow"), (".s", "how"), ("h", "o")]
    letters = sorted({*"plt.showzerosnp(x)_ =1\u0120\u010a", *(a + b for a, b in merges)})
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(letters)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    return Vocabulary(PreTrainedTokenizerFast(tokenizer_object=backend))


@pytest.mark.parametrize(
    ("text", "given_back", "may_follow"),
    [
        ("plt.sho", ".sho", {".show", ".s"}),  # two tokens, .s and ho
        ("np.zer", ".zer", {".zeros", ".z"}),
        ("plt.sh", ".sh", {".show", ".s"}),
        ("plt.show", ".show", {".show", ".s"}),
        ("plt.shop", "p", {"p", "plt"}),  # no token begins so
        ("x = 1", "1", {"1"}),
    ],
)
def test_of_a_word_that_was_begun_is_given_back_what_one_token_may_begin_with(
    names, text, given_back, may_follow
):
    prompt = encode((text,), "causal", names, 500)
    assert prompt.starts == (given_back.encode(),)
    assert names.decode(list(prompt.ids)) == text.removesuffix(given_back)
    assert {names.text(i) for i in names.leading_to(given_back.encode())} == may_follow


def test_a_token_that_writes_only_a_part_of_a_word_has_to_be_much_likelier(names):
    (part,) = names.token_index.whole(b".s")
    longer, shorter = names.handicaps(b".sho"), names.handicaps(b".sh")
    assert longer.keys() == shorter.keys() == {part}
    assert longer[part] == 2 * shorter[part] > 0


def test_only_words_are_written_in_parts(names):
    # A sign that was typed, as in `trips["`, is no beginning of something else.
    assert names.token_index.longest_part(b".sho") == b".s"
    assert names.token_index.longest_part(b"(x)") == b""
    assert names.leading_to(b".(") == []
