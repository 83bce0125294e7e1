"""Marks in a cell: which are holes, which are code, and that nothing else changes."""

from __future__ import annotations

import re
import time

import pytest

from cg2magic.errors import UsageError
from cg2magic.syntax.cursor import split

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
    # the only mark, at an end of a text
    'print("«»")',
    'plt.title("«»")',
    "s = '''«» and more'''",
    'print("hello «»")',
    'print("hello«»")',
    'print("Hello, «»!")',
    'print("«» of them")',
    'print("hello «»',
    'plt.xlabel("Length («»)")',
    'html("<b>«»</b>")',
    '"""Say «»\n\nmore\n"""',
    "x = 1  # «»",
    "# «»",
    "#«»",
    "# now «»",
    'f"total: «» {x}"',
    'f"{x} «»"',
    'f"{x:«»>10}"',
    r'f(r"\|", "«»")',
    # all of a docstring, whatever is around
    'def bmi(weight, height):\n    """«»"""\n    return weight',
    'def bmi(weight: float | None):\n    """«»"""\n    return «»',
    "def f():\n    r''' «»\n    '''\n    «»",
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

# Beside a clear hole every other bar is what it looks like: code or text.
PLAIN = [
    "x: int | None = «»",
    "def f(a: 'A' | None, b=«»): ...",
    "def load(path: str | None):\n    «»",
    "match x:\n    case 1 | 2:\n        «»",
    "case A() | B():\n    «»",
    "df = df[(df.a > 1) | (df.b < 2)]\n«»\ndf.describe()",
    "df = df[(df.a > 1) | (df.b < «»)]",
    "mask |= other\nx = «»",
    "flags = re.I | «»",
    "x = «» | b",
    "y = a | b\nx = «»",
    "y = a «»\nz = a | b\nx = «»",
    "x = a || b\ny = «»",
    "f'{a | b}' + f(«»)",
    'f"{x:|>10}" + «»',
    'f"{{|}}" + «»',
    'x = "a | b" + «»',
    're.findall(r"a|b", «»)',
    'pd.read_csv(«», sep="|")',
    '"|".join(«»)',
    'print("hello |")\nx = «»',
    "# a | b\nx = «»",
    "x = 1  # |\n«»",
    "#| echo: false\n«»",
    "'''\n| a | b |\n|---|---|\n'''\n«»",
    '"""a\nx = |\n«»',
    "print('a |\nx = «»",
    "def f(x):\n    '''Of\n    a | b\n    '''\n    «»\n",
    "!ls | wc\n«»",
    "!ls | ./count\nx = «»",
    "!cat x \\\n  | wc\n«»",
    "!echo don't \\\n | wc\nx = «»",
    "files = !ls | wc\n!echo «»",
    "!cat x | wc -l\ny = f(«»)",
    "%timeit a | b\n«»",
]

# «|» shows the marks that are not guessed at.
DOUBTS = [
    "a «|» b",
    "a«|»b",
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
    'f"{a «|» b}"',
    "plot(x, y «|»\nplot(z)",
    "!ls «|» wc",
    "!cat x \\\n  «|» wc",
    "files = !ls «|» wc",
    "é «|» ü",
    "x: int «|» None = 3",
]

# The same in strings and comments, where a backslash is the person's own.
DOUBTS_IN_TEXT = [
    're.findall(r"a«|»b", s)',
    're.findall(r"a «|» b", s, re.X)',
    're.split(",«|»;", s)',
    're.split(", «|» and ", s)',
    're.split("[«|»]", s)',
    're.search(r"^\\s*(x«|»y)$", s)',
    'df.query("a > 1 «|» b < 2")',
    "def f(x: 'int «|» None'): ...",
    'os.system("cat x «|» wc -l")',
    'print("a «|» b")',
    'print("Name«|»Age")',
    "# a «|» b",
    "x = 1  # int «|» None",
    "#«|» echo: false",
    'f"{x!r} «|» b"',
    'f"{a} «|» {b:.2f}"',
    'f"{a}«|»{b}"',
    'print("«|»", "«|»")',
    'print("«|»")  # «|»',
    "'''\nReturns int «|» None\n'''",
    "'''\n«|» a «|» b «|»\n'''",
    '!grep "a«|»b" names',
    "!echo a«|»b",
]


@pytest.mark.parametrize("cell", HOLES)
def test_clear_holes_are_found_and_the_texts_around_them_are_exact(cell):
    assert split(cell.replace("«»", "|")) == tuple(cell.split("«»"))


@pytest.mark.parametrize("cell", PLAIN)
def test_beside_a_clear_hole_every_other_bar_is_code_or_text(cell):
    assert split(cell.replace("«»", "|")) == tuple(cell.split("«»"))


@pytest.mark.parametrize("cell", [*DOUBTS, *DOUBTS_IN_TEXT])
def test_what_may_be_code_or_text_is_asked_about(cell):
    with pytest.raises(UsageError) as caught:
        split(cell.replace("«|»", "|"))
    plain, expected = cell, []
    while "«|»" in plain:
        before, plain = plain.split("«|»", 1)[0], plain.replace("«|»", "|", 1)
        expected.append(f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}")
    assert re.findall(r"\(\d+\) (\d+:\d+) ", str(caught.value)) == expected
    assert (r"write \|" in str(caught.value)) == (cell in DOUBTS)


@pytest.mark.parametrize("cell", DOUBTS)
def test_a_backslash_settles_a_doubt_in_code(cell):
    before = cell.replace("«|»", "|") + "\n"
    assert split(cell.replace("«|»", r"\|") + "\n|") == (before, "")


@pytest.mark.parametrize("cell", DOUBTS_IN_TEXT)
def test_in_strings_and_comments_a_backslash_is_the_persons_own(cell):
    cell = cell.replace("«|»", r"\|")
    with pytest.raises(UsageError, match="no hole in the cell"):
        split(cell)
    assert split(cell + "\n|") == (cell + "\n", "")


@pytest.mark.parametrize("cell", [*DOUBTS, *DOUBTS_IN_TEXT])
def test_another_mark_settles_a_doubt(cell):
    cell = cell.replace("«|»", "|") + "\n«»"
    assert split(cell, mark="«»") == tuple(cell.split("«»"))


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        (r"a \| b = |", ("a | b = ", "")),
        (r"a \\\| b + f(|)", (r"a \| b + f(", ")")),
        (r're.compile(r"a\\\|b", |)', (r're.compile(r"a\\\|b", ', ")")),
        ('re.split(r"\\|", line)\nx = |', ('re.split(r"\\|", line)\nx = ', "")),
        ("x = a \\| b  # a \\| b\n|", ("x = a | b  # a \\| b\n", "")),
        (r"f'{a \| b} \| {c}' + f(|)", (r"f'{a | b} \| {c}' + f(", ")")),
        (r'open("C:\\|")', ('open("C:' + "\\" * 2, '")')),
        ("'''\n\\|\n'''\n|", ("'''\n\\|\n'''\n", "")),
        ("!grep 'a\\|b' x \\| sed s/a\\|b/c/\n|", ("!grep 'a\\|b' x | sed s/a\\|b/c/\n", "")),
        ("x = 1 + \\\n|", ("x = 1 + \\\n", "")),
        (r'"\d\n" + |', (r'"\d\n" + ', "")),
    ],
)
def test_backslashes_count_only_in_code_right_before_a_mark_and_there_in_pairs(cell, parts):
    assert split(cell) == parts


@pytest.mark.parametrize(
    ("cell", "mark", "parts"),
    [
        ("a | <?> b <?>", "<?>", ("a | ", " b ", "")),
        (r'"<?>" + \<?> + \\<?>', "<?>", ('"', '" + <?> + ' + "\\", "")),
        ("a || b", "||", ("a ", " b")),
        ("x@@@", "@@", ("x", "@")),
        (r're.sub(r"\$", $)', "$", (r're.sub(r"\$", ', ")")),
        (r"x = \$ + $  # \$", "$", ("x = $ + ", r"  # \$")),
        ('f"\\|", r"\\|", \\| # \\|\n@', "@", ('f"\\|", r"\\|", \\| # \\|\n', "")),
        ("x = #  # why", "#", ("x = ", "  ", " why")),
        ('print("a @ b", "|") + @', "@", ('print("a ', ' b", "|") + ', "")),
    ],
)
def test_a_mark_of_ones_own_is_a_hole_wherever_it_stands(cell, mark, parts):
    assert split(cell, mark=mark) == parts


NO_HOLE = "no hole in the cell: put | where the code should go, or another mark with --cursor MARK"
MARK = "mark the holes with another text, --cursor MARK"
WAYS_OUT = r"write \| where it is not, or " + MARK


@pytest.mark.parametrize(
    ("cell", "mark", "message"),
    [
        ("x = 1", "|", NO_HOLE),
        (r"a \| b", "|", NO_HOLE),
        ("a | b", "@@", "no hole in the cell: put @@ where the code should go"),
        ("a", "", "a cursor mark must be printable text without a backslash, not '': try --cursor <here>"),
        (
            "a",
            "\\n",
            r"a cursor mark must be printable text without a backslash, not '\\n': try --cursor <here>",
        ),
        ("a | b", "|", f"it is not clear whether | is a hole at (1) 1:3 `a | b`: {WAYS_OUT}"),
        (
            "def f(x: int | None):\r\n\t# one | two\r\n\treturn 1\r\n",
            "|",
            "it is not clear whether | is a hole at (1) 1:14 `def f(x: int | None):`, (2) 2:8 `# one | two`: "
            + MARK,
        ),
        (
            're.findall(r"a|b", s)',
            "|",
            'it is not clear whether | is a hole at (1) 1:15 `re.findall(r"a|b", s)`: ' + MARK,
        ),
        (
            "\x0b = the_name_of_a_variable | the_name_of_another_one\u2028",
            "|",
            "it is not clear whether | is a hole at (1) 1:28 `…e_of_a_variable | the_name_of_an…`: "
            + WAYS_OUT,
        ),
        (
            "a | b\n" * 7,
            "|",
            "it is not clear whether | is a hole at (1) 1:3 `a | b`, (2) 2:3 `a | b`, (3) 3:3 `a | b`, "
            "(4) 4:3 `a | b`, (5) 5:3 `a | b` and 2 more: " + WAYS_OUT,
        ),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(cell, mark, message):
    with pytest.raises(UsageError) as caught:
        split(cell, mark=mark)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "line", ["x = [{'a': 'b', 'c': 1}]\n", "don't \\ $ )\n", "!ls 'x\n", "f'{a}{b}' + \n"]
)
def test_a_cell_of_ten_thousand_lines_is_read_in_seconds(line):
    begun = time.process_time()
    cell = line * 10_000
    assert split(cell + "|") == (cell, "")
    assert split(cell + "x = |") == (cell + "x = ", "")
    assert time.process_time() - begun < 20


def test_infill_writes_nothing_but_into_the_hole(shell):
    shell.run_cell("%load_ext cg2magic")
    shell.run_cell('%%infill -m 2 -o ideas\nparts = re.split(r"\\|", line)  # a \\| b\nx: int | None = |\n')
    (idea,) = shell.user_ns["ideas"]
    assert idea.code == f'parts = re.split(r"\\|", line)  # a \\| b\nx: int | None = {idea.text}'
