"""What a key costs: the page tells its notebook once, then what has changed, and the kernel has all of it."""

from __future__ import annotations

import itertools
import json
import random
import time

import pytest

from cg2magic.frontends.inline.documents import Documents
from cg2magic.frontends.panel.widget import Panel
from tests.browser.notebook_page import MODEL
from tests.browser.typist import KERNEL, Typist

pytestmark = pytest.mark.browser

TOLD = "import('/lab/extensions/cg2magic/static/told.js')"
DOCUMENT = "import('/lab/extensions/cg2magic/static/document.js')"
NOTEBOOK = "jupyterapp.shell.currentWidget"

# Keys that no model has suggested; it may suggest the last one again.
ODD = itertools.cycle("§¤µ¬¶")

# What the kernel was told of this page's notebook last, and as which version.
IN_KERNEL = """
import json
told = get_ipython().magics_manager.registry["CG2"].ghosts._documents._known
told = [*told.values()][-1] if told else [None, None]
"""


@pytest.fixture
def typist(notebook):
    typist = Typist(notebook)
    # Loaded anew, the kernel has been told of no notebook yet.
    notebook.add_and_run("%reload_ext cg2magic")
    typist.switch_on()
    typist.listen()
    yield typist
    notebook.add_and_run("%config CG2.inline = False")
    typist.wait_for("off")


def in_page(typist):
    """The document as the page would tell it as a whole."""
    return typist.page.evaluate(f"""async () => {{
      const {{ documentOf }} = await {DOCUMENT};
      return documentOf({MODEL}, {NOTEBOOK}.content.activeCellIndex);
    }}""")


def told_in_kernel(typist):
    """The version that the kernel has, and the document that it has put together."""
    told = typist.page.evaluate(
        f"""async (code) => {{
          const user_expressions = {{ told: "json.dumps(told)" }};
          const content = {{ code, store_history: false, user_expressions }};
          const reply = await {KERNEL}.requestExecute(content).done;
          return reply.content.user_expressions.told.data["text/plain"];
        }}""",
        IN_KERNEL,
    )
    return json.loads(eval(told))


def in_kernel(typist):
    """The document that the kernel has put together."""
    return told_in_kernel(typist)[1]


def key(typist):
    """Press a key, and wait until its question was sent, and the kernel has what came with it."""
    odd, before = next(ODD), typist.page.evaluate("() => sent.length")
    typist.keyboard.type(odd)
    asked = f"sent.slice({before}).findLast((it) => it.do === 'ask' && it.ask.prefix.endsWith('{odd}'))"
    typist.page.wait_for_function(f"() => {asked}")
    ask = typist.page.evaluate(f"() => {asked}.ask")
    # The kernel takes it on a thread of its own, which may be later than what its main thread is asked.
    end = time.monotonic() + 60
    while told_in_kernel(typist)[0] != ask["document"]["version"] and time.monotonic() < end:
        typist.page.wait_for_timeout(20)
    return ask


def test_after_the_first_key_a_large_notebook_is_not_sent_again(typist):
    line = "values = compute(values, weights, 'some text that fills the line')\n"
    for i in range(30):
        typist.notebook.add(f"# {i}\n" + 55 * line)
    typist.begin("x = f")
    typist.page.wait_for_function("() => sent.some((it) => it.do === 'ask')")
    first = typist.sent("ask")[0]["ask"]["document"]
    assert first["since"] is None
    assert len(json.dumps(first)) > 100_000
    for _ in range(5):
        ask = key(typist)
        assert "cells" not in ask["document"]
        assert len(json.dumps(ask)) < 500
    assert in_kernel(typist) == in_page(typist)
    # What lies too far from the cursor is left out, as before.
    assert sum(len(cell["source"]) for cell in in_kernel(typist)["cells"]) <= 100_000


CHANGES = {
    "another cell's text": f"{MODEL}.cells[1].setSource('changed = 1')",
    "a new cell": f"{MODEL}.insertCell(1, {{cell_type: 'code', source: 'new = 1'}})",
    "a cell is moved": f"{MODEL}.moveCell(0, 2)",
    "a cell is deleted": f"{MODEL}.deleteCell(0)",
    "undone": f"{MODEL}.undo()",
    "several at once": f"{MODEL}.transact(() => {{ {MODEL}.deleteCell(1); {MODEL}.moveCell(0, 1); }})",
    "metadata": f"{MODEL}.setMetadata('cg2magic', {{ vars: 'none' }})",
    "nothing": "0",
}


def test_whatever_is_done_to_the_notebook_the_kernel_has_it_as_the_page(typist):
    for i in range(5):
        typist.notebook.add(f"cell_{i} = {i}")
    cell = typist.begin("x = f")
    assert in_kernel_after_key(typist) == in_page(typist)
    for name, change in CHANGES.items():
        typist.page.evaluate(f"() => {{ {change} }}")
        typist.notebook.select(cell)
        typist.keyboard.press("Control+End")
        assert in_kernel_after_key(typist) == in_page(typist), name
    # With the commands of the notebook: the cell's type, which makes it another cell of the same id.
    typist.notebook.select(typist.notebook.cells()[0]["id"])
    typist.page.keyboard.press("Escape")
    typist.page.keyboard.press("m")
    typist.notebook.select(cell)
    typist.keyboard.press("Control+End")
    assert in_kernel_after_key(typist) == in_page(typist)
    assert in_kernel(typist)["cells"][0]["cell_type"] == "markdown"
    # The cell that was written in is told once the cursor is in another.
    other = typist.begin("y = g")
    assert in_kernel_after_key(typist) == in_page(typist)
    assert other
    assert [ask["ask"]["document"]["since"] for ask in typist.sent("ask")].count(None) == 1


def in_kernel_after_key(typist):
    key(typist)
    return in_kernel(typist)


def test_a_kernel_that_has_forgotten_is_told_all_of_it_and_answers_the_same_question(typist):
    typist.notebook.add("limit = 5")
    typist.begin("x = f")
    key(typist)
    typist.notebook.add_and_run("ghosts = get_ipython().magics_manager.registry['CG2'].ghosts")
    typist.notebook.add_and_run("ghosts._documents._known.clear()")
    typist.begin("import numpy as np\n\n\ndef plot(")
    assert typist.suggestion()
    asks = [ask["ask"] for ask in typist.sent("ask")]
    assert asks[-1]["id"] == asks[-2]["id"]
    assert (asks[-2]["document"]["since"] is None, asks[-1]["document"]["since"]) == (False, None)
    assert in_kernel(typist) == in_page(typist)


def test_two_pages_of_one_kernel_are_not_mixed_up(typist):
    typist.notebook.save()
    with typist.notebook.second_page() as other:
        second = Typist(other)
        second.wait_for("ready")
        second.listen()
        for turn, one in enumerate((typist, second, typist, second)):
            one.notebook.add(f"here_{turn} = 1")
            one.begin("x = f")
            assert in_kernel_after_key(one) == in_page(one)


def changed(chance, document, number):
    """A document after a few changes of any kind; ids may be there twice."""
    cells = list(document["cells"])
    for _ in range(chance.randint(0, 3)):
        place = chance.randint(0, len(cells))
        cell = {"id": chance.choice("abcdefgh"), "cell_type": "code", "source": f"x = {number}"}
        if chance.random() < 0.4 or place == len(cells):
            cells.insert(place, cell)
        elif chance.random() < 0.4:
            cells.insert(chance.randint(0, len(cells) - 1), cells.pop(place))
        elif chance.random() < 0.5:
            cells[place] = {**cells[place], "source": f"y = {number}"}
        else:
            del cells[place]
        if chance.random() < 0.05:
            cells.clear()
    active = chance.choice([document["active"], number])
    metadata = chance.choice([document["metadata"], {"cg2magic": {"vars": str(number)}}])
    return {"cells": cells, "active": active, "metadata": metadata}


def test_what_the_page_tells_and_what_the_kernel_reads_are_the_same_documents(notebook):
    chance = random.Random(1)
    documents = [{"cells": [], "active": 0, "metadata": {"cg2magic": {}}}]
    for number in range(500):
        documents.append(changed(chance, documents[-1], number))
    messages = notebook.page.evaluate(
        f"""async (documents) => {{
          const {{ Told }} = await {TOLD};
          const told = new Told();
          return documents.map((document) => told.tell(document));
        }}""",
        documents,
    )
    kernel = Documents()
    assert [kernel.take(message) for message in messages] == documents
    assert [message["since"] for message in messages].count(None) == 1


# The panel's module in a page with a notebook: what it sends when it is asked for the document.
PANEL_TELLS = f"""async ({{ esm, cell }}) => {{
  const state = {{ panel_id: "p", cell_id: cell, insert: "none", asks_document: true, card: {{}} }};
  const sent = [];
  const model = {{
    get: (name) => state[name],
    send: (message) => sent.push(message),
    on() {{}},
    widget_manager: {{ context: {NOTEBOOK}.context }},
  }};
  const url = URL.createObjectURL(new Blob([esm], {{ type: "text/javascript" }}));
  (await import(url)).default().initialize({{ model }});
  return sent.find((message) => message.do === "document").document;
}}"""


def test_the_panel_and_the_labextension_tell_the_same_and_of_a_long_cell_what_is_near(typist):
    line = "values = compute(values, weights, 'some text that fills the line')\n"
    data = f"data = '{30_000 * '1'}'"
    long = "# first\n" + 400 * line + "# last"
    for source in ("# farthest\n", long, data, "near = 1\n"):
        typist.notebook.add(source)
    cell = typist.begin("x = f")
    for source in ("after = 1", data, long):
        typist.notebook.add(source)
    typist.page.evaluate(f"() => {MODEL}.setMetadata('cg2magic', {{ vars: 'none' }})")
    typist.notebook.select(cell)
    typist.keyboard.press("Control+End")
    told = in_kernel_after_key(typist)
    panel = typist.page.evaluate(PANEL_TELLS, {"esm": Panel._esm, "cell": cell})
    assert json.loads(panel) == told
    cells = [each["source"] for each in told["cells"]][-8:]  # without the one that switched it on
    assert told["active"] == len(told["cells"]) - 4
    assert told["metadata"] == {"cg2magic": {"vars": "none"}}
    farthest, above, _, near, asking, after, _, below = cells
    assert (farthest, near, asking, after) == ("# farthest\n", "near = 1\n", "", "after = 1")
    # Above and below, the end that is nearer, in whole lines.
    assert above == (len(above) // len(line)) * line + "# last"
    assert below == "# first\n" + (len(below) // len(line)) * line
    assert 19_900 < min(len(above), len(below)) <= max(len(above), len(below)) <= 20_000
    # A line that is too long is data.
    assert cells.count("") == 3
    # Where the cell that asks is gone, all are above.
    gone = json.loads(typist.page.evaluate(PANEL_TELLS, {"esm": Panel._esm, "cell": "gone"}))
    assert gone["active"] is None
    assert gone["cells"][-1]["source"].endswith("# last")


def test_of_a_large_notebook_the_nearest_cells_are_told(notebook):
    told = notebook.page.evaluate(f"""async () => {{
      const {{ documentOf }} = await {DOCUMENT};
      const text = (i) => `# This is cell ${{i}}.\\n`.repeat(800);
      const cells = [...Array(20).keys()].map((i) =>
        ({{ id: `${{i}}`, cell_type: "code", getSource: () => text(i) }}));
      return [0, 10, 19, null].map((at) => documentOf({{ cells, getMetadata() {{}} }}, at));
    }}""")
    # Each has 15 to 17 thousand characters, so that six or seven are told, the last of them in part.
    for document, near in zip(told, (range(1, 8), range(6, 14), range(12, 19), range(13, 20)), strict=True):
        sources = [each["source"] for each in document["cells"]]
        assert 99_900 < sum(map(len, sources)) <= 100_000
        assert {i for i, source in enumerate(sources) if source} <= set(near)
        assert document["metadata"] == {"cg2magic": {}}
