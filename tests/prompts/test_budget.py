"""What is chosen from a notebook: by relevance, in order, the same each time, and with a stable beginning."""

from __future__ import annotations

import random

import pytest

from cg2magic.context import Cell, Document, Settings, gather
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.prompts.assemble import prompt_for
from cg2magic.prompts.budget import choose
from cg2magic.request import Request, Sampling

ROOM = WHOLE = 400


def encode(text):
    """A tokenizer that is easy to count with: a token a word, and one a line end."""
    return [hash(word) for word in text.replace("\n", " \n ").split(" ") if word]


def notebook(*sources, active=None):
    cells = tuple(
        Cell(None, "markdown", source[3:]) if source.startswith("md:") else Cell(None, "code", source)
        for source in sources
    )
    return Document(cells, len(cells) if active is None else active)


def chosen(document, parts=("x = ",), room=ROOM, **options):
    context = gather(document, parts, options.pop("namespace", {}), **options)
    seen = []

    def remember(text):
        ids = encode(text)
        seen.append(text)
        return ids

    return choose(context, room, WHOLE, remember), seen


def words(number, cells=30, lines=6):
    """A notebook of so many words in all."""
    each = number // cells
    return [
        "\n".join(f"v{cell}_{line} = {' + '.join(['1'] * (each // lines // 2))}" for line in range(lines))
        for cell in range(cells)
    ]


def test_an_empty_notebook_gives_nothing():
    around, _ = chosen(notebook())
    assert (len(around), around.cells, around.variables) == (0, 0, 0)


def test_everything_is_taken_in_order_where_it_fits():
    around, _ = chosen(notebook("a = 1", "md:# Title", "b = 2", "c = 3", active=3), ("x", "y"))
    assert list(around.before) == encode("a = 1\n\n# %%\n# Title\nb = 2\n\n# %%\n")
    assert (around.cells, around.variables) == (3, 0)


def test_cells_below_stand_behind_a_separator():
    around, _ = chosen(notebook("here", "b = 2", active=0), ("x", "y"))
    assert list(around.after) == encode("\n\n# %%\nb = 2\n\n# %%\n")


def test_variables_stand_last_and_right_above_the_prompt():
    around, _ = chosen(notebook("a = 1"), ("rows",), namespace={"rows": [1]})
    assert list(around.before) == encode("a = 1\n\n# %%\n# rows: list of 1\n")
    assert around.variables == 1


def test_the_nearest_cells_are_taken_and_those_that_define_what_the_prompt_uses():
    far = ["import numpy as np", "unused = 1", "def clean(rows):\n    return rows"]
    around, _ = chosen(notebook(*far, *words(900)), ("clean(np.",))
    before = list(around.before)
    imports, function = encode(far[0])[-1], encode(far[2])[1]
    assert before.index(imports) < before.index(function) < len(before) // 4
    assert encode("unused")[0] not in before
    assert before[-3:] == encode("# %%\n")
    assert encode("v29_5")[0] in before
    assert encode("v0_0")[0] not in before


def test_of_several_definitions_the_last_one_is_taken():
    around, _ = chosen(notebook("n = 'first'", "n = 'second'", *words(900)), ("n",))
    assert encode("'second'")[0] in around.before
    assert encode("'first'")[0] not in around.before


@pytest.mark.parametrize("room", [0, 1, 7, 50, 51, 399, 1000])
@pytest.mark.parametrize("parts", [("np.v3_3",), ("np.", "v25_1")])
def test_no_more_is_taken_than_there_is_room_for(room, parts):
    document = notebook("import numpy as np", *words(1200), active=16)
    namespace = {"np": 1, "v25_1": 2}
    around, _ = chosen(document, parts, room, namespace=namespace)
    assert len(around) <= room


def test_the_beginning_stays_while_cells_are_added_at_the_bottom():
    cells = words(1500, cells=60)
    before, changes = None, 0
    for count in range(20, 60):
        around, _ = chosen(notebook(*cells[:count]))
        if before is not None and around.before[: len(before)] != before:
            changes += 1
        before = around.before
    assert 0 < changes <= 12, "it goes in steps: each loses several cells at once"


def test_the_text_above_stays_while_the_prompt_is_typed():
    document = notebook("import numpy as np", *words(1500))
    typed = "x = np.linspace(0, 1, 100)\ny = x ** 2 + 5 * x"
    texts = {chosen(document, (typed[:n],), room=ROOM - n // 4)[0].before for n in range(8, len(typed))}
    assert len(texts) <= 2


def test_it_is_the_same_each_time():
    document = notebook("import numpy as np", *words(1500), active=20)
    first = chosen(document, ("np.", "v3_2"), namespace={"v3_2": 1})[0]
    assert chosen(document, ("np.", "v3_2"), namespace={"v3_2": 1})[0] == first


def test_of_five_hundred_cells_and_ten_megabytes_little_is_tokenized():
    huge = "data = [\n" + "    0.123456, 1.234567,\n" * 400_000 + "]\nlast = data[-1]"
    around, seen = chosen(notebook(*words(20_000, cells=500), huge, active=None))
    assert encode("last")[0] in around.before
    assert sum(map(len, seen)) < 40 * ROOM


def test_a_cell_of_one_endless_line_is_left_out():
    around, _ = chosen(notebook("a = 1", "data = '" + "x" * 10_000_000 + "'", "b = 2"))
    assert list(around.before) == encode("a = 1\n\n# %%\nb = 2\n\n# %%\n")


def test_a_single_cell_that_is_too_long_gives_its_end():
    around, _ = chosen(notebook("\n".join(f"line_{i} = {i}" for i in range(1000))))
    assert encode("line_999")[0] in around.before
    assert ROOM // 3 < len(around) <= ROOM


# With the real model.


@pytest.fixture(scope="module")
def engine(mini):
    return LocalEngine(mini)


def request(document, *parts, tokens=8, **options):
    return Request(parts, Sampling(max_new_tokens=tokens), context=gather(document, parts, {}, **options))


def real(cells, seed=0):
    """Cells of code as people write it, long enough that they don't fit."""
    random.seed(seed)
    names = ["price", "rooms", "area", "year", "city"]
    return ["import numpy as np\nimport pandas as pd"] + [
        f"{random.choice(names)}_{i} = df['{random.choice(names)}'].rolling({i}).mean()\n"
        f"df.groupby('{random.choice(names)}').agg(['mean', 'std']).head({i})"
        for i in range(cells)
    ]


def reused(engine, asked):
    """Tokens that the next request takes from the cache of earlier ones, and how many it has."""
    prompt = prompt_for(asked, engine.vocabulary, engine.loaded.context)
    return engine.prefixes.longest(prompt.ids)[0], len(prompt.ids)


def test_the_cache_holds_the_cells_when_the_prompt_is_edited(engine):
    engine.prefixes.clear()
    document = notebook(*real(60))
    engine.generate(request(document, "df.plot("))
    length, whole = reused(engine, request(document, "df.plot.scatter(x="))
    assert whole > 700
    assert length > whole - 20


def test_the_cache_holds_them_when_a_cell_is_added_at_the_bottom(engine):
    engine.prefixes.clear()
    cells = real(12)
    engine.generate(request(notebook(*cells), "df.plot("))
    length, whole = reused(engine, request(notebook(*cells, "df.plot(x='a')"), "df['"))
    assert length > whole - 40


def test_most_added_cells_keep_the_cache_of_a_notebook_that_is_too_long(engine):
    engine.prefixes.clear()
    cells = real(50)
    kept = 0
    for count in range(30, 50):
        asked = request(notebook(*cells[:count]), "df.plot(")
        length, whole = reused(engine, asked)
        kept += length > whole // 2
        engine.generate(asked)
    assert kept >= 12


def test_the_suggestion_has_nothing_of_the_context(engine):
    document = notebook("total = 0", "after = 1", active=1)
    asked = request(Document((*document.cells, Cell(None, "code", "below = 2")), 1), "x = ", "\ny = 2")
    written = engine.generate(asked)
    assert written.seen.text.startswith("total = 0\n\n# %%\nx")
    assert "y = 2\n\n# %%\nbelow = 2\n" in written.seen.text
    assert (written.seen.cells, written.seen.tokens > 10) == (2, True)
    (suggestion,) = written.suggestions
    assert suggestion.parts == ("x = ", "\ny = 2")
    assert suggestion.code.startswith("x = ")
    assert suggestion.code.endswith("\ny = 2")


def test_without_context_the_prompt_is_as_it_was(engine):
    bare = prompt_for(Request(("x = 1\n",)), engine.vocabulary, 1024)
    empty = prompt_for(request(notebook(), "x = 1\n", settings=Settings()), engine.vocabulary, 1024)
    assert bare.ids == empty.ids
