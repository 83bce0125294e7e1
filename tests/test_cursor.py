"""Marks in a cell: which are holes, which are code, and that nothing else changes."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cg2magic.cursor import join, split
from cg2magic.errors import UsageError

# «» shows the holes: the test puts a | there, and expects the text apart at these places.
HOLES = [
    # alone on its line, whatever is around
    "«»",
    "a\n    «»  \nb",
    "a\r\n«»\r\nb",
    "a\r\t«»\rb",
    "x = (a\n«»\nb)",
    '"""\n«»\n"""\nx = «»',
    "don't\n«»\n'''",
    # it cannot be an operator
    "x = «»",
    "x = «»\ny = 1",
    "x = «».head()",
    "f(«»)",
    "foo(a, «»)",
    "foo(a, «»b)",
    "f(\xa0«»\xa0y)",
    "f(a «»\n)",
    "f(a «»,  # why\n  b)",
    "[«»]",
    "a[«»:3]",
    "{'a': «»}",
    "plt.«»",
    "df«».head()",
    "return «»",
    "for x in «»:",
    "for x«» in y:",
    "if not «»:",
    "import «»",
    "from «».core import a",
    "a «» if b else c",
    "a «» not b",
    "a + «»",
    "a == «» + b",
    "if x«»== 3:",
    "«»= 3",
    "«».fit(x)",
    "def «»(x):",
    "def fi«»(x):",
    "class Mod«»(Base):",
    "def f(x«»):",
    "x = [«», «»]",
    "x = «»\ny = «»\n",
    # at the end of a statement nothing follows to be or-ed
    "total = x «»",
    "total = x «»\ny = 2",
    "total = x «»  # the sum\ny = 2",
    "total = x «»; y = 2",
    "x = (a, b) «»\n(c)",
    # the only mark, in a text
    'print("hello «»")',
    'print("a «» b")',
    'print("hello «»',
    '"""Say «»\n\nmore\n"""',
    "# now «» it",
    'f"total: «» {x}"',
    'f"{x:«»>10}"',
    'f"{x!r} «» b"',
    # the code in f-strings is code
    'f"{«»}" + g(«»)',
    'f"{a[1:«»]}" + g(«»)',
    'f"{name«»}" + g(«»)',
    'f"{name«»!r:>10}" + g(«»)',
    'f"{name«»:>{width«»}}"',
    "f'''{a[«»]}\n''' + g(«»)",
    # unfinished cells
    "f(a, «»",
    "f(a\n«»",
    "x = {1: «»",
    "f(a]) + «»",
    "x) «»",
    "x)\ny = a «»\nz",
    "a \\\n+ 'b «»",
    "print(f\"hi {na«»\nprint('x', «»)",
    "if a:\n        b\n   c = «»\n",
    "a $ «»",
    # IPython's own syntax
    "!«»",
    "!ls «»",
    "!«» names.txt",
    "%timeit «»",
    "df«»?",
]

# «|» shows the marks that are not guessed at.
DOUBTS = [
    "a «|» b",
    "a«|»b",
    "x: int «|» None = «»",
    "def f(a: 'A' «|» None, b=«»): ...",
    "f(a «|»\n  b)",
    "f(a  # why\n  «|» b)",
    "f(a«|»(b))",
    "a «|»\\\n  b",
    "1 «|» 0x2",
    "x[0] «|» -y",
    "... «|» b",
    "a «|» await b",
    "{'a': 1} «|» {'b': 2}",
    "mask «|»= other",
    "mask «|»= not other",
    "a «|»«|» b",
    "x = «|»«|»",
    "re.I «|» «»",
    "x = «» «|» b",
    "case A() «|» B():\n    «»",
    'f"{a «|» b}"',
    'x = "a «|» b" + «»',
    'print("«|»", "«|»")',
    "# a «|» b\nx = «»",
    "'''\na «|» b\n'''\n«»",
    'f"{x:«|»>10}" + «»',
    'f"{{«|»}}" + «»',
    "print('a «|»\nx = «»",
    '"""a\nx = «|»\n«»',
    "plot(x, y «|»\nplot(z)",
    "!ls «|» wc",
    "!ls «|» ./count\nx = «»",
    "!echo don't \\\n «|» wc\nx = «»",
    "files = !ls «|» wc",
    "é «|» ü",
]


@pytest.mark.parametrize("cell", HOLES)
def test_clear_holes_are_found_and_the_texts_around_them_are_exact(cell):
    assert split(cell.replace("«»", "|")) == tuple(cell.split("«»"))


@pytest.mark.parametrize("cell", DOUBTS)
def test_what_may_be_code_is_asked_about_and_only_that(cell):
    with pytest.raises(UsageError) as caught:
        split(cell.replace("«|»", "|").replace("«»", "|"))
    plain = cell.replace("«»", "|")
    expected = []
    while "«|»" in plain:
        before, plain = plain.split("«|»", 1)[0], plain.replace("«|»", "|", 1)
        expected.append(f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}")
    assert re.findall(r"\(\d+\) (\d+:\d+) ", str(caught.value)) == expected


@pytest.mark.parametrize("cell", DOUBTS)
def test_a_backslash_settles_a_doubt(cell):
    cell += "\n«»"
    assert split(cell.replace("«|»", r"\|").replace("«»", "|")) == tuple(cell.replace("«|»", "|").split("«»"))


@pytest.mark.parametrize("cell", DOUBTS)
def test_another_mark_settles_a_doubt(cell):
    cell = cell.replace("«|»", "|") + "\n«»"
    assert split(cell, mark="«»") == tuple(cell.split("«»"))


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        (r"a \| b = |", ("a | b = ", "")),
        (r're.compile(r"a\\\|b", |)', (r're.compile(r"a\|b", ', ")")),
        (r'open("C:\\|")', ('open("C:' + "\\", '")')),
        ("x = 1 + \\\n|", ("x = 1 + \\\n", "")),
        (r'"\d\n" + |', (r'"\d\n" + ', "")),
    ],
)
def test_backslashes_count_only_right_before_a_mark_and_there_in_pairs(cell, parts):
    assert split(cell) == parts


@pytest.mark.parametrize(
    ("cell", "mark", "parts"),
    [
        ("a | <?> b <?>", "<?>", ("a | ", " b ", "")),
        (r'"<?>" + \<?> + \\<?>', "<?>", ('"', '" + <?> + ' + "\\", "")),
        ("a || b", "||", ("a ", " b")),
        ("x@@@", "@@", ("x", "@")),
    ],
)
def test_a_mark_of_ones_own_is_a_hole_wherever_it_stands(cell, mark, parts):
    assert split(cell, mark=mark) == parts


def test_in_other_languages_a_bar_alone_on_its_line_is_a_hole_and_others_are_asked_about():
    assert split("int f() {\n  |\n}", language="c") == ("int f() {\n  ", "\n}")
    assert split("int f() { return @; }", language="c", mark="@") == ("int f() { return ", "; }")
    with pytest.raises(UsageError, match=r"at \(1\) 1:6 `x = a\|;`: write \\\|"):
        split("x = a|;\n|", language="c")


@pytest.mark.parametrize(
    ("language", "cell"),
    [
        ("c", "return «»;"),
        ("js", "f(a, «»)"),
        ("typescript", "const a = { b: «» };"),
        ("java", "int x = «»;\nint y = «»;"),
        ("go", "x := []int{1}\ny := x[«»]"),
        ("rust", "let x = foo(«»);"),
        ("sql", "SELECT * FROM t WHERE x = «»;"),
        ("r", "x = «»\n"),
        ("ruby", "x = items.«»"),
    ],
)
def test_in_other_languages_a_bar_that_can_be_no_operator_is_a_hole(language, cell):
    parts = tuple(re.split("«»", cell))
    assert split(cell.replace("«»", "|"), language=language) == parts


@pytest.mark.parametrize(
    ("language", "cell"),
    [
        ("c", "x = a | b;"),
        ("c", "x |= b;"),
        ("c", "// f(|)\n"),
        ("javascript", "s = '[,|]'\n"),
        ("javascript", "if (a || b) {}"),
        ("rust", "v.map(|x| x + 1)"),
        ("ruby", "list.each { |x| puts x }"),
        ("typescript", "type A = | 'x' | 'y'"),
        ("sql", "SELECT a || b;"),
        ("shell", "cat x |\n  sort"),
        ("bash", "x=|;"),
        ("markdown", "see: |;"),
    ],
)
def test_in_other_languages_a_bar_that_may_be_code_is_asked_about(language, cell):
    with pytest.raises(UsageError, match="not clear whether"):
        split(cell, language=language)


NO_HOLE = "no hole in the cell: put | where code is to be written, or another mark with --cursor MARK"
WAYS_OUT = r"write \| where it is not, or mark the holes with another text, --cursor MARK"


@pytest.mark.parametrize(
    ("cell", "mark", "message"),
    [
        ("x = 1", "|", NO_HOLE),
        (r"a \| b", "|", NO_HOLE),
        ("a | b", "@@", "no hole in the cell: put @@ where code is to be written"),
        ("a", "", "a cursor mark is printable text without a backslash, not '': try --cursor <here>"),
        ("a", "\\n", r"a cursor mark is printable text without a backslash, not '\\n': try --cursor <here>"),
        ("a | b", "|", f"not clear whether | is a hole at (1) 1:3 `a | b`: {WAYS_OUT}"),
        (
            "def f(x: int | None):\r\n\t# one | two\r\n\treturn |\r\n",
            "|",
            "not clear whether | is a hole at (1) 1:14 `def f(x: int | None):`, (2) 2:8 `# one | two`: "
            + WAYS_OUT,
        ),
        (
            "\x0b = the_name_of_a_variable | the_name_of_another_one\u2028",
            "|",
            "not clear whether | is a hole at (1) 1:28 `…e_of_a_variable | the_name_of_an…`: " + WAYS_OUT,
        ),
        (
            "a | b\n" * 7,
            "|",
            "not clear whether | is a hole at (1) 1:3 `a | b`, (2) 2:3 `a | b`, (3) 3:3 `a | b`, "
            "(4) 4:3 `a | b`, (5) 5:3 `a | b` and 2 more: " + WAYS_OUT,
        ),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(cell, mark, message):
    with pytest.raises(UsageError) as caught:
        split(cell, mark=mark)
    assert str(caught.value) == message


# Text that is mostly what the rules are about, and any other text.
SPACES = ["\n", "\r", "\r\n", " ", "    ", "\t", "\f", "\0", "\xa0", "\u2028", "\\\n", "\\\r\n"]
BRACKETS = "( ) [ ] { } f' f\" ' \" \"\"\" '''"
SIGNS = "| \\ \\| : ! ? % # = . ... , @ + ~ $ a x1 0 0777 in def not lambda é \ud800"
fragments = st.sampled_from([*BRACKETS.split(" "), *SIGNS.split(" "), *SPACES])
texts = st.one_of(st.text(), st.lists(fragments, max_size=25).map("".join))
marks = st.one_of(
    st.sampled_from(["|", "@", "@@", "||", "aba", "<here>", "█"]),
    st.text(st.characters(exclude_characters="\\", exclude_categories=("C", "Z")), min_size=1, max_size=3),
)
several = st.lists(texts, min_size=2, max_size=4).map(tuple)


@given(several, marks.filter(lambda mark: mark != "|"))
@example(("\\", "\\\\"), "@")
@example(("@", "@@@", "\\@"), "@@")
def test_own_marks_put_in_and_taken_out_give_the_texts_back(parts, mark):
    assert split(join(parts, mark=mark), mark=mark) == parts


@given(several, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["python", "r"]))
def test_bars_alone_on_their_lines_put_in_and_taken_out_give_the_texts_back(parts, end, language):
    first, *middle, last = parts
    parts = (first + end, *(end + text + end for text in middle), end + last)
    assert split(join(parts), language=language) == parts


def split_or_complain(cell, **options):
    """Split, or check what the person is told and return None."""
    try:
        return split(cell, **options)
    except UsageError as error:
        message = str(error)
    assert re.match(r"no hole in the cell: |not clear whether \| is a hole at \(1\) ", message)
    assert message.isprintable()
    return None


@given(several)
def test_bars_put_in_and_taken_out_give_the_texts_back_or_are_asked_about(parts):
    assert split_or_complain(join(parts)) in (parts, None)


@given(texts, marks, st.sampled_from(["python", "r"]))
def test_any_text_is_taken_apart_without_losing_a_character_or_refused_in_one_line(cell, mark, language):
    parts = split_or_complain(cell, mark=mark, language=language)
    if parts is not None:
        assert split(join(parts, mark=mark), mark=mark, language=language) == parts
    if parts is not None and len(mark) == 1:
        halved = re.sub(
            rf"(?<!\\)(\\*){re.escape(mark)}", lambda found: "\\" * (len(found[1]) // 2) + mark, cell
        )
        assert mark.join(parts) == halved


@given(texts)
def test_a_text_without_a_hole_is_joined_as_it_is_but_for_its_marks(text):
    assert join([text, ""]).endswith("|")
    if "|" not in text:
        assert join([text]) == text


@pytest.mark.parametrize(
    "line", ["x = [{'a': 'b', 'c': 1}]\n", "don't \\ $ )\n", "!ls 'x\n", "f'{a}{b}' + \n"]
)
def test_a_cell_of_ten_thousand_lines_is_read_in_seconds(line):
    begun = time.process_time()
    cell = line * 10_000
    assert split(cell + "|") == (cell, "")
    assert split(cell + "x = |") == (cell + "x = ", "")
    assert time.process_time() - begun < 20
