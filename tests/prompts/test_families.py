"""Each family gets its holes written exactly as its authors published, by real tokenizers with its tokens."""

from __future__ import annotations

import json

import pytest
from transformers import CodeLlamaTokenizer

import cg2magic
from cg2magic.errors import FormatError
from cg2magic.formats import FillInMiddle
from cg2magic.prompts.budget import Around
from cg2magic.prompts.encoding import encode
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from tests.family_tokenizers import byte_level, sentencepiece

PREFIX, SUFFIX = "def add(left, right):\n    return ", "\n\n\nvalues = 1\n"

QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|file_sep|>", "<|im_end|>")
GEMMA = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>")
STARCODER = ("<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<file_sep>")
SANTACODER = ("<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>")
DEEPSEEK = ("<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<|EOT|>")
CODE_LLAMA = ("▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>")
CODESTRAL = ("[PREFIX]", "[MIDDLE]", "[SUFFIX]")

# The family, a tokenizer with its tokens, the prompt as its authors write it, and what ends a fill.
# P and S are the two texts; S after SentencePiece's tokens has no space of its own in front, P has.
PUBLISHED = [
    (
        "starcoder",
        byte_level(*STARCODER),
        "<fim_prefix>P<fim_suffix>S<fim_middle>",
        "<|endoftext|> <file_sep>",
    ),
    ("santacoder", byte_level(*SANTACODER), "<fim-prefix>P<fim-suffix>S<fim-middle>", "<|endoftext|>"),
    (
        "qwen2.5-coder",
        byte_level(*QWEN),
        "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        "<|endoftext|> <|fim_pad|> <|file_sep|> <|im_end|>",
    ),
    (
        "codegemma",
        byte_level(*GEMMA, bos="<bos>", eos="<eos>"),
        "<bos><|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>",
        "<eos> <|file_separator|>",
    ),
    (
        "deepseek-coder",
        byte_level(*DEEPSEEK, bos="<｜begin▁of▁sentence｜>", eos="<｜end▁of▁sentence｜>"),
        "<｜begin▁of▁sentence｜><｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>",
        "<｜end▁of▁sentence｜> <|EOT|>",
    ),
    ("codellama", sentencepiece(*CODE_LLAMA), "<s>▁<PRE>P▁<SUF>S▁<MID>", "</s> ▁<EOT>"),
    ("codestral", sentencepiece(*CODESTRAL), "<s>[SUFFIX]S[PREFIX]P", "</s> [MIDDLE]"),
]
BY_FAMILY = pytest.mark.parametrize(
    ("family", "tokenizer", "published", "ends"), PUBLISHED, ids=[row[0] for row in PUBLISHED]
)


def vocabulary_of(tokenizer) -> Vocabulary:
    """The vocabulary as the engine has it once it knows the family."""
    vocabulary = Vocabulary(tokenizer)
    vocabulary.steer(FORMATS[family_of(vocabulary)].steering)
    return vocabulary


def ids_as_published(tokenizer, published: str) -> list[int]:
    """The ids of a published prompt: those of its tokens, and of the texts by the tokenizer itself."""
    known = tokenizer.get_vocab()
    ids: list[int] = []
    while published:
        if published[0] == "P":
            ids += tokenizer.encode(PREFIX, add_special_tokens=False)
            published = published[1:]
        elif published[0] == "S":
            # What mistral-common and Code Llama's own code do: encode behind a sign, and take that off again.
            sign = tokenizer.encode("\n", add_special_tokens=False) if "<0x0A>" in known else []
            ids += tokenizer.encode(("\n" if sign else "") + SUFFIX, add_special_tokens=False)[len(sign) :]
            published = published[1:]
        else:
            token = max((name for name in known if published.startswith(name)), key=len)
            ids.append(known[token])
            published = published[len(token) :]
    return ids


@BY_FAMILY
def test_a_hole_is_written_as_published_and_the_family_told_by_its_tokens(family, tokenizer, published, ends):
    vocabulary = vocabulary_of(tokenizer)
    assert family_of(vocabulary) == family
    prompt = encode((PREFIX, SUFFIX), family, vocabulary, 500)
    assert list(prompt.ids) == ids_as_published(tokenizer, published)
    assert {tokenizer.get_vocab()[end] for end in ends.split(" ")} <= prompt.ends
    assert (prompt.starts, prompt.newlines, prompt.cut) == ((b"",), (False,), False)


@BY_FAMILY
def test_more_than_one_hole_is_refused_in_one_line(family, tokenizer, published, ends):
    del published, ends
    with pytest.raises(
        FormatError, match="one hole at a time, but the cell has 2: fill them one after"
    ) as caught:
        encode(("a", "b", "c"), family, vocabulary_of(tokenizer), 500)
    assert "\n" not in str(caught.value)


@BY_FAMILY
def test_what_a_person_spells_is_plain_text_in_every_family(family, tokenizer, published, ends):
    del published, ends
    vocabulary = vocabulary_of(tokenizer)
    text = "x = '" + "', '".join(FORMATS[family].steering) + "'\n"
    ids = vocabulary.encode(text)
    assert not set(ids) & vocabulary.steering_ids
    assert vocabulary.decode(ids).removeprefix(" ").replace("▁", " ") == text.replace("▁", " ")
    assert vocabulary.decode(vocabulary.encode(text, inside=True)).replace("▁", " ") == text.replace("▁", " ")


@BY_FAMILY
def test_a_long_hole_keeps_what_is_around_it_and_all_the_tokens(family, tokenizer, published, ends):
    del ends
    vocabulary = vocabulary_of(tokenizer)
    prompt = encode((PREFIX * 50, SUFFIX * 50), family, vocabulary, 200)
    assert prompt.cut
    assert len(prompt.ids) <= 200
    steered = [i for i in prompt.ids if i in vocabulary.steering_ids]
    assert steered == [i for i in ids_as_published(tokenizer, published) if i in vocabulary.steering_ids]


def test_code_llamas_order_is_that_of_transformers_own_tokenizer():
    model = json.loads(sentencepiece(*CODE_LLAMA).backend_tokenizer.to_str())["model"]
    theirs = CodeLlamaTokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])
    vocabulary = vocabulary_of(theirs)
    assert family_of(vocabulary) == "codellama"
    prompt = encode((PREFIX, SUFFIX), "codellama", vocabulary, 500)
    token = theirs.convert_tokens_to_ids
    inside = theirs.encode("\n" + SUFFIX, add_special_tokens=False)[2:]
    assert list(prompt.ids) == [
        theirs.bos_token_id,
        token("▁<PRE>"),
        *theirs.encode(PREFIX, add_special_tokens=False),
        token("▁<SUF>"),
        *inside,
        token("▁<MID>"),
    ]


def test_a_beginning_of_text_opens_completions_too_where_the_tokenizer_has_one():
    tokenizer = sentencepiece(*CODE_LLAMA)
    prompt = encode(("values = 1\n",), "codellama", vocabulary_of(tokenizer), 500)
    assert list(prompt.ids) == tokenizer.encode("values = 1\n")
    assert prompt.ids[0] == tokenizer.bos_token_id
    plain = byte_level(*STARCODER)
    assert encode(("values = 1\n",), "starcoder", vocabulary_of(plain), 500).ids[0] != plain.eos_token_id


def test_codegen25_has_starcoders_tokens_and_is_read_as_codegen2():
    masks = ("<mask_1>", "<mask_2>", "<sep>", "<eom>")
    assert family_of(vocabulary_of(byte_level(*STARCODER, *masks))) == "codegen2"


def test_tokens_of_no_family_make_a_model_that_only_completes():
    vocabulary = vocabulary_of(byte_level("<one>", "<two>"))
    assert family_of(vocabulary) == "causal"
    assert encode(("x = ",), "causal", vocabulary, 50).ids
    with pytest.raises(FormatError, match=r"%%complete.*--prefix-token.*register_format") as caught:
        encode(("x = ", "\n"), "causal", vocabulary, 50)
    assert "\n" not in str(caught.value)


@pytest.fixture
def registry():
    """Formats that a test registers are gone after it."""
    before = dict(FORMATS)
    yield FORMATS
    FORMATS.clear()
    FORMATS.update(before)


@pytest.mark.usefixtures("registry")
def test_a_registered_format_is_used_by_every_model_with_its_tokens():
    tokenizer = byte_level("<PRE>", "<SUF>", "<MID>", "<END>", *STARCODER)
    assert family_of(vocabulary_of(tokenizer)) == "starcoder"
    cg2magic.register_format("ours", prefix="<PRE>", suffix="<SUF>", middle="<MID>", end="<END>")
    vocabulary = vocabulary_of(tokenizer)
    assert family_of(vocabulary) == "ours"
    prompt = encode((PREFIX, SUFFIX), "ours", vocabulary, 500)
    assert list(prompt.ids) == ids_as_published(tokenizer, "<PRE>P<SUF>S<MID>")
    assert tokenizer.get_vocab()["<END>"] in prompt.ends
    assert family_of(vocabulary_of(byte_level(*STARCODER))) == "starcoder"


@pytest.mark.usefixtures("registry")
def test_what_is_no_format_is_refused():
    with pytest.raises(FormatError, match="which must differ"):
        cg2magic.register_format("ours", prefix="<X>", suffix="<X>", middle="<M>")
    with pytest.raises(FormatError, match="middle token"):
        cg2magic.register_format("ours", prefix="<P>", suffix="<S>")
    with pytest.raises(FormatError, match="give yours another name"):
        cg2magic.register_format("starcoder", prefix="<P>", suffix="<S>", middle="<M>")
    assert "ours" not in FORMATS


def test_a_format_whose_tokens_the_model_lacks_says_which():
    form = FillInMiddle("<PRE>", "<SUF>", "<MID>")
    with pytest.raises(FormatError, match="no token <PRE>"):
        encode((PREFIX, SUFFIX), form, vocabulary_of(byte_level("<SUF>", "<MID>")), 500)


@BY_FAMILY
def test_the_context_stands_where_it_would_as_part_of_the_texts(family, tokenizer, published, ends):
    del published, ends
    vocabulary = vocabulary_of(tokenizer)
    above, below = "one = 1\n\n# %%\n", "\n\n# %%\nlast = 9\n"
    context = Around(tuple(vocabulary.encode(above)), tuple(vocabulary.encode(below, inside=True)))
    apart = encode((PREFIX, SUFFIX), family, vocabulary, 1000, inside=True).within(context)
    joined = encode((above + PREFIX, SUFFIX + below), family, vocabulary, 1000)
    assert vocabulary.spelled(apart.ids) == vocabulary.spelled(joined.ids)
    assert apart.starts == joined.starts
