"""Where a fill ends, and what is dropped of it: the rules of `fills`, each with the cases that made it."""

from __future__ import annotations

import pytest

from cg2magic.syntax.fills import fill_end
from cg2magic.syntax.places import Hole
from cg2magic.syntax.seams import fitting, is_broken

BRANCHES = "    while x:\n        if y:\n            s += x\n        else:"
TOTAL = "def total(xs):\n    total = 0\n"


def kept(before, after, fill, language="python"):
    """What of a fill reaches the person; the same however the fill comes, token by token or at once."""
    hole = Hole.between(before, after, language)
    for length in range(len(fill) + 1):
        end = fill_end(hole, fill[:length])
        if end is not None:
            break
    else:
        end = fill_end(hole, fill, done=True)
    return fitting(hole, fill[:end])


@pytest.mark.parametrize(
    ("before", "after", "fill", "wanted"),
    [
        (
            "def mean(xs):\n    return ",
            "\n\nprint(mean([1, 2, 3]))",
            "sum(xs) / len(xs)\n\nprint(mean(",
            "sum(xs) / len(xs)",
        ),
        ("plt.plot(x, ", ")\nplt.show()", "np.sin(x))\nplt.title('S')", "np.sin(x)"),
        ("plt.hist(df[", "])", "'mass'], bins=20)\nplt.show()", "'mass'"),
        ("plt.figure(", ")", "figsize=(10, 6))", "figsize=(10, 6)"),
        (
            'def p(n):\n    """doc"""\n    ',
            "\n\nassert is_prime(7)\nassert not is_prime(8)",
            "assert is_prime(11)\nassert is_prime(13)\n",
            "",
        ),
        (
            "class R:\n    def __init__(self, w):\n        ",
            "\n\n    def area(self):\n        return 1",
            "self.w = w\n\n    def perimeter(self):\n        return 2",
            "self.w = w",
        ),
        (
            "import numpy as np\n",
            "\n\ndf = pd.DataFrame()",
            "import pandas as pd\nimport numpy as np\n\nx",
            "import pandas as pd\nimport numpy as np",
        ),
        ("from m import ", "\n\nX = 1", "tts\nfrom x import y", "tts"),
        ("import numpy as ", "\nx = np.arange(3)", "numpy.random.rand(3)  # an array", "numpy"),
        ("df.gro", 'by("a").mean()', 'p("a").mean()\n', 'p("a").'),
        ("# drop\n", "\ndf.describe()", "df = df.dropna()\n\n# check", "df = df.dropna()"),
        # What is called there is not called in the fill.
        ("", "(df['b'])", "plt.hist(df['a'])\nplt.hist", "plt.hist"),
        ("x = ", "(y)", "f(a) + f(b)", "f(a) + f"),
        ("x = ", "(y)", "a + (b)", "a + (b)"),
        ("x = ", "(y)", "f((1, 2), g(3))", "f"),
        ("x = f'{", "(y)}'", "len(x)", "len"),
        ("x = '", "(y)'", "f(x)", "f(x)"),
        # Under a comment: what that says, up to the next one.
        ("# drop\n", "\ndf.head()", "df = df.dropna()\n# sort\ndf = df.sort()", "df = df.dropna()"),
        ("# two\n\n", "\nz = 3", "x = 1\ny = 2  # y\n# three\nz = 3\n", "x = 1\ny = 2  # y"),
        ("# clean\n", "\nz = 3", "# drop\nx = 1\n# sort\ny = 2\n", "# drop\nx = 1\n# sort\ny = 2"),
        (
            "# a loop\n",
            "\nz",
            "for x in xs:\n    # each\n    p(x)\n# b",
            "for x in xs:\n    # each\n    p(x)",
        ),
        ("# %%\n", "\nz = 3", "x = 1\n# two\ny = 2\n", "x = 1\n# two\ny = 2"),
        ('def bmi():\n    """', '"""\n    return 1', 'Compute."""\n    x', "Compute."),
        ("squares = [", " for x in range(10)]", "x**2", "x**2"),
        ("squares = [", " for x in range(10)]", "x**2 for x in range(10)]\nprint", "x**2"),
        ("def greet(", "):\n    print()", "greeting, name):\n    print", "greeting, name"),
        ("df.apply(lambda m: ", ")", "m * 2.2)", "m * 2.2"),
        ('print(f"Accuracy: {', ':.2f}")', 'accuracy:.2f}")\nprint', "accuracy"),
        (
            "def f(xs):\n    for x in xs:\n        ",
            "\n    return total",
            "total += x\n    return total",
            "total += x",
        ),
        ("ax.hist()\n", "\nplt.show()", "\n```\n```output\nDone", ""),
        ("job.wait()\n", "", "%%\n", ""),
        ("job.wait()\n", "\nplot(x)", "x = job.read()\n%%time\ny = 1", "x = job.read()"),
        ("with open(", ") as f:", "path, 'r') as f:\n   return", "path, 'r'"),
        ("for ", " in xs:\n    print(x)", "x in xs:\n    print", "x"),
        ("if ", "\nprint(1)", "x > 3:\n    y = 1\n\nprint(2)", "x > 3:\n    y = 1"),
        ("if ", "\n    print(1)", "x > 3:\n    y = 1\n\nprint(2)", "x > 3:"),
        ("x = 1  # ", "\ny = 2", "the one\nz = 3", "the one"),
        ("plt.plot(", "\nplt.show()", "x, y)\nplt.title('a')\n", "x, y)"),
        ("foo(a,\n    ", "\n)", "b,\n    c\n)\nd", "b,\n    c"),
        (
            "",
            "\nprint(f(3))",
            "def f(x):\n    a = 1\n\n    return a\n\nprint(f(3))",
            "def f(x):\n    a = 1\n\n    return a",
        ),
        (
            "def f(x):\n    if x:\n        return 1\n    ",
            "\n\nf(2)",
            "else:\n        return 2\n\nf(3)",
            "else:\n        return 2",
        ),
        ("open('", "') as f", "data.csv') as f", "data.csv"),
        ("open('", "\nx", "data.csv')\nprint(1)", "data.csv')"),
        ("while ", ":\n    pass", "x < 3:\n   y", "x < 3"),
        ("x = f(", ", axis=0)\n", "a, axis=0)", "a"),
        ("x = f(", ", axis=0)\n", "a, axis=0)\ny = g(b, axis=0)", "a"),
        (
            "def full(name):\n    ",
            "    return name",
            "name = name.strip()\n    return name\n",
            "name = name.strip()",
        ),
        ("g(a, ", ") + c)\nd", "b) + c)", "b"),
        ("foo(", ")\n", "bar(x)", "bar(x)"),
        ('colors = {"red": ', ', "blue": "#00f"}', '"#f00", "green": "#0f0"}', '"#f00"'),
        ("f(a, ", ", key=1)", "sorted(b, key=c), d, key=1)", "sorted(b, key=c)"),
        ("f(a, ", ", b)", "lambda x, y: x, b)", "lambda x, y: x"),
        ("a, ", ", c = f()", "b, d, c = f()", "b, d"),
        ("{k: v for ", " in items}", "k, v in items.items()}\n\nprint(d)", "k, v"),
        ("x = ", " if a else b", "1 if c else 2\n", "1"),
        ("x = 1 if ", " else 2", "(1 if a else 2) == 1 else 3", "(1 if a else 2) == 1"),
        ("x = 1 if ", " else 2", "a if b else c else 3", "a"),
        ("xs.sort(key=lambda ", ": x[1])", "x: x[2])", "x"),
        ("if ", ":", "f(lambda y: y) == {1: 2} and x[1:2]: return", "f(lambda y: y) == {1: 2} and x[1:2]"),
        ("f(a, ", "=3)", "b=2, c=3)", "b"),
        ("", " = 5", "x[y == 3] = 5", "x[y == 3]"),
        ("from ", " import DataFrame", "pandas import DataFrame", "pandas"),
        ("if x and ", " in xs: pass", "y not in ys and y in xs:", "y not"),
        # It arrives at the next line, in brackets as well, and at one of those below it.
        ("d = [\n    ", "\n    3,\n    4,\n]", "1,\n    2,\n    3,\n    4,\n]\nprint(d)", "1,\n    2,"),
        ("", "\n    3,\n    4,\n]", "d = [\n    3,\n    4,\n]\nprint(d)", "d = ["),
        ("", "\n    3,\n    4,\n]", "d = [\n    1,\n    2,\n]\nprint(d)", "d = ["),
        ("p = f(a, ", ",\n      b=1)\n", "2,\n      b=1)\nprint(p)", "2"),
        ("p = f(", "\n      b=1)\n", "a, 2,\n      b=1)\nprint(p)", "a, 2,"),
        ("p = f(", "\n      b=1)\n", "a,\n      c=2,\n      d=3)\n", "a,"),
        ("p = f(g(", "\n    x), y)\n", "a,\n    b, h(\n", "a,"),
        ("@mark(", ", [\n    1,\n])\ndef f(): pass", "'a', [\n    2,\n])\ndef g(): pass", "'a'"),
        (
            "def f(a):\n    ",
            "\n    r = g(a)\n    size = r - low",
            "low = h(a)\n    size = r - low\n    return size",
            "low = h(a)",
        ),
        (
            "def f(x):\n    if x:\n        y = 1\n    else:\n        ",
            "\n\n    return y",
            "return y\n\nprint(f(1))",
            "return y",
        ),
        (
            "def test():\n    ",
            "\n    assert f(2) == 4",
            "assert f(1) == 1\n    assert f(2) == 4",
            "assert f(1) == 1",
        ),
        # What begins the block that stands there: up to the block, or else its first line alone.
        (
            TOTAL,
            "\n        total += x\n    return total\n",
            "    for x in xs:\n        y = x\n    return y",
            "    for x in xs:",
        ),
        (
            TOTAL,
            "\n            total += x\n    return total\n",
            "    for x in xs:\n        if x > 0:\n            total += x\n    return total\n",
            "    for x in xs:\n        if x > 0:",
        ),
        (
            TOTAL,
            "\n            s += x\n            f(s)\n    return total\n",
            BRANCHES + "\n            s += x\n            f(s)",
            BRANCHES,
        ),
        (
            "def primes(n):\n",
            "\n        if is_prime(i):\n            yield i\n",
            "    def is_prime(n):\n        return n > 1\n    for i in range(2, n):\n        if is_prime(i)",
            "    def is_prime(n):\n        return n > 1\n    for i in range(2, n):",
        ),
        # A header within a header, and no arrival; another branch where the last one stands below.
        (
            TOTAL,
            "\n            s += y\n    return s\n",
            "    for x in xs:\n        for y in x:\n            z = y\n    return z",
            "    for x in xs:\n        for y in x:",
        ),
        (
            TOTAL,
            "\n        else:\n            s -= x\n    return s\n",
            "    for x in xs:\n        if x > 0:\n            s += x\n        elif x:\n            s -= x\n",
            "    for x in xs:\n        if x > 0:\n            s += x",
        ),
        # Without an indentation it may leave its block, if it comes to the one that stands below.
        (
            TOTAL + "    for x in xs:\n",
            "\n        if x > total:\n            best = x\n    return best\n",
            "        total += x\n\n    for x in xs:\n        if x > total:\n            best = x\n",
            "        total += x\n\n    for x in xs:",
        ),
        (
            TOTAL + "    for x in xs:\n",
            "\n        if x > total:\n            best = x\n    return best\n",
            "        total += x\n\n    for x in xs:\n        print(x)\n    return total",
            "        total += x",
        ),
        # A line that stands deeper below is in a block that the fill may have, too.
        (
            "def valid(day, month):\n    try:\n",
            "\n        if month in (4, 6) and day > 30:\n            return False\n        return True\n",
            "        day = int(day)\n        if day < 1:\n            return False\n        return True\n",
            "        day = int(day)\n        if day < 1:\n            return False",
        ),
        # Two first values for one variable are one too many; a second that needs the first is not.
        (
            "def words(s):\n    if not s:\n",
            "\n\n    parts = []\n    return parts",
            "        return []\n\n    parts = s.split()\n    return parts",
            "        return []",
        ),
        (
            "def words(s):\n    if not s:\n",
            "\n\n    parts = sorted(parts)\n    return parts",
            "        return []\n\n    parts = s.split()\n    return parts",
            "        return []\n\n    parts = s.split()",
        ),
        # The header of the block that stands there, and a whole call.
        ("x = 1\n", "\n    print(x)", "if x:\n    y = 2\nelse:\n    z", "if x:"),
        ("plt.plot(\n    x,\n    ", "\nplt.show()", "y,\n)\nplt.title('t')\n", "y,\n)"),
        ("f(\n    a,\n    ", "\n    c,\n)", "b,\n    import os\n", "b,"),
        # It has to parse, if it does with less.
        ("if x:\n    y = 1\n", "\nprint(y)", "z = 2\nelse:\n    y = 3\n", "z = 2"),
        ("f(", ", c)", "a + 1 b", "a + 1"),
        ("if x:\n    y = (\n", "\nprint(y)", "z = 2 3\n", "z = 2 3"),
    ],
)
def test_python(before, after, fill, wanted):
    assert kept(before, after, fill) == wanted


PARAMETERS = 'def scale(x, factor):\n    """Scale a value.\n\n    x : float\n        '
LETTER = 'text = """\nDear '


@pytest.mark.parametrize(
    ("before", "after", "fill", "wanted"),
    [
        # A string over lines has lines as code has: before one that is indented less, or like the next one.
        (
            PARAMETERS,
            '\n    factor : float\n    """',
            "The value.\n    factor : float\n        It",
            "The value.",
        ),
        (PARAMETERS, '\n    """\n    return x', "The value.\n    factor : float\n    y :", "The value."),
        ('s = """\nfirst\n', '\nthird\n"""', "second\nthird\nfourth", "second"),
        # What was begun there is one line, and so is what goes on behind the hole.
        (LETTER + "Ada", '\n\nYours\n"""', " Lovelace,\n\nI hope", " Lovelace,"),
        (LETTER, ',\n\nYours\n"""', "[Your Name],\n\nI hope this", "[Your Name]"),
        ('def f():\n    """Convert ', '"""', 'degrees.\n\n    f : float"""', "degrees."),
        # All of a docstring may be several.
        ('def f():\n    """', '"""', 'Convert.\n\n    More.\n    """', "Convert.\n\n    More."),
        ('def f():\n    q = """', '"""', 'SELECT *\nFROM t"""', "SELECT *\nFROM t"),
    ],
)
def test_strings_over_lines(before, after, fill, wanted):
    assert kept(before, after, fill).rstrip() == wanted


@pytest.mark.parametrize(
    ("before", "after", "fill", "broken"),
    [
        ("def connect(host, port=", "):\n    return host", "", True),
        ("class Dog(", "):\n    pass", "", False),
        ("", " = split(X)\nX", "from m import split", True),
        ("import numpy as ", "\nx = 1", "np", False),
        # It is broken by the person's own code, or unfinished.
        ("x = (", ")\ny = (", "", False),
        ('print("', '")', "", False),
        # A name may be that of an argument, behind others that have one.
        ("f(\n    a=a,\n    ", ",\n    c=c,\n)", "b b", True),
        ("f(\n    a=a,\n    ", ",\n    c=c,\n)", "b=b", False),
    ],
)
def test_a_fill_without_which_the_cell_would_parse_is_told_from_one_that_it_lacks(
    before, after, fill, broken
):
    assert is_broken(Hole.between(before, after, "python"), fill) is broken


@pytest.mark.parametrize(
    ("language", "before", "after", "fill", "wanted"),
    [
        (
            "javascript",
            "function f(a) {\n  ",
            "\n}\n",
            "return a + 1;\n}\n\nfunction g() {}",
            "return a + 1;",
        ),
        ("javascript", "const x = [", ".map(y)", "1, 2].map(y)", "1, 2]"),
        ("javascript", "if (", ") {\n}", "a > b) {\n  return", "a > b"),
        ("javascript", "const s = `a ${", "} b`;", "name} and", "name"),
        ("ruby", "def add(a, b)\n  ", "\nend\n", "a + b\nend\n\ndef sub", "a + b"),
        ("r", "f <- function(x) {\n  ", "\n}", "x + 1\n}\ng <- 2", "x + 1"),
        ("bash", "for f in *.txt; do\n  ", "\ndone", 'echo "$f"\ndone\necho', 'echo "$f"'),
        ("sql", "SELECT ", " FROM t", "name, age FROM t WHERE", "name, age"),
        ("sql", "SELECT a\nFROM t\nWHERE ", "\nGROUP BY a;", "b > 0;\n\nSELECT", "b > 0"),
        ("sql", "SELECT a\nFROM t\n", "\nLIMIT 10;", "WHERE b > 0\nORDER BY a;\n", "WHERE b > 0\nORDER BY a"),
        ("sql", "SELECT a\nFROM t\nWHERE ", "\n\nSELECT b", "b > 0;\n\nSELECT", "b > 0;"),
        ("bash", "for f in a b; do\n  ", "\ndone", "echo done\ndone", "echo done"),
    ],
)
def test_other_languages(language, before, after, fill, wanted):
    assert kept(before, after, fill, language) == wanted


@pytest.mark.parametrize("newline", ["\n"])
@pytest.mark.parametrize("fill", ["    \n\n  ", "", "\n"])
def test_white_space_alone_is_nothing(fill, newline):
    assert kept("def f():" + newline + "    ", newline + "    return x", fill).strip() == ""
