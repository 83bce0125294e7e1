"""The button Continue: a suggestion that was cut or stopped goes on where it broke off."""

from __future__ import annotations

import pytest

from tests.browser.asking import button
from tests.browser.notebook_page import MODEL
from tests.endless import ENDLESS

pytestmark = pytest.mark.browser

PLOT = "import numpy as np\nimport matplotlib.pyplot as plt\n\n\ndef plot(x, y):\n"
# With the model that is loaded in `writing` there is time to press Stop.
LONG = f'%%complete {ENDLESS}\nimport numpy as np\n\ntext = """'


@pytest.fixture
def loaded(notebook):
    notebook.add_and_run("%load_ext cg2magic")
    return notebook


def state(panel, *names):
    """Wait until the panel is in one of these states."""
    panel.and_(panel.page.locator(",".join(f"[data-state={name}]" for name in names))).wait_for()


def told(panel, words):
    """Wait until the head of the panel says this."""
    panel.locator(".cg2-status").get_by_text(words).wait_for()


def code(panel):
    return panel.locator("pre:not(.cg2-behind)").inner_text().rstrip()


def test_what_was_cut_goes_on_at_the_keyboard_and_is_inserted(loaded):
    asked = loaded.add_and_run(f"%%complete -m 42 --context none\n{PLOT}")
    panel = loaded.panel(asked)
    state(panel, "done")
    first = code(panel)
    assert not first.endswith("=")  # a whole statement
    button(panel, "Continue").focus()
    loaded.page.keyboard.press("Enter")
    told(panel, "cut after 42 more tokens")
    state(panel, "done")
    longer = code(panel)
    assert longer.startswith(first)
    assert len(longer) > len(first)
    panel.get_by_label("heat map").check()
    panel.get_by_role("group", name="Tokens, by how likely they were").wait_for()
    panel.get_by_label("heat map").uncheck()

    before = loaded.sources()
    button(panel, "Insert below").click()
    panel.get_by_text("Inserted below").wait_for()
    assert loaded.sources()[-1] == longer
    button(panel, "Undo").click()
    assert loaded.sources() == before
    button(panel, "Regenerate").click()
    told(panel, "cut at 42 tokens")
    assert not code(panel).startswith(longer)


def test_of_several_that_were_stopped_the_one_in_sight_goes_on(writing):
    asked = writing.add_and_run(LONG)
    panel = writing.panel(asked)
    state(panel, "writing")
    panel.get_by_role("tab").nth(1).click()
    assert not button(panel, "Continue").is_visible()
    button(panel, "Stop").click()
    state(panel, "stopped")
    # When the finished card is stored, its output may be drawn anew, just under a click.
    writing.page.wait_for_function(
        f"() => JSON.stringify({MODEL}.cells.map((cell) => cell.toJSON())).includes('stopped')"
    )
    texts = panel.locator("pre.cg2-code").all_inner_texts()
    button(panel, "Continue").click()
    writing.page.wait_for_function(
        "([panel, before]) => panel.querySelectorAll('pre.cg2-code')[1].innerText.length > before.length",
        arg=[panel.element_handle(), texts[1]],
    )
    # To the end it would take minutes on a busy machine.
    writing.add_and_run("from cg2magic.service.manager import manager\nmanager().cancel()")
    state(panel, "stopped", "done")
    assert panel.get_by_role("tab", selected=True).inner_text().startswith("2")
    now = panel.locator("pre.cg2-code").all_inner_texts()
    assert [now[0], *now[2:]] == [texts[0], *texts[2:]]
    assert now[1].startswith(texts[1].rstrip())
    assert len(now[1]) > len(texts[1])


def test_what_has_ended_or_is_edited_is_not_continued(loaded):
    asked = loaded.add_and_run("%%complete --stop '(' --context none\nimport numpy as np\nx = np.zer")
    panel = loaded.panel(asked)
    state(panel, "done")
    assert not button(panel, "Continue").is_visible()

    asked = loaded.add_and_run(f"%%complete -m 8 --context none\n{PLOT}")
    panel = loaded.panel(asked)
    state(panel, "done")
    button(panel, "Edit").click()
    assert not button(panel, "Continue").is_visible()
    button(panel, "Edit").click()
    assert button(panel, "Continue").is_visible()
