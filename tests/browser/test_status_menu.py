"""The menu behind the status item: when to suggest, here and everywhere, and which model."""

from __future__ import annotations

import pytest

from tests.browser.typist import Typist

pytestmark = pytest.mark.browser


@pytest.fixture
def typist(notebook):
    typist = Typist(notebook)
    notebook.add_and_run("%load_ext cg2magic\n%config CG2.inline = False\n%cg2 load mini")
    typist.wait_for("off")
    yield typist
    # The kernel may be that of the next file's tests, too.
    notebook.add_and_run("%config CG2.inline = False\n%config CG2.inline_on_demand = False")
    typist.wait_for("off")


def choose(typist, *labels):
    """Open the menu and its menus, and click the last one."""
    typist.page.get_by_role("button", name="Model and suggestions").filter(visible=True).click()
    for label in labels[:-1]:
        typist.page.locator(".lm-Menu-item").filter(has_text=label).hover()
    typist.page.locator(".lm-Menu-item").filter(has_text=labels[-1]).first.click()


def test_on_demand_only_the_key_suggests(typist):
    choose(typist, "Suggestions on Demand")
    typist.wait_for("demand")
    typist.listen()
    typist.begin("import numpy as np\nx = np.")
    typist.keyboard.press("Alt+\\")
    typist.suggestion()
    assert [each["ask"]["by_hand"] for each in typist.sent("ask")] == [True]
    choose(typist, "Suggestions While Typing")
    typist.wait_for("ready")
    choose(typist, "No Suggestions")
    typist.wait_for("off")


def test_a_model_on_this_disk_is_loaded_by_a_click(typist):
    typist.notebook.add_and_run("%cg2 unload")
    choose(typist, "Model", "mini (")
    loaded = typist.notebook.add_and_run(
        "import time\n"
        "from cg2magic.service.manager import manager\n"
        "while not manager().holds_a_model:\n    time.sleep(0.05)\n"
        "print(manager().status().model.name)"
    )
    typist.notebook.output(loaded).get_by_text("mini").wait_for()


def test_before_a_download_its_size_and_licence_are_shown_and_nothing_is_loaded_without_a_yes(typist):
    typist.listen()
    choose(typist, "Model", "to download")
    dialog = typist.page.get_by_role("dialog")
    dialog.get_by_text("will be downloaded from").wait_for()
    dialog.get_by_text("Licence: ").wait_for()
    dialog.get_by_role("button", name="Cancel").click()
    dialog.wait_for(state="hidden")
    assert typist.sent("load") == []


def test_what_is_so_in_every_notebook_is_kept_in_the_settings(typist):
    choose(typist, "Suggestions on Demand")
    typist.wait_for("demand")
    choose(typist, "The Same in Every Notebook")
    read = "async () => (await jupyterapp.serviceManager.settings.fetch('cg2magic:extension')).raw"
    typist.page.wait_for_function(f"async () => (await ({read})()).includes('on demand')")
    choose(typist, "The Same in Every Notebook")
    typist.page.wait_for_function(f"async () => !(await ({read})()).includes('on demand')")
