"""Marks in cells of other languages, whose bars are operators, pipes and tables."""

from __future__ import annotations

import re

import pytest

from cg2magic.errors import UsageError
from cg2magic.syntax.cursor import split


def test_in_other_languages_a_bar_alone_on_its_line_is_a_hole_and_others_are_asked_about():
    assert split("int f() {\n  |\n}", language="c") == ("int f() {\n  ", "\n}")
    assert split("int f() { return @; }", language="c", mark="@") == ("int f() { return ", "; }")
    with pytest.raises(UsageError, match=r"at \(1\) 1:6 `x = a\|;`: write \\\|"):
        split("x = a|;\n", language="c")


@pytest.mark.parametrize(
    ("language", "cell"),
    [
        ("bash", "ls | wc\n«»"),
        ("bash", "cat x \\\n  | sort |\n  uniq || true\n«»\n"),
        ("bash", "case x in a|b) echo '|';; esac\n«»"),
        ("bash", 'grep "a\\|b" x | sed "s/a\\|b/c/"\n«»\nfind . -name a\\|b'),
        ("c", "x = a | b || c;\n«»"),
        ("c", "x = a | b; y = «»;"),
        ("javascript", "if (a || b) {\n  «»\n}"),
        ("javascript", "s.split(/a\\|b/); s.split(/\\|/); f(/[|]/, '\\|', `\\|`) // \\|\n«»"),
        ("javascript", "/a\\|b/.test(s)\nx = «»;"),
        ("javascript", "y = a / b; z = c / 2\nx = «»;"),
        ("ruby", "list.each { |x| puts x }\nif s =~ /a\\|b/\n  «»\nend"),
        ("perl", "my @a = split /\\|/, $line;\n«»"),
        ("rust", "v.map(|x| x | 1)\n«»"),
        ("sql", "SELECT a || '\\|' -- \\|\nFROM t WHERE x = «»;"),
        ("r", "df |> head()\nstrsplit(x, '\\\\|')\ny = «»\n"),
        ("markdown", "| a | b \\| c |\n|---|---|\n«»"),
        ("latex", "$\\|x\\|$ | $|x|$\n«»"),
        ("haskell", "f x | x > 0 = 1\n«»"),
    ],
)
def test_in_other_languages_too_every_other_bar_stays_as_it_is(language, cell):
    assert split(cell.replace("«»", "|"), language=language) == tuple(cell.split("«»"))


def test_in_other_languages_a_backslash_settles_a_doubt_in_code():
    assert split("x = a \\| b;\nreturn |;", language="c") == ("x = a | b;\nreturn ", ";")
    assert split("ls \\| wc \\|\\| true\n|", language="bash") == ("ls | wc || true\n", "")


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
        ("shell", "cat x \\\n|\nsort"),
        ("javascript", "s.split(/[|]/)"),
        ("bash", "x=|;"),
        ("markdown", "see: |;"),
    ],
)
def test_in_other_languages_a_bar_that_may_be_code_is_asked_about(language, cell):
    with pytest.raises(UsageError, match="not clear whether"):
        split(cell, language=language)
