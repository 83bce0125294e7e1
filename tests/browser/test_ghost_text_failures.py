"""Where ghost text fails, or can't be shown: the status item says so, and the page goes on as it was."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from tests.browser.serving import TOKEN
from tests.browser.typist import KERNEL, Typist
from tests.engines.stand_in import begin, reply, send, stand_in

pytestmark = pytest.mark.browser

# The kernel's clock is ours: a pause lasts until the test ends it.
CLOCK = """
ghosts, rings = get_ipython().magics_manager.registry["CG2"].ghosts, []
def start(pause, over):
    rings.append(over)
    return lambda: None
ghosts._pause._start = start
"""
BEGUN = "import numpy as np\nxs"
INLINE = "@jupyterlab/completer-extension"


def broken(handler, _):
    reply(handler, 500, {"error": {"message": "CUDA error: out of memory"}})


def well(handler, _):
    begin(handler)
    send(handler, "[DONE]")


@pytest.fixture
def typist(notebook):
    yield Typist(notebook)
    # The next test finds the extension as new, and the model there.
    notebook.add_and_run("%reload_ext cg2magic\n%config CG2.inline = False\n%cg2 load mini")
    Typist(notebook).wait_for("off")


def titled(typist, text):
    """Wait until the status item's explanation has this text."""
    typist.page.locator(f".cg2-InlineStatus button[title*={json.dumps(text)}]").wait_for()


def test_a_failing_server_is_shown_left_in_peace_and_comes_back_by_a_click(typist):
    with stand_in(answer=broken) as server:
        typist.notebook.add_and_run(f"%load_ext cg2magic\n%cg2 load {server.url}")
        typist.notebook.add_and_run(CLOCK)
        typist.switch_on()
        typist.listen()
        cell = typist.begin(BEGUN)
        typist.wait_for("failed")
        titled(typist, "CUDA error: out of memory. Click to try again.")
        assert typist.status.inner_text() == "cg2: failed"
        asked = len(typist.sent("ask")), len(server.requests)
        typist.keyboard.type("y = 12, 34")
        typist.notebook.add_and_run("rings[-1]()")
        assert (len(typist.sent("ask")), len(server.requests)) == asked
        # The pause is over: the next key asks, and that fails again.
        typist.notebook.select(cell)
        typist.keyboard.press("Control+End")
        typist.keyboard.type("z")
        typist.page.wait_for_function(f"() => sent.filter((it) => it.do === 'ask').length > {asked[0]}")
        typist.notebook.add_and_run("import time\nwhile len(rings) < 2:\n    time.sleep(0.05)")
        server.answer = well
        typist.status.click()
        typist.wait_for("ready")
        typist.status.click()
        typist.wait_for("off")


def test_what_was_unloaded_is_not_loaded_by_a_key_and_by_a_click_it_is(typist):
    typist.switch_on()
    typist.notebook.add_and_run("%cg2 unload")
    typist.wait_for("unloaded")
    assert typist.status.inner_text() == "cg2: no model"
    typist.listen()
    typist.begin(BEGUN)
    typist.keyboard.type("yz")
    assert typist.sent("ask") == []
    typist.status.click()
    typist.wait_for("ready")


@pytest.mark.parametrize("front_end", ["lab"], indirect=True)  # the connection is the same in both
def test_a_kernel_that_another_page_restarts_leaves_no_status_behind(typist):
    one = typist.notebook
    typist.switch_on()
    one.save()
    with one.second_page() as other:
        second = Typist(other)
        second.wait_for("ready")
        one.page.evaluate(f"() => {KERNEL}.restart()")
        second.status.wait_for(state="hidden")
        one.wait_until_back()
        other.add_and_run("%load_ext cg2magic")
        second.wait_for("off")


@pytest.mark.parametrize("front_end", ["lab"], indirect=True)
def test_what_was_said_while_a_connection_was_lost_is_asked_for(typist):
    one = typist.notebook
    typist.switch_on()
    one.save()
    with one.second_page() as other:
        second = Typist(other)
        second.wait_for("ready")
        other.page.evaluate(f"() => {KERNEL}._clearSocket()")
        one.add_and_run("%config CG2.inline = False")
        typist.wait_for("off")
        assert second.status.inner_text() == "cg2: ready"
        other.page.evaluate(f"async () => {{ await {KERNEL}.reconnect() }}")
        second.wait_for("off")


@pytest.mark.parametrize("front_end", ["lab"], indirect=True)  # Notebook shows one view
def test_a_second_view_of_a_notebook_has_suggestions_too(typist):
    typist.switch_on()
    first = typist.page.evaluate("() => jupyterapp.shell.currentWidget.id")
    typist.page.evaluate("() => jupyterapp.commands.execute('docmanager:clone')")
    typist.page.wait_for_function("(id) => jupyterapp.shell.currentWidget.id !== id", arg=first)
    typist.listen()

    def asks(text):
        typist.begin(text)
        # A new panel has no completer at once.
        typist.page.locator(".jp-mod-completer-enabled").last.wait_for()
        typist.keyboard.type("§")
        typist.page.wait_for_function("() => sent.some((it) => it.ask?.prefix.endsWith('§'))")
        typist.listen()

    asks(BEGUN + " = np.zeros")
    # It is closed, and the first one is as it was.
    typist.page.evaluate("() => jupyterapp.shell.currentWidget.close()")
    typist.page.wait_for_function("(id) => jupyterapp.shell.currentWidget?.id === id", arg=first)
    asks(BEGUN + " = np.ones")


SETTINGS = f"{INLINE}:inline-completer"
NOT_OURS = {"providers": {"cg2magic": {"enabled": False, "timeout": 5000, "debouncerDelay": 0}}}


@pytest.fixture
def settings(server):
    """Put what a person has set up onto the server; afterwards it is as before."""

    def put(content):
        raw = json.dumps({"raw": json.dumps(content)}).encode()
        url = f"{server.url}/lab/api/settings/{SETTINGS}?token={TOKEN}"
        headers = {"Content-Type": "application/json"}
        urlopen(Request(url, raw, headers, method="PUT"), timeout=60).close()

    yield put
    put({})


@pytest.mark.parametrize(
    ("disabled", "set_up", "says"),
    [
        ([SETTINGS], {}, f"jupyter labextension enable {SETTINGS}"),
        ([], NOT_OURS, "JupyterLab's settings, under Inline Completer"),
    ],
    ids=["disabled", "switched off"],
)
def test_where_the_page_cannot_show_them_the_item_says_why(notebook, settings, disabled, set_up, says):
    settings(set_up)
    notebook.add_and_run("%load_ext cg2magic")
    notebook.save()
    with notebook.beside(notebook.path.name) as other:
        other.disable(*disabled)
        other.open()
        typist = Typist(other)
        typist.wait_for("off")
        typist.status.click()
        typist.wait_for("hidden")
        titled(typist, says)
        assert typist.status.inner_text() == "cg2: not shown"
    notebook.add_and_run("%config CG2.inline = False")
    Typist(notebook).wait_for("off")


def test_what_throws_in_our_code_is_not_thrown_at_the_page(notebook):
    said = []
    notebook.page.on("console", lambda message: said.append(message.text))
    result = notebook.page.evaluate("""async () => {
      const { guarded } = await import('/lab/extensions/cg2magic/static/guard.js');
      const later = async () => { throw new Error("later"); };
      const now = guarded(() => { throw new Error("now"); }, false);
      return [now(), now(), await guarded(later, 3)(), guarded((x) => x + 1)(1)];
    }""")
    assert result == [False, False, 3, 2]
    assert len([line for line in said if "cg2magic: Error: now" in line]) == 1


def test_the_palette_shows_all_commands_where_the_completer_cannot_say_whether_it_is_active(notebook):
    """A JupyterLab of this version without `isActive` stands in for 4.2."""
    notebook.page.evaluate(f"""() => {{
      const {{ service }} = (jupyterapp.pluginRegistry ?? jupyterapp)._plugins.get('{INLINE}:manager');
      delete service.inline.isActive;
    }}""")
    notebook.page.keyboard.press("Control+Shift+C")
    palette = notebook.page.locator(".lm-CommandPalette")
    palette.wait_for()
    # Ours is the first category, at which the drawing broke off.
    palette.locator(".lm-CommandPalette-header").nth(12).wait_for(state="attached")
    assert palette.get_by_text("Accept the Next Word of the Suggestion").count() == 1
    notebook.page.keyboard.press("Escape")
