"""Where the page is no notebook to reach into (VS Code, Colab, a console): a bare page, a bare model."""

from __future__ import annotations

import pytest

from cg2magic.frontends.panel.widget import Panel
from cg2magic.request import Request, Suggestion, TokenLogprob
from cg2magic.service.job import Job
from tests.browser.asking import button

pytestmark = pytest.mark.browser

CODE = "x = 1 + 1"
#: What the page says when it begins: it draws the panel, and has no document to store it in.
HERE = {"do": "here", "stores": False}

# What anywidget gives a module in a front end whose widget manager has no notebook around it.
MOUNT = """async ({ esm, css, state }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  window.sent = [];
  const listeners = {};
  const model = {
    get: (name) => state[name],
    set: (name, value) => {
      state[name] = value;
      for (const call of listeners[`change:${name}`] ?? []) call();
    },
    save_changes() {},
    send: (content) => window.sent.push(content),
    on: (name, call) => (listeners[name] ??= []).push(call),
    widget_manager: {},
  };
  window.model = model;
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const widget = (await import(url)).default();
  await widget.initialize({ model });
  await widget.render({ model, el: document.body });
}"""


STATE = ("advice", "panel_id", "cell_id", "insert", "can_regenerate", "card", "saved", "heat", "outcome")


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


@pytest.fixture
def mount(page):
    """Show a panel in a bare page, of a finished job if no other is given."""

    def make(job=None, **options):
        panel = Panel(job or written("1 + 1", "done"), **options)
        state = {name: getattr(panel, name) for name in STATE}
        page.evaluate(MOUNT, {"esm": panel._esm, "css": panel._css, "state": state})
        return page.get_by_role("group", name="Suggestion by mini")

    return make


def written(text, state):
    """A job that has written so much."""
    job = Job(1, Request(("x = ",)))
    reason = "stop" if state == "done" else None
    job.wrote((Suggestion(("x = ",), (text,), (TokenLogprob(0, text, -0.5),), reason),))
    job.update(state=state, model="mini")
    return job


def test_text_streams_into_the_card_without_a_notebook_around_it(page, mount):
    panel = mount(written("1", "writing"))
    assert panel.locator("pre").inner_text().strip() == "x = 1"
    assert button(panel, "Copy").is_disabled()
    page.evaluate("(card) => model.set('card', card)", Panel(written("1 + 1", "done")).card)
    assert panel.locator("pre").inner_text().strip() == CODE
    assert button(panel, "Copy").is_enabled()


def test_without_a_notebook_copy_remains_and_the_magic_is_named(page, mount):
    panel = mount()
    assert button(panel, "Insert below").is_hidden()
    assert button(panel, "Replace cell").is_hidden()
    assert panel.get_by_text("%cg2 accept").is_visible()
    button(panel, "Edit").click()
    assert panel.get_by_role("textbox", name="Edit the suggestion").input_value() == CODE
    button(panel, "Copy").click()
    panel.get_by_role("status").get_by_text("Copied").wait_for()
    assert page.evaluate("() => window.sent") == [
        HERE,
        {"do": "record", "job": 1, "candidate": 0, "outcome": "copied"},
    ]


def test_in_colab_insert_below_asks_colab_for_a_cell(page, mount):
    page.evaluate(
        "() => { window.cells = [];"
        " window.google = { colab: { notebook: { addCell: (...cell) => cells.push(cell) } } } }"
    )
    panel = mount()
    button(panel, "Insert below").click()
    assert page.evaluate("() => window.cells") == [[CODE, "code"]]
    panel.get_by_text("Inserted below").wait_for()
    # There is no way to take it back from here.
    assert button(panel, "Undo").is_hidden()


def test_stop_and_regenerate_are_messages_there(page, mount):
    panel = mount(regenerate=lambda: None)
    button(panel, "Regenerate").click()
    assert page.evaluate("() => window.sent") == [HERE, {"do": "regenerate"}]
    assert button(panel, "Regenerate").is_disabled()


def test_with_insert_none_nothing_is_offered_to_insert(mount):
    panel = mount(insert="none")
    assert button(panel, "Insert below").is_hidden()
    assert panel.get_by_text("%cg2 accept").is_hidden()
    assert button(panel, "Copy").is_visible()


@pytest.mark.parametrize(("scheme", "ink"), [("light", "rgb(0, 0, 0)"), ("dark", "rgb(255, 255, 255)")])
def test_without_a_jupyter_theme_the_card_takes_the_colours_around_it(page, mount, scheme, ink):
    page.emulate_media(color_scheme=scheme)
    page.set_content('<html style="color-scheme: light dark"><body></body></html>')
    panel = mount()
    assert panel.evaluate("(root) => getComputedStyle(root).color") == ink
    assert panel.evaluate("(root) => getComputedStyle(root).backgroundColor") == "rgba(0, 0, 0, 0)"
