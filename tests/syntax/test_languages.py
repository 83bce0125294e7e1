"""Languages by their names, and from the cell magics on top of a cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cg2magic
from cg2magic.errors import UsageError
from cg2magic.frontends.visible import _lexer
from cg2magic.syntax.languages import LANGUAGES, find, of_header, split_header

TRAINED_ON = (
    *("c", "c++", "c-sharp", "dart", "go", "java", "javascript", "kotlin", "lua", "php", "python"),
    *("ruby", "rust", "scala", "shell", "sql", "swift", "typescript", "vue"),
)


@pytest.mark.parametrize("name", TRAINED_ON)
def test_each_language_of_the_models_is_known_and_highlighted(name):
    language = find(name)
    assert _lexer(language.name).name != "Text only"
    assert language.comments or language.texts


def test_every_name_stands_for_one_language():
    names = [name for language in LANGUAGES for name in (language.name, *language.aliases)]
    assert len(names) == len(set(names))
    assert all(find(name.upper()).name for name in names)


def test_a_language_that_only_pygments_knows_has_no_blocks():
    assert (find("Haskell").name, find("haskell").blocks) == ("haskell", "none")


def test_a_language_nobody_knows_is_refused_with_the_closest_one():
    with pytest.raises(UsageError, match="did you mean javascript"):
        cg2magic.Request(("x",), language="javascrpt")
    with pytest.raises(UsageError, match="no language 'qqqq'"):
        find("qqqq")


def test_a_request_has_the_languages_own_name():
    assert cg2magic.Request(("x",), language="JS").language == "javascript"


@pytest.mark.parametrize(
    ("cell", "header", "language"),
    [
        ("x = 1", "", None),
        ("%%sql\nSELECT 1", "%%sql\n", "sql"),
        ("\n  %%bash --bg\nls", "\n  %%bash --bg\n", "shell"),
        ("%%sh\nls", "%%sh\n", "shell"),
        ("%%!\nls", "%%!\n", "shell"),
        ("%%javascript\nlet x", "%%javascript\n", "javascript"),
        ("%%R -i df\nplot(df)", "%%R -i df\n", "r"),
        ("%%perl\nmy $x", "%%perl\n", "perl"),
        ("%%ruby\nputs 1", "%%ruby\n", "ruby"),
        ("%%HTML\n<p>", "%%HTML\n", "html"),
        ("%%latex\n$x$", "%%latex\n", "latex"),
        (
            "%%script --no-raise-error /usr/bin/perl -w\nmy $x",
            "%%script --no-raise-error /usr/bin/perl -w\n",
            "perl",
        ),
        ("%%time\n%%js\nlet x", "%%time\n%%js\n", "javascript"),
        ("%%timeit -n 3\nx = 1", "%%timeit -n 3\n", None),
        ("# %% a cell\nx = 1", "", None),
        ("x = 5 %%2", "", None),
        ("%matplotlib inline\nplt.", "", None),
    ],
)
def test_cell_magics_on_top_are_taken_off_and_tell_the_language(cell, header, language):
    assert split_header(cell) == (header, cell.removeprefix(header))
    assert of_header(header) == language


@given(st.text(alphabet="%a \n", max_size=30))
def test_nothing_of_a_cell_is_lost(cell):
    assert "".join(split_header(cell)) == cell
