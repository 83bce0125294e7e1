"""Where a prompt ends and the text begins there is no stray and no missing space, in every family.

A model writes the tokens that its tokenizer makes of the whole text: that is what it was trained on. So the
prompt has to end where one of these ends, and the text has to come out as it is from there on.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cg2magic.formats import FillInMiddle
from cg2magic.prompts.candidate import Candidate
from cg2magic.prompts.encoding import Prompt, encode
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Sampling, TokenLogprob
from tests.checkpoints import SPECIAL
from tests.code_tokenizers import FAMILIES, code_tokenizer

LINES = (
    "return total / len(values)",
    "import numpy as np",
    "def mean(values):",
    "class Reader(Base):",
    "if value is None:",
    "for key, value in values.items():",
    'print(f"{name}: {value:.2f}")',
    "self.values = [value  for value in values if value]",
    "x = np.linspace(0, 10,   100)",
    "# the mean of the values",
    '"""Return the mean."""',
    ")",
    "@property",
    "name = 'größe'  # µm, 日本語, 🎉",
    "a\u00a0= 1",
)
INDENTS = ("", "    ", "        ", "            ", "  ", "\t", "\t\t", "\t    ", " ")
BY_FAMILY = pytest.mark.parametrize("family", FAMILIES)


@cache
def vocabulary_of(family: str) -> Vocabulary:
    form = FORMATS[family]
    special = SPECIAL if family == "codegen2" else form.steering
    vocabulary = Vocabulary(code_tokenizer(family, *special))
    assert family_of(vocabulary) == family
    vocabulary.steer(form.steering)
    return vocabulary


@st.composite
def codes(draw):
    """Lines of code as people write them, blank ones among them."""
    lines = draw(
        st.lists(st.tuples(st.sampled_from(INDENTS), st.sampled_from(LINES)), min_size=1, max_size=6)
    )
    gaps = st.sampled_from(["\n", "\n", "\n", "\n\n", "\n\n\n", "\n    \n"])
    return "".join(f"{indent}{line}{draw(gaps)}" for indent, line in lines)


@st.composite
def cuts(draw, place=r"(?s)."):
    """Code in two, at a place of a kind."""
    code = draw(codes())
    places = [found.end() for found in re.finditer(place, code)]
    assume(places)
    at = draw(st.sampled_from(places))
    return code[:at], code[at:]


def behind(prompt: Prompt, vocabulary: Vocabulary, whole: str) -> list[int] | None:
    """The tokens of the whole text behind those of the prompt; None if the prompt ends within one of them."""
    ids = [*vocabulary.opening, *vocabulary.encode(whole)]
    if prompt.ids == vocabulary.separator and not vocabulary.opening:
        ids = [*prompt.ids, *ids]
    seen = len(prompt.ids)
    return ids[seen:] if tuple(ids[:seen]) == prompt.ids else None


@cache
def ids_of(vocabulary: Vocabulary) -> dict[bytes, int]:
    return {piece: i for i, piece in enumerate(vocabulary.pieces) if piece}


def longest(vocabulary: Vocabulary, start: bytes, text: bytes) -> int:
    """The longest token that may come next and writes what is wanted."""
    known = ids_of(vocabulary)
    lengths = range(min(len(text), 64), 0, -1)
    fits = (known[text[:length]] for length in lengths if text[:length] in known)
    return next(i for i in fits if not start or vocabulary.leads_to(start, i))


def written(candidate: Candidate, text: str, ids: list[int] | None = None) -> str:
    """What comes of a text that a model writes, by its tokens or else by the longest ones that fit."""
    vocabulary, start = candidate.vocabulary, candidate.start
    left = start + text.encode()
    ids = list(ids or ())
    while left:
        i = ids.pop(0) if ids else longest(vocabulary, candidate.start, left)
        assert not candidate.start or vocabulary.leads_to(candidate.start, i)
        assert left.startswith(vocabulary.pieces[i])
        candidate.take(TokenLogprob(i, "", -1.0))
        left = left[len(vocabulary.pieces[i]) :]
    assert candidate.start == b""
    candidate.cancel()
    return candidate.suggestion().text


class Endless(Candidate):
    """What is tested are beginnings."""

    def _ending(self, text: str) -> None:
        del text


def endless(prompt: Prompt, vocabulary: Vocabulary, *parts: str) -> Endless:
    return Endless(Request(parts, Sampling(max_new_tokens=10_000)), prompt, vocabulary)


#: Where somebody goes on: where code begins, on a line or behind a space, and on a new line.
_BEHIND_SPACE = r"\s(?=\S)|\n(?=[ \t]*\S)"


@BY_FAMILY
@given(cut=cuts(_BEHIND_SPACE))
def test_behind_white_space_a_prompt_ends_where_a_token_does(family, cut):
    vocabulary = vocabulary_of(family)
    before, text = cut
    prompt = encode((before,), family, vocabulary, 5000)
    ids = behind(prompt, vocabulary, before + text)
    assert ids is not None, (
        vocabulary.texts(prompt.ids),
        prompt.starts,
        vocabulary.texts(vocabulary.encode(before + text)),
    )
    assert written(endless(prompt, vocabulary, before), text, ids) == text


@BY_FAMILY
@given(cut=cuts())
def test_any_text_can_be_written_behind_any_other(family, cut):
    vocabulary = vocabulary_of(family)
    before, text = cut
    prompt = encode((before,), family, vocabulary, 5000)
    assert written(endless(prompt, vocabulary, before), text) == text


@BY_FAMILY
@given(cut=cuts(r"[ \t](?=[ \t])"))
def test_in_a_run_of_spaces_too(family, cut):
    vocabulary = vocabulary_of(family)
    before, text = cut
    prompt = encode((before,), family, vocabulary, 5000)
    ids = behind(prompt, vocabulary, before + text)
    assert written(endless(prompt, vocabulary, before), text, ids) == text


@BY_FAMILY
def test_windows_line_ends_make_no_other_joint(family):
    vocabulary = vocabulary_of(family)
    for before in ("if x:\n", "if x:\n    ", "if x:\n\t", "x = 1\n\n\n"):
        windows = encode((before.replace("\n", "\r\n"),), family, vocabulary, 500)
        assert windows == encode((before,), family, vocabulary, 500)


@BY_FAMILY
@pytest.mark.parametrize(
    "before", ["", " ", "    ", "\n", "\n    ", "im", "x", "é", "日", "\u00a0", "\t", "x = 'gr\u00f6"]
)
def test_nothing_is_too_short_to_go_on_from(family, before):
    vocabulary = vocabulary_of(family)
    prompt = encode((before,), family, vocabulary, 500)
    assert prompt.ids
    for text in ("port numpy", "return 1", "\u00e9 = 1", "\u00a01", "  1"):
        ids = behind(prompt, vocabulary, before + text)
        assert written(endless(prompt, vocabulary, before), text, ids) == text


FILLING = pytest.mark.parametrize("family", [family for family in FAMILIES if family != "causal"])


@FILLING
def test_a_word_at_a_hole_is_written_again_unless_it_goes_on_behind_it(family):
    vocabulary = vocabulary_of(family)
    (again,) = encode(("import nu", "\nx = 1\n"), family, vocabulary, 500).starts
    assert again
    assert b"import nu".endswith(again)
    if isinstance(FORMATS[family], FillInMiddle):
        assert encode(("import nu", "mpy\nx = 1\n"), family, vocabulary, 500).starts == (b"",)


@FILLING
@given(cut=cuts(), after=codes())
def test_any_text_can_be_written_into_any_hole(family, cut, after):
    vocabulary = vocabulary_of(family)
    before, text = cut
    prompt = encode((before, after), family, vocabulary, 5000)
    # Within a line the texts are cut as in training: a fill has its own tokens.
    ids = None if prompt.starts[0] else vocabulary.encode(text, inside=True)
    assert written(endless(prompt, vocabulary, before, after), text, ids) == text


@FILLING
@pytest.mark.parametrize("below", INDENTS)
@pytest.mark.parametrize("blank", INDENTS)
def test_a_line_fits_between_lines_of_any_indentation(family, blank, below):
    vocabulary = vocabulary_of(family)
    parts = (f"def f(x):\n{blank}", f"\n{below}return x\n")
    prompt = encode(parts, family, vocabulary, 500)
    candidate = Candidate(Request(parts), prompt, vocabulary)
    text = "x = [1, 2]" + "\n" * prompt.newlines[0]
    for i in vocabulary.encode(prompt.starts[0].decode() + text, inside=True):
        candidate.take(TokenLogprob(i, "", -1.0))
    if candidate.finish_reason is None:
        candidate.take(TokenLogprob(min(prompt.ends), "", -1.0))
    assert candidate.suggestion().code == f"{parts[0]}x = [1, 2]{parts[1]}"


@FILLING
@pytest.mark.parametrize(
    ("before", "after", "again"),
    [("x = 1\n# ", "\nx", "# "), ("    // ", "\n", "// "), ('f"{x:', '}"', ":")],
)
def test_what_models_write_again_is_not_in_the_prompt_and_has_to_be_written(family, before, after, again):
    vocabulary = vocabulary_of(family)
    prompt = encode((before, after), family, vocabulary, 500)
    # A vocabulary may have no token for the mark.
    if isinstance(FORMATS[family], FillInMiddle) and again.strip().encode() in ids_of(vocabulary):
        assert prompt.starts[0].decode().endswith(again)
    assert written(endless(prompt, vocabulary, before, after), "one of them") == "one of them"


@BY_FAMILY
@pytest.mark.parametrize(
    ("before", "may"),
    [
        ("def f(x):\n  ", False),
        ("if x:\n    y = 1\n    ", False),
        ("\tif x:\n\t\t", False),
        # Here the person has not said yet how deep.
        ("def f(x):\n", True),
        ("    if x:\n    ", True),
        ("y = (\n  ", True),
        ('"""\n  ', True),
    ],
)
def test_the_first_line_is_not_indented_deeper_than_the_person_has_indented_it(family, before, may):
    vocabulary = vocabulary_of(family)
    candidate = endless(encode((before,), family, vocabulary, 500), vocabulary, before)
    blank = candidate.start + b" "
    further = {i for piece, i in ids_of(vocabulary).items() if piece.startswith(blank)}
    assert candidate.deeper.isdisjoint(further) if may else candidate.deeper >= further
    for i in vocabulary.encode(candidate.start.decode() + "y", inside=True):
        assert i not in candidate.deeper
        candidate.take(TokenLogprob(i, "", -1.0))
    assert not candidate.deeper
