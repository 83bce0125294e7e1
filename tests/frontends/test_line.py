"""The line of a magic: quotes, comments, backslashes, and what IPython must not put in the place of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError as ShellUsageError

from cg2magic.errors import UsageError
from cg2magic.frontends import commands, line
from cg2magic.frontends.line import parse
from cg2magic.frontends.magics import CG2
from cg2magic.service.manager import manager


@pytest.fixture
def cg2(shell):
    shell.run_cell("%load_ext cg2magic")
    return shell


@pytest.fixture
def loads(monkeypatch):
    """What is to be loaded, instead of loading it."""
    asked = []

    def load(_, name, **options):
        asked.append((name, options["served"], options["tokenizer"]))
        raise UsageError("not loaded here")

    monkeypatch.setattr("cg2magic.service.manager.Manager.load", load)
    return asked


def options(text):
    return parse(CG2.infill.parser, text)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('--cursor "___"', "cursor", "___"),
        ("--cursor='@ @'", "cursor", "@ @"),
        ('--model "mini"', "model", "mini"),
        (r'--model "C:\new\models\" -n 1', "model", "C:\\new\\models\\"),
        (r"--model C:\Users\me\m", "model", r"C:\Users\me\m"),
        ("--model ~/o'neill", "model", "~/o'neill"),
        ("-o 'x'", "output", "x"),
        ('-o="x"', "output", "x"),
        ('-n "3"', "samples", 3),
        ("-t '0.5'", "temperature", 0.5),
        ('--insert "none"', "insert", "none"),
        ('--context "cell"', "context", "cell"),
        ("--language 'sql'", "language", "sql"),
        ("--vars \"df\" 'x' y", "vars", ["df", "x", "y"]),
        ("--prefix-token '<fim prefix>'", "prefix_token", "<fim prefix>"),
        (r'--stop "\n\n"', "stop", ["\n\n"]),
        (r"--stop r'\n'", "stop", [r"\n"]),
        (r"--stop \n", "stop", [r"\n"]),
        (r'--stop "\d"', "stop", [r"\d"]),
        (r'--stop "\""', "stop", ['"']),
        ("--stop \"#\" --stop '# a' --stop a#b", "stop", ["#", "# a", "a#b"]),
        ("--stop '--' --stop \"-- x\" --stop=-- --stop '-n'", "stop", ["--", "-- x", "--", "-n"]),
        ('--stop ""', "stop", [""]),
        ("--check \"assert f('#') == 1\"  # comment", "check", ["assert f('#') == 1"]),
        (r"""--check 'assert f("a") == "b"' --wait""", "check", ['assert f("a") == "b"']),
        (r"""--check "assert f('a\n') == r'\d'" """, "check", [r"assert f('a\n') == r'\d'"]),
        (r"""--check "import re\nassert f(\"a\")" """, "check", ['import re\nassert f("a")']),
        ("--wait# no comment", "wait", None),
    ],
)
def test_every_option_is_read_without_its_quotes(text, name, value):
    if value is None:
        with pytest.raises(UsageError):
            options(text)
    else:
        assert getattr(options(text), name) == value


@pytest.mark.parametrize("comment", ["# comment", '# it\'s "one"', "#", "#: --samples 3"])
def test_a_comment_ends_the_line(comment):
    assert options(f"-n 2 {comment}") == options("-n 2")
    assert options(comment) == options("")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--stop #", "begins a comment unless it is in quotes"),
        ("--cursor ##", "begins a comment unless it is in quotes"),
        ("--stop 'a", "there is no closing quote for 'a"),
        ('--check "f("a")"', r'"f(" ends before a")"; write \" for a " inside it'),
        ('--model "a"b', "ends before b"),
        (r'--stop "\x"', "is not valid text"),
        ('-n "x"', "invalid int value: 'x'"),
        ("--frob=1", "unrecognized arguments: --frob=1"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(text, said):
    with pytest.raises(UsageError) as error:
        options(text)
    assert said in str(error.value)
    assert not {"\n", "\0"} & set(str(error.value))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_any_text_survives_in_quotes(text):
    """As Python writes it, which is how a person would look for the right way."""
    assert options(f"--stop {text!r} -n 2").stop == [text]


@pytest.mark.parametrize("quote", ["'", '"'])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_any_path_survives_in_quotes(quote, text):
    path = text.replace(quote, "")
    assert options(f"--model {quote}{path}{quote}").model == path


@pytest.mark.parametrize("cell", ["complete", "infill"])
@pytest.mark.parametrize("text", ["$n", "{n}", "{n!r}", "{{n}}", "$$n", "{1, 2}"])
def test_ipython_puts_nothing_in_the_place_of_names(cg2, cell, text):
    cg2.user_ns["n"] = 7
    cg2.run_cell_magic(cell, f'-m 2 --stop "{text}" --check "x = \'{text}\'" -o ideas', "x = |\n")
    request = manager().history[-1].job.request
    assert request.sampling.stop == (text,)
    assert request.check == f"x = '{text}'"


def test_a_mark_in_braces_is_a_mark(cg2):
    cg2.user_ns["n"] = 7
    cg2.run_cell("%%infill -m 2 --cursor {n} -o ideas\nx = {n}\n")
    assert cg2.user_ns["ideas"][0].parts == ("x = ", "")
    cg2.run_cell("%%infill -m 2 --cursor $n -o ideas\nx = {n}; y = $n\n")
    assert cg2.user_ns["ideas"][0].parts == ("x = {n}; y = ", "")


def test_neither_does_it_for_score_nor_for_the_line_magic(cg2, loads, capsys):
    cg2.user_ns["n"] = "mini"
    assert not cg2.run_cell("%%score --model {n}\nx = 1").success
    assert "{n}" in capsys.readouterr().err
    cg2.user_ns["which"] = "mini"
    with pytest.raises(ShellUsageError):
        cg2.run_line_magic("cg2", "load a$which")
    assert [name for name, *_ in loads] == ["a$which"]
    assert not cg2.run_cell("%cg2 load {which}").success
    assert "cg2magic.load(which)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (r"C:\Users\me\m", (r"C:\Users\me\m", None, None)),
        (r'"C:\My Models\new"', (r"C:\My Models\new", None, None)),
        (r"\\server\share\m", (r"\\server\share\m", None, None)),
        ("~/o'neill", ("~/o'neill", None, None)),
        ('"~/o\'neill"  # his', ("~/o'neill", None, None)),
        ("'mini'", ("mini", None, None)),
        ("owner/name@abc#x", ("owner/name@abc#x", None, None)),
        (
            r'http://h:1/v1 --model "a b" --tokenizer C:\t',
            ("http://h:1/v1", "a b", r"C:\t"),
        ),
    ],
)
def test_the_name_to_load_is_taken_as_it_is(cg2, loads, text, asked):
    assert not cg2.run_cell(f"%cg2 load {text}").success
    assert loads == [asked]


@pytest.mark.parametrize(
    ("system", "text", "words"),
    [
        ("posix", r"load ~/My\ Models/o\'neill\(1\)", ["load", "~/My Models/o'neill(1)"]),
        ("nt", "load C:\\ --device cpu", ["load", "C:\\", "--device", "cpu"]),
        ("nt", r"load C:\(x)\'m", ["load", r"C:\(x)\'m"]),
    ],
)
def test_what_a_shell_puts_a_backslash_before_is_read_where_there_are_such_shells(
    monkeypatch, system, text, words
):
    monkeypatch.setattr(line, "_WINDOWS", system == "nt")
    assert line.split(text) == (words, "")


@pytest.mark.parametrize("names", ["one two", "\"one\" 'two'", '"one two"', "one,two", '"one, two"  # both'])
def test_variables_may_be_named_in_one_word_or_several(cg2, names):
    cg2.run_cell("one, two = [1], [2]")
    assert cg2.run_cell(f"%%complete -m 1 -o ideas --vars {names}\nx = 1").success
    seen = manager().history[-1].job.snapshot().seen.text
    assert "# one: list" in seen
    assert "# two: list" in seen


def test_a_model_in_a_folder_with_a_quote_and_spaces_is_found(cg2, capsys, tmp_path, monkeypatch):
    folder = tmp_path / "o'neill's models"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert not cg2.run_cell("%cg2 load \"~/o'neill's models\"").success
    assert "o'neill's models" in (said := capsys.readouterr().err)
    assert "config.json" in said


def test_the_settings_of_a_notebook_may_be_quoted(cg2, monkeypatch):
    asked = []
    monkeypatch.setattr("cg2magic.frontends.present.configure_notebook", lambda _, pairs: asked.append(pairs))
    for text in ('vars="a, b"', "'vars=a, b'", 'context="cell"  # for all'):
        commands.run(f"config --notebook {text}", cg2)
    assert asked == [{"vars": "a, b"}, {"vars": "a, b"}, {"context": "cell"}]
    with pytest.raises(UsageError, match="can't be set"):
        commands.run("config --notebook colour=red", cg2)
