"""Front ends that draw the panel and can't store it, or can't draw it, played by a client of a kernel."""

from __future__ import annotations

import pytest

from tests.frontends.inline.page import kernel_and_page

VIEW = "application/vnd.jupyter.widget-view+json"
GRACE = "import cg2magic.frontends.panel.standby as standby; standby._GRACE = 0.1"


@pytest.fixture(scope="module")
def page():
    with kernel_and_page() as page:
        page.run("%load_ext cg2magic\n" + GRACE)
        yield page


def displayed(page, kind, wanted):
    """Wait for an output of this kind for which something is true."""
    while True:
        message = page.client.iopub_channel.get_msg(timeout=100)
        if message["msg_type"] == kind and wanted(message["content"]["data"]):
            return message["content"]["data"]


def test_the_finished_card_becomes_the_output_together_with_the_view_that_is_drawn(page):
    page.start("%%complete -m 4\nimport numpy as np\nx = np.", "cell")
    first = displayed(page, "display_data", lambda data: VIEW in data)
    custom = {"method": "custom", "content": {"do": "here", "stores": False}}
    comm = {"comm_id": first[VIEW]["model_id"], "data": custom}
    page.client.shell_channel.send(page.session.msg("comm_msg", comm))
    # Where that is heard only after the time for it, the card has lost its view in between.
    last = displayed(
        page, "update_display_data", lambda data: VIEW in data and "mean probability" in data["text/plain"]
    )
    assert last[VIEW] == first[VIEW]
    assert "x = np." in last["text/plain"]
    assert "cg2-saved" in last["text/html"]


def test_where_no_page_draws_it_the_card_takes_its_place_with_a_hint(page):
    page.start("%%complete -m 4\nimport numpy as np\nx = np.", "cell")
    last = displayed(page, "update_display_data", lambda data: "mean probability" in data["text/plain"])
    assert VIEW not in last
    assert "pip install anywidget ipywidgets" in last["text/plain"]


def test_a_console_that_closes_what_it_cannot_draw_gets_the_finished_text(page):
    # As qtconsole does: it names no cell, and closes each comm that it doesn't know.
    page.start("%%complete -m 4\nimport numpy as np\nx = np.", "")
    first = displayed(page, "display_data", lambda data: VIEW in data)
    close = page.session.msg("comm_close", {"comm_id": first[VIEW]["model_id"], "data": {}})
    page.client.shell_channel.send(close)
    last = displayed(page, "display_data", lambda data: "mean probability" in data["text/plain"])
    assert VIEW not in last
    assert "x = np." in last["text/plain"]
    assert "%cg2 accept puts it into the next prompt" in last["text/plain"]
