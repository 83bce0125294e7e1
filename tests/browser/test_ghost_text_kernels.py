"""Where there is nothing to suggest: kernels that restart, are dead, not Python, or not asked to."""

from __future__ import annotations

import pytest

from tests.browser.typist import KERNEL, Typist

pytestmark = pytest.mark.browser

# A load that is still going on, however fast the machine is.
ENDLESS = """
import threading
from cg2magic.service.manager import manager
manager().wake = threading.Event().wait
"""
BEGUN = "import numpy as np\n\n\ndef plot("


def watched(notebook):
    """A typist, and what the page complains of."""
    said = []
    notebook.page.on("console", lambda message: said.extend([message.text] * (message.type == "error")))
    notebook.page.on("pageerror", lambda error: said.append(error.stack))
    return Typist(notebook), said


def test_of_two_notebooks_only_the_one_that_is_switched_on_asks(notebook, own_notebook):
    one, (other, said) = Typist(notebook), watched(own_notebook())
    one.switch_on()
    one.listen()
    other.listen()
    other.begin(BEGUN)
    other.keyboard.type("x, ")
    # Its kernel has never heard of us: not a single message.
    assert other.sent() == []
    other.notebook.add_and_run("%load_ext cg2magic")
    other.wait_for("off")
    other.listen()
    other.begin(BEGUN)
    other.keyboard.type("x, ")
    assert other.sent() == []
    one.begin(BEGUN)
    assert one.suggestion()
    assert other.ghost.count() == 0
    notebook.add_and_run("%config CG2.inline = False")

    # Nor does a kernel that died while it loaded the model.
    other.notebook.add_and_run(ENDLESS + "%config CG2.inline = True")
    other.wait_for("loading")
    other.notebook.shut_down()
    other.status.wait_for(state="hidden")
    other.keyboard.type("x")
    assert other.sent("ask") == []
    assert [line for line in said if "cg2magic" in line] == []


def test_a_kernel_that_is_not_python_is_asked_for_nothing(own_notebook):
    typist, said = watched(own_notebook(kernel="echo"))
    typist.listen()
    shown = typist.notebook.add_and_run("%load_ext cg2magic")
    assert typist.notebook.output(shown).inner_text() == "%load_ext cg2magic"
    typist.begin(BEGUN)
    typist.keyboard.type("x, ")
    assert typist.status.is_hidden()
    assert typist.sent() == []
    asked = typist.notebook.path.parent / "asked.txt"
    assert not asked.exists() or "cg2magic" not in asked.read_text("utf-8")
    assert [line for line in said if "cg2magic" in line] == []


# The last one: the tests after it find a kernel without a model.
def test_a_kernel_that_restarts_while_a_suggestion_is_written_leaves_the_page_working(notebook):
    typist, said = watched(notebook)
    typist.switch_on()
    typist.begin("def mean(values):")
    typist.keyboard.press("Enter")
    typist.ghost.first.wait_for()
    typist.page.evaluate(f"() => {KERNEL}.restart()")
    typist.status.wait_for(state="hidden")
    typist.listen()
    typist.keyboard.type("return 1")
    assert typist.source() == "def mean(values):\n    return 1"
    assert typist.sent("ask") == []
    notebook.wait_until_back()
    notebook.add_and_run("%load_ext cg2magic")
    typist.wait_for("off")
    assert [line for line in said if "cg2magic" in line] == []
