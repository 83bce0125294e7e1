"""Somebody who types in a cell, and what the page shows and asks meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser.notebook_page import NotebookPage

# Where a suggestion was, its room is kept for a moment.
GHOST = '.jp-GhostText[data-provided-by="cg2magic"]:not([class*="Spacer"])'
KERNEL = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"


class Typist:
    """Types in a notebook; what the page sends to the kernel is written down."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.keyboard = notebook.page.keyboard
        self.ghost = self.page.locator(GHOST)
        self.status = self.page.get_by_role("button", name="Suggestions while typing")

    def listen(self) -> None:
        """Write down from now on what the page sends."""
        self.page.evaluate(f"""() => {{
          if (!globalThis.sent) {KERNEL}.anyMessage.connect((_, {{ msg, direction }}) => {{
            const {{ data, target_name: target = null }} = msg.content;
            if (direction === "send") sent.push({{ type: msg.header.msg_type, ...data, target }});
          }});
          globalThis.sent = [];
        }}""")

    def sent(self, do: str | None = None) -> list[dict[str, Any]]:
        """Give what our extension has sent since; all of it, or what it asked for with this word."""
        sent = self.page.evaluate("() => globalThis.sent")
        ours = [each for each in sent if each["type"] == "comm_msg" or each["target"] == "cg2magic.inline"]
        return [message for message in ours if do is None or message.get("do") == do]

    def switch_on(self, floor: float | None = 0.0) -> None:
        """Load the extension and switch suggestions on; without a floor, so that something is suggested."""
        self.notebook.add_and_run(
            f"%load_ext cg2magic\n%config CG2.inline_floor = {floor}\n%config CG2.inline = True"
        )
        self.wait_for("ready")

    def wait_for(self, state: str) -> None:
        """Wait until the status item says so."""
        self.page.locator(f".cg2-InlineStatus button[data-state={state}]").wait_for()

    def begin(self, text: str, after: str = "") -> str:
        """Put the cursor into a new cell, between two texts, and type the end of the first one."""
        lines = after.count("\n")
        self.cell = self.notebook.add(text[:-1] + after)
        self.notebook.select(self.cell)
        self.keyboard.press("Control+End")
        for _ in range(lines):
            self.keyboard.press("ArrowUp")
        self.keyboard.press("End")
        for _ in after.partition("\n")[0]:
            self.keyboard.press("ArrowLeft")
        self.keyboard.type(text[-1])
        return self.cell

    def source(self) -> str:
        """What is in the cell now."""
        return next(cell["source"] for cell in self.notebook.cells() if cell["id"] == self.cell)

    def suggestion(self) -> str:
        """Wait until a suggestion is written, and give it."""
        self.ghost.first.wait_for()
        streaming = ".jp-GhostText-streamingIndicator"
        self.page.wait_for_function(
            "([ghost, streaming]) => { const it = document.querySelector(ghost);"
            " return it && !it.querySelector(streaming) }",
            arg=[GHOST, streaming],
        )
        # textContent knows no line breaks.
        return self.page.evaluate("(ghost) => document.querySelector(ghost).innerText", GHOST)

    def wait_for_ghost(self, text: str) -> None:
        """Wait until this is what is suggested."""
        self.page.wait_for_function(
            "([ghost, text]) => document.querySelector(ghost)?.innerText === text", arg=[GHOST, text]
        )
