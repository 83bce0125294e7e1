"""Which name is open where code ends, and which names are the kernel's no more."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cg2magic.grounding.open_name import open_name
from cg2magic.grounding.statements import Statements


def read(code: str) -> Statements:
    reading = Statements()
    reading.extend(code)
    return reading


def found(code: str) -> str | None:
    """Write an open name as ``kind receiver|typed``."""
    reading = read(code)
    name = open_name(reading)
    if name is None:
        return None
    forms = {"attribute": ".{}", "method": ".{}()", "call": "()", "part": "[…]"}
    of = name.of.root + "".join(forms.get(kind, "[{}]").format(step) for kind, step in name.of.steps)
    return f"{name.kind} {of}|{code[name.start :]}"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("np.", "attribute np|"),
        ("np.lin", "attribute np|lin"),
        ("x = np.linalg.no", "attribute np.linalg|no"),
        ("f(1, np.pi * np.e", "attribute np|e"),
        ("if x > 1 and df.co", "attribute df|co"),
        ("y = df\n    .me", None),  # the receiver is on another line
        ("y = (df\n    .me", "attribute df|me"),
        ("y = df.head(3).me", "attribute df.head()|me"),
        ('df.groupby("a").agg({"si', "column df.groupby()|si"),
        ('df.groupby("a").agg({"a": "sum", "si', "column df.groupby()|si"),
        ('df.groupby("a").agg(total=("si', "column df.groupby()|si"),
        ('df.rename(columns={"si', "column df|si"),
        ('y = df[df["a"] > 1]["si', "key df[…]|si"),
        ('y = df[["a", "b"]].me', "attribute df[…]|me"),
        ("y = df[df.a.isin([1])].me", "attribute df[…]|me"),
        ("np.max(df['si", "key df|si"),
        ("axes[0, -1].set", "attribute axes[0,-1]|set"),
        ("y = f\"{limits['de", "key limits|de"),
        ('print(f"{{a}} {b} {df.me', "attribute df|me"),
        ('f"{f(a=1, co', "keyword f|co"),
        ('x = a, df["si', "key df|si"),
        ("return df['price'].me", "attribute df[price]|me"),
        ("y = df['", "key df|"),
        ('y = df["pri', "key df|pri"),
        ('y = df[["price", "si', "key df|si"),
        ('y = d["a"]["b', "key d[a]|b"),
        ('df.groupby("si', "column df|si"),
        ('df.groupby(["price", "si', "column df|si"),
        ('df.sort_values(ascending=False, by="', "column df|"),
        ('df.drop(columns=["', "column df|"),
        ('df.nlargest(3, "pri', "column df|pri"),
        ('df.plot.scatter("pri', "column df|pri"),
        ('df.plot(x="pri', "column df|pri"),
        ('y = df.loc[df.a > 1, "pri', "column df|pri"),
        ('sns.boxplot(data=df, x="pri', "column df|pri"),
        ('sns.boxplot(df, x="pri', "column df|pri"),
        ("f(a=1, co", "keyword f|co"),
        ("f(a=1,\n  ", "keyword f|"),
        ("model.fit(x, y=1, we", "keyword model.fit|we"),
        ("from pandas import Da", "import pandas|Da"),
        ("from pandas import", "import pandas|"),
        ("from pandas.io import (json, s", "import pandas.io|s"),
    ],
)
def test_a_name_is_open_where_only_an_existing_one_can_follow(code, name):
    assert found(code) == name
    assert found(f"a = 'x'  # it's\n{code}") == name


@pytest.mark.parametrize(
    "code",
    [
        "",
        "1.",
        "x = 1.5",
        "x ...",
        "# np.",
        "'np.",
        '"""np.',
        "df[f'",
        "df[b'",
        "np. ",
        "np.mean(",
        "df[mask].me",
        "f(df[mask]).me()[a, b].c",
        "(a + b).me",
        'df.groupby("a").agg({"a": "su',
        "f'{{df.me",
        "f'{df} df.me",
        "f'{x:.",
        "f'{[row.na",
        "y = [f(row.na",
        "y = next((row.na",
        "y = pd.concat(row.na",
        "f(a=1, key=lambda x, co",
        "df.sort_values(axis=1, by='a",
        "y = any(row.na",
        "', '.join(row.na",
        "y = [row['na",
        "df[a == 'b",
        "[x.sh",
        "{row.na",
        "y = df['a', 'b",
        "y = df['it\\'s'].x",
        "df.groupby('a', 'b",
        "df.apply('me",
        "ax.plot(x, label='",
        "f(a, co",
        "f(a == 1, co",
        "def f(a=1, co",
        "from . import a",
        "from pandas import a as b",
        "%run np.",
        "!ls np.",
        "np.mean)",
    ],
)
def test_nothing_is_open_where_anything_may_follow(code):
    assert found(code) is None


@pytest.mark.parametrize(
    ("code", "may"),
    [
        ('df["', True),
        ('df[["a", "', True),
        ('df.loc[a, "', True),
        ('x, df["', True),
        ('x[0], df["', True),
        ('df.groupby("a")["', False),
        ('f(df["', False),
        ('x = df["', False),
        ('if df["', False),
        ('x + df["', False),
    ],
)
def test_a_key_may_be_a_new_one_where_the_statement_may_still_assign_to_it(code, may):
    assert open_name(read(code)).begins is may


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("x = y", {"x"}),
        ("x, (y, *z) = a", {"x", "y", "z"}),
        ("x: int = 1", {"x", "int"}),  # too much does no harm
        ("x += 1", {"x"}),
        ("x[i] = y.z = 1", {"i"}),
        ("f(x=1, y==2)", set()),
        ("for a, b in c:", {"a", "b"}),
        ("[a.b for a in c]", {"a"}),
        ("with open(f) as g, h as (i, j):", {"g", "i", "j"}),
        ("import os.path as p, sys", {"os", "path", "p", "sys"}),
        ("from m import (a,\n  b as c)", {"a", "b", "c"}),
        ("def f(a, *b, c=d, **e):", {"f", "a", "b", "c", "e"}),
        ("class A(B):", {"A"}),
        ("lambda a, b: c", {"a", "b"}),
        ("if (a := b) == c:", {"a"}),
        ("del a, b", {"a", "b"}),
        ("del a['x'], b.y", set()),
        ("global a", {"a"}),
        ("except E as e:", {"e"}),
        ("case Point(x, y):", {"Point", "x", "y"}),
    ],
)
def test_names_that_a_statement_binds_are_the_kernels_no_more(code, names):
    bound = {name for name in read(f"{code}\n").bound() if not keyword.iskeyword(name) and name != "case"}
    assert bound == names
    assert read(f"{code}\n").bound() >= read(code).bound()


def test_until_an_assignment_ends_its_targets_are_what_they_were():
    assert read("df = df[df.a > ").bound() == set()
    assert read("df += [x for x in ").bound() == {"x"}
    assert read("if (df := f()) and df.").bound() == {"df"}


def test_what_is_given_to_an_object_is_a_name_of_it_and_what_is_not_written_out_changes_it():
    reading = read('df["ratio"] = 1\nmodel.limit = 2\ndf.loc[a, "high"] = 3\n')
    assert {("df", "ratio"), ("model", "limit"), ("df", "high")} <= reading.created
    assert not reading.changed
    for code in (
        "df[name] = 1\n",
        "df.columns = names\n",
        "df.insert(0, 'a', 1)\n",
        "df.dropna(inplace=True)\n",
    ):
        assert "df" in read(code).changed
    assert read("prepare(df)\n").changed == {"df"}
    assert "df" in read("tools.prepare(df, 1)\n").changed
    assert "rows" in read("rows.append({'a': 1})\n").changed
    assert not read("print(df)\n").changed
    assert not read("plt.plot(df)\n").changed
    assert "df" not in read("rows.append(df['a'].mean())\n").changed


def test_what_is_given_to_an_object_by_its_other_name_is_given_to_it():
    assert ("settings", "new") in read("part = settings['a']\npart['new'] = 1\n").created
    assert ("rows", "new") in read("for row in rows:\n    row['new'] = 1\n").created
    assert "rows" in read("for row in rows:\n    row.update(more)\n").changed
    assert not read("copied = df.copy()\ncopied['new'] = 1\n").created - {("copied", "new")}


def test_what_the_text_asks_for_may_be_there():
    assert read("if 'new' in settings:\n    y = settings['").given_to("settings") == {"new"}
    assert read("y = settings['").given_to("settings") == set()
    assert read("if 'new' not in df.columns and df.").given_to("df") == {"new"}
    assert read("hasattr(model, 'coef_') and model.").given_to("model") == {"coef_"}


def test_after_a_star_import_or_another_file_anything_may_be_bound():
    assert read("from m import *\n").anything
    assert read("%run other.py\n").anything
    assert not read("from m import a\n%time f()\n").anything


@example(["=", "\n"])
@example(["a", "\\", "\n", "a"])
@given(st.lists(st.sampled_from([*"abx.=,:()[]{}'\"\\# \n", "df", "for ", " in ", "import ", '"""', "as "])))
def test_reading_piece_by_piece_finds_what_reading_at_once_finds(pieces):
    grown = Statements()
    for piece in pieces:
        grown.extend(piece)
    whole = read("".join(pieces))
    assert grown.statement == whole.statement
    assert (grown.bound(), grown.created, grown.changed) == (whole.bound(), whole.created, whole.changed)
    assert open_name(grown) == open_name(whole)
