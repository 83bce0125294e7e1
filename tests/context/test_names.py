"""Names that code defines and mentions."""

from __future__ import annotations

import ast
import symtable
import time
from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cg2magic.context.document import Cell
from cg2magic.context.names import defined, definitions, mentioned
from cg2magic.context.passages import passages


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import numpy as np", {"np"}),
        ("import os.path, sys", {"os", "sys"}),
        ("from a.b import c as d, e", {"d", "e"}),
        ("from a import (\n    b,\n    c as d,\n)", {"b", "d"}),
        ("def f(x):\n    y = 1\n", {"f"}),
        ("async def f(): ...\nclass C(Base): ...", {"f", "C"}),
        ("a, b = 1, 2\nc: int = 3", {"a", "b", "c"}),
        ("for i, row in rows: pass\nwith open(x) as file: pass", {"i", "row", "file"}),
        ("a == b\nf(x=1)\nx.y = 3\nx['a'] = 2\nx += 1", set()),
    ],
)
def test_names_at_the_left_margin_of_python_are_found(code, names):
    assert defined(code, "python") == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("with open(x) as f, open(y) as g: pass", {"f", "g"}),
        ("with (\n    open(x) as f,\n    open(y) as g,\n):\n    pass", {"f", "g"}),
        ("with a as (b, c), d as e.f, g as h[0]: pass", {"b", "c"}),
        ("a = b = c", {"a", "b"}),
        ("(x, y), *z = rows", {"x", "y", "z"}),
        ("try:\n    import simplejson as json\nexcept ImportError as e:\n    import json", {"json", "e"}),
        ("try:\n    pass\nexcept* OSError as group:\n    pass", {"group"}),
        ("if (n := len(x)) > 3:\n    y = n\nelse:\n    z = 1", {"n", "y", "z"}),
        ("total = [last := i for i in x if (t := i)]", {"total", "last", "t"}),
        ("f = lambda a, b=(c := 1): (d := 2)", {"f", "c"}),
        ("def f(a: (b := 1) = (c := 2)):\n    global g\n    g = h = 1\n", {"f", "b", "c", "g"}),
        ("@cache\nasync def f():\n    def g(): pass\nclass C(metaclass=M):\n    d = 1", {"f", "C"}),
        ("x += 1\ndel y\nz: int\nglobal w\nx.y = z[0] = 1", {"z"}),
        ("async with a as b:\n    pass\nasync for c in d:\n    pass", {"b", "c"}),
        ("match = 1\nmatch.case(match)\ncase = 2", {"match", "case"}),
        (
            (
                "match point:\n    case [a, *b] | (a, b) if (n := a):\n        x = 1\n"
                "    case Point(x=c, y=d.E) as p:\n        pass\n    case {'k': f, **g}: y = 2\n"
                "    case _:\n        z = 3\n"
            ),
            {"a", "b", "n", "x", "c", "p", "f", "g", "y", "z"},
        ),
        ("def f():\n    match x:\n        case [a]:\n            b = 1\n    c = 1\nd = 2", {"f", "d"}),
        ("type X = int\ntype Y[T] = list[T]\ndef f[T: (int, str)](x: T): ...\nclass C[T]: ...", set("XYfC")),
        ("x = 'a = 1'\ny = f'{(z := 1)} b = 2'  # c = 3", {"x", "y", "z"}),
        ("", set()),
    ],
)
def test_names_are_found_wherever_python_binds_them_in_a_cell(code, names):
    assert defined(code, "python") == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = [1, 2\ny = 3\nz = ", {"x", "y", "z"}),
        ("a, (b, *c) = ", {"a", "b", "c"}),
        ("x: int = ", {"x"}),
        ("f(x=", set()),
        ("f(x for x in ", set()),
        ("for i, j in ", {"i", "j"}),
        ("with open(x) as f", {"f"}),
        ("from a import b, c as d,", {"b", "d"}),
        ("import a as b, c.d,", {"b", "c"}),
        ("def f(x\n    a = 1\nb = 2", {"f", "b"}),
        ("class C(\n    def f(self):\n        a = 1\nb = 2", {"C", "b"}),
        ("if x\n    a = 1\nb = 2", {"a", "b"}),
        ("x = 'abc\ny = 3", {"x", "y"}),
        ("x = '''abc\ny = 3", {"x"}),
        ("x = )\ny = 3", {"x", "y"}),
        ("print 'hello'\nx = 1", {"x"}),
    ],
)
def test_what_is_broken_or_unfinished_does_not_hide_the_names_around_it(code, names):
    assert defined(code, "python") == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("%matplotlib inline\nimport numpy as np\nx = 10 %3", {"np", "x"}),
        ("!make CC=gcc (\nx = 1\n!echo don't ''''\ny = 2", {"x", "y"}),
        ("!ls \\\n  a = 1\nx = 1", {"x"}),
        ("files = !ls a=b 'c\nwho = %who\nx = 1", {"files", "who", "x"}),
        ("for i in x:\n    !echo {i}\n    y = 1\nelse:\n    %cd ..\nz = 1", {"i", "y", "z"}),
        ("x?\n?y\nz = 1\nx.y??", {"z"}),
        ("s = '''\n!a = 1\n%b\n'''\nx = (1\n% 2)\ny = 1", {"s", "x", "y"}),
        ("%%time\nx = 1", {"x"}),
        ("%%capture out\n%%timeit\nx = 1\n%cd ..\ny = 2", {"x", "y"}),
        ("%%bash\nx=1", set()),
        ("%%script --bg ruby\nx = 1", set()),
    ],
)
def test_magics_do_not_hide_the_names_around_them(code, names):
    assert defined(code, "python") == names


def test_every_name_has_its_line():
    cell = [
        "%%time",
        "!ls\\",
        "  -l",
        "a = 1",
        "",
        "match a:",
        "    case [",
        "        b,",
        "    ]:",
        "        c = 1",
    ]
    named = [("a", 4), ("b", 7), ("c", 10), ("d", 11)]
    assert sorted(definitions("\n".join([*cell, "def d(): pass"]), "python")) == named
    assert definitions("let a = 1;\n\nclass B {}", "javascript") == (("a", 1), ("B", 3))


def test_each_passage_of_a_cell_has_the_names_that_get_their_meaning_in_it():
    body = "".join(f"    local_{i} = [{i}] * {i}\n" for i in range(100))
    source = f"first = 1\ndef function():\n{body}    return\n{'# ' + 'x' * 300}\nlast = 2\nend = 3"
    (cell,) = passages([Cell(None, "code", source)], "python")
    assert len(cell) > 2
    assert [passage.defines for passage in cell if passage.defines] == [
        {"first", "function"},
        {"last", "end"},
    ]
    assert all(name in passage.text for passage in cell for name in passage.defines)


def test_a_cell_that_was_read_is_not_parsed_again():
    code = "".join(f"x{i} = function({i}, key=[y for y in z])\n" for i in range(200))
    defined(code, "python")
    begun = time.process_time()
    for _ in range(20):
        assert len(defined(code, "python")) == 200
    assert time.process_time() - begun < 0.05


@pytest.mark.parametrize(
    ("language", "code", "names"),
    [
        ("javascript", "const a = 1;\nfunction f(x) {}\nclass C {}", {"a", "f", "C"}),
        ("r", "x <- 5\ny = 3", {"x", "y"}),
        ("shell", "name=3\nfunction f { :; }", {"name", "f"}),
    ],
)
def test_names_in_other_languages_are_found_by_their_words(language, code, names):
    assert defined(code, language) == names


def test_names_behind_a_dot_are_not_mentioned():
    assert mentioned("df.groupby(column).mean()[0]  # df") == ["df", "column"]


NAMES = st.sampled_from("abcdefgh")
TARGETS = st.recursive(
    st.one_of(NAMES, NAMES.map("{}.attr".format), NAMES.map("{}[i]".format)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"({', '.join(some)},)"),
        st.tuples(inner, inner).map("[{0[0]}, *{0[1]}]".format),
    ),
    max_leaves=4,
)
VALUES = st.one_of(
    st.just("value"),
    NAMES.map("({} := 1)".format),
    NAMES.map("[{0} for {0} in x]".format),
    st.tuples(NAMES, NAMES).map("{{{0[0]}: 1 for {0[0]} in x if ({0[1]}_ := 1)}}".format),
    st.tuples(NAMES, NAMES, NAMES).map("(lambda {0[0]}, k=({0[1]} := 1): ({0[2]} := 2))".format),
    NAMES.map('f"{{{}!r:>10}} x = 1"'.format),
    NAMES.map("call({}=1)".format),
)
PATTERNS = st.recursive(
    st.one_of(NAMES, st.sampled_from(["1", "'x'", "None", "_", "x.y", "-1"])),
    lambda inner: st.one_of(
        inner.map("[{}, *_]".format),
        inner.map("C({}, 1)".format),
        inner.map("x.C(k={})".format),
        inner.map('{{"k": {}}}'.format),
    ),
    max_leaves=3,
)


def block(head, body):
    return f"{head}\n{indent(body, '    ')}"


def compound(bodies):
    """Statements with a body, and what stands in their heads."""
    one = st.tuples(TARGETS, VALUES, NAMES, bodies)
    return st.one_of(
        one.map(lambda x: block(f"for {x[0]} in {x[1]}:", x[3])),
        one.map(lambda x: block(f"while {x[1]}:", x[3])),
        one.map(lambda x: block(f"with {x[1]} as {x[0]}, open() as {x[2]}:", x[3])),
        one.map(lambda x: block(f"with (\n    open() as {x[2]},\n    {x[1]},\n):", x[3])),
        one.map(lambda x: f"{block('try:', x[3])}\n{block(f'except {x[1]} as {x[2]}:', x[3])}"),
        one.map(lambda x: f"{block(f'if {x[1]}:', x[3])}\nelse:\n    {x[2]} = 1"),
        one.map(lambda x: block(f"@call({x[1]})\ndef {x[2]}(a, b={x[1]}, *c, **d):", x[3])),
        one.map(lambda x: block(f"async def {x[2]}():", f"global g_{x[2]}\ng_{x[2]} = h_ = 1\n{x[3]}")),
        one.map(lambda x: block(f"class {x[2]}(Base):", f"{x[2]} = attr = 1\ndef {x[2]}m(self): pass")),
        st.tuples(PATTERNS, VALUES, bodies).map(
            lambda x: block(f"match {x[1]}:", block(f"case {x[0]} if {x[1]}:", x[2]))
        ),
        st.tuples(PATTERNS, NAMES).map(lambda x: f"match x:\n    case C({x[0]}) as z_: {x[1]} = 1"),
    )


SIMPLE = st.one_of(
    st.tuples(st.lists(TARGETS, min_size=1, max_size=3), VALUES).map(lambda x: " = ".join([*x[0], x[1]])),
    st.tuples(NAMES, VALUES).map("{0[0]}: {0[1]} = {0[1]}".format),
    st.tuples(NAMES, VALUES).map("{0[0]} += {0[1]}".format),
    NAMES.map("{}: int".format),
    NAMES.map("del {}".format),
    NAMES.map("import x.y, {}.z".format),
    st.tuples(NAMES, NAMES).map("from x import {0[0]}, y as {0[1]}".format),
    NAMES.map("from x import (\n    y as {},  # z = 1\n)".format),
    VALUES,
    st.just("pass"),
)
PROGRAMS = st.recursive(
    SIMPLE,
    lambda inner: compound(st.lists(inner, min_size=1, max_size=2).map("\n".join)),
    max_leaves=4,
)


PIECES = [
    "%",
    "!ls '",
    "(",
    "'",
    "case x:",
    "match x:",
    "def",
    "def f(",
    "=",
    "as",
    "import",
    "\\",
    "  for x",
]


class Unbinding(ast.NodeTransformer):
    """Takes out what symtable counts as a binding, but gives a name no meaning."""

    def visit_AugAssign(self, node):
        return (
            ast.Expr(self.visit(node.value))
            if isinstance(node.target, ast.Name)
            else self.generic_visit(node)
        )

    def visit_Delete(self, _node):
        return ast.Pass()

    def visit_comprehension(self, node):
        # From Python 3.12 on its names are in the table of what is around.
        node.target = ast.Name("__i", ast.Store())
        return self.generic_visit(node)


def bound(table, *, top=True):
    """Names that a program binds in its module, by Python's own account."""
    for symbol in table.get_symbols():
        if (symbol.is_assigned() or symbol.is_imported()) and (top or symbol.is_declared_global()):
            yield symbol.get_name()
    for child in table.get_children():
        yield from bound(child, top=False)


@st.composite
def programs(draw):
    return "\n".join(draw(st.lists(PROGRAMS, max_size=4)))


@given(programs())
def test_of_any_program_the_names_are_found_that_python_binds_in_its_module(code):
    tree = ast.fix_missing_locations(Unbinding().visit(ast.parse(code)))
    table = symtable.symtable(ast.unparse(tree), "cell", "exec")
    assert defined(code, "python") == {name for name in bound(table) if not name.startswith("__")}


@given(st.lists(st.one_of(programs(), st.sampled_from(PIECES))).map("\n".join))
def test_any_text_has_names(code):
    lines = code.count("\n") + 1
    assert all(name.isidentifier() and 1 <= line <= lines for name, line in definitions(code, "python"))
