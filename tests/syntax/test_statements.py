"""Where a text that breaks off ends for a person, and which code IPython could run."""

from __future__ import annotations

import ast
import warnings

import pytest

from cg2magic.syntax.statements import parses, whole

FUNCTION = '''\
    """Return the first n Fibonacci numbers."""
    if n <= 0:
        return []
    sequence = [
        0,
        1,
    ]
    for i in range(2, n):
        # the sum of the last two
        sequence.append(
            sequence[-1]
            + sequence[-2]
        )
    try:
        check(sequence)
    except ValueError:
        raise
    else:
        log(sequence)
    return sequence
'''

KEPT = {
    "the last line is not whole": ("def f():\n", "    x = 1\n    return x", "    x = 1"),
    "a line that has ended is": ("def f():\n", "    x = 1\n    return x\n", "    x = 1\n    return x"),
    "a bracket is open": ("", "x = 1\ny = [\n    1,\n    2,\n", "x = 1"),
    "a string is open": ("", 'x = 1\ny = """a\nb\n', "x = 1"),
    "a docstring is open": ('def f():\n    """', "Say it.\n\n    Say mo", "Say it."),
    "a backslash joins lines": ("", "x = 1\ny = 2 + \\\n3", "x = 1"),
    "a header lacks its block": ("", "x = 1\nfor y in z:\n    if y:\n        pri", "x = 1"),
    "a header goes over lines": ("", "x = 1\ndef f(\n    a,\n):\n    ret", "x = 1"),
    "a decorator lacks its function": ("", "x = 1\n@cache\ndef f", "x = 1"),
    "a comment says what comes": ("", "x = 1\n\n# now the second\ny =", "x = 1"),
    "a comment behind code": ("", "for x in y:  # all of them\n    print(x)  # one\n    z", None),
    "a try lacks its except": ("", "x = 1\ntry:\n    y = 2\n    z = 3\n    a", "x = 1"),
    "only statements of a try are whole": ("", "try:\n    y = 2\n    z", "try:\n    y = 2"),
    "the person's try": ("try:\n", "    y = 2\n    z", "    y = 2"),
    "an except is whole with its block": ("", "try:\n    y = 2\nexcept E:\n    pass\nz", None),
    "the person's bracket is closed": ("print(\n    a", ",\n    b)\nc = 3 +", ",\n    b)"),
    "the rest of the person's line": ("x = np.", "zeros(3)\ny = np.on", "zeros(3)"),
    "the person's header": ("def f():", "\n    x = 1\n    y", "\n    x = 1"),
    "the person's bracket stays open": ("x = [\n    ", "1,\n    (2, 3),\n    (4, 5", "1,\n    (2, 3),"),
    "a magic": ("", "%matplotlib inline\nimport nump", "%matplotlib inline"),
}


@pytest.mark.parametrize(("before", "text", "kept"), KEPT.values(), ids=KEPT)
def test_a_text_that_breaks_off_ends_at_its_last_whole_statement(before, text, kept):
    assert text[: whole(before, text, "python")] == (text[: text.rindex("\n")] if kept is None else kept)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("x = np.", "zeros(3"),
        ("def f():\n", '    """Say somet'),
        ("", "# only a comment\n# and another"),
        ("x = 1", "\ny = 2"),
        ("x = [", "1 +\n2 +\n3"),
        ("x = [f(", "1, 2),\n3"),
        ("def f():", "\n    ret"),
        ("", ""),
        ("", "for x in y:\n    for z in x:\n        pr"),
    ],
)
def test_where_not_even_one_statement_is_whole_everything_stays(before, text):
    assert whole(before, text, "python") == len(text)


def test_wherever_a_function_breaks_off_what_is_kept_is_python():
    header = "def fibonacci(n):\n"
    ast.parse(header + FUNCTION)
    first = FUNCTION.index("\n") + 1
    for length in range(first, len(FUNCTION) + 1):
        text = FUNCTION[:length]
        kept = text[: whole(header, text, "python")]
        ast.parse(header + kept)
        assert text.startswith(kept)
    assert FUNCTION[: whole(header, FUNCTION, "python")] == FUNCTION.rstrip()


def test_other_languages_are_cut_at_the_end_of_a_line():
    text = "  a := 1\n  fmt.Println(a)\n  b :="
    assert text[: whole("func f() {\n", text, "go")] == "  a := 1\n  fmt.Println(a)"
    assert whole("SELECT ", "a, b FROM", "sql") == len("a, b FROM")


@pytest.mark.parametrize(
    "code",
    ["x = 1", "%matplotlib inline\nx = 1", "files = !ls\nx", "def f():\n    !ls\n    %time g()", "df?", ""],
)
def test_what_ipython_runs_parses(code):
    assert parses(code)


@pytest.mark.parametrize("code", ["x = (1", "def f():\nreturn 1", "%time x\ny = [", "x = '\0'"])
def test_what_ipython_refuses_does_not(code):
    assert not parses(code)


def test_nobody_is_warned_of_a_backslash():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parses(r"'\d'")
