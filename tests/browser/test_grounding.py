"""What the panel says of names: corrected ones and unknown ones, with the real model in a real page."""

from __future__ import annotations

import pytest

from tests.browser.test_heat_map import picture, tokens

pytestmark = pytest.mark.browser


@pytest.fixture
def asked(notebook):
    """Run a cell, ask for a line, and wait for it; gives the panel."""

    def ask(setup, source):
        notebook.add_and_run("%load_ext cg2magic")
        notebook.add_and_run(setup)
        panel = notebook.panel(notebook.add_and_run(source))
        panel.and_(notebook.page.locator("[data-state=done]")).wait_for(timeout=60_000)
        return panel

    return ask


def test_a_corrected_name_is_counted_and_its_token_is_marked(notebook, asked):
    panel = asked(
        'limits = {"max_depth_m": 30}', '%%complete --context cell --stop "\\n"\ndepth = limits["max_'
    )
    assert 'limits["max_depth_m"]' in panel.locator("pre").first.inner_text()
    assert "1 name corrected" in panel.locator(".cg2-status").inner_text()
    panel.get_by_role("checkbox", name="heat map").check()
    marked = panel.locator(".cg2-corrected")
    marked.first.wait_for()
    assert marked.first.get_attribute("aria-label").endswith(
        "the model wanted a name that is not in this kernel"
    )
    assert tokens(panel).count() > marked.count()
    marked.first.click()
    panel.get_by_text("· corrected").wait_for()
    picture(notebook, "grounding-corrected")


def test_an_unknown_name_is_underlined_and_says_why(notebook, asked):
    panel = asked('table = {"\u4e16\u754c": 1}', '%%complete --context cell --stop "\\n"\nvalue = table["')
    assert "1 name not found in this kernel" in panel.locator(".cg2-status").inner_text()
    name = panel.get_by_title("not found in this kernel", exact=True)
    assert name.count() == 1
    assert f'table["{name.inner_text()}"' in panel.locator("pre").first.inner_text()
    look = "(name) => getComputedStyle(name).textDecorationStyle"
    assert name.evaluate(look) == "dotted"
    picture(notebook, "grounding-unknown")


def test_a_cell_that_was_not_run_frees_its_names(notebook, asked):
    notebook.add("limits = read_limits()")
    panel = asked(
        "limits = {'max_depth_m': 30}",
        '%%complete --context cell --stop "\\n"\nvalue = 1\ndepth = limits["max_',
    )
    assert "max_depth_m" not in panel.locator("pre").first.inner_text()
    assert panel.get_by_text("corrected").count() == 0
