"""A notebook in a browser, handled as a person handles it; what the document holds is read from its model."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

MODEL = "globalThis.jupyterapp.shell.currentWidget.context.model.sharedModel"


class NotebookPage:
    """One open notebook.

    Attributes
    ----------
    page : playwright.sync_api.Page
    path : pathlib.Path
        The notebook's file; its folder is the kernel's.
    errors : list of str
        What our code threw in the page.
    """

    def __init__(self, page: Page, path: Path, url: str) -> None:
        self.page = page
        self.path = path
        self.url = url
        self.errors: list[str] = []
        # A widget's module is a blob; what the notebook itself stumbles over is not ours.
        page.on("pageerror", lambda error: self.errors.extend([error.stack] * ("blob:" in error.stack)))

    @classmethod
    def create(
        cls,
        browser: Browser,
        server: str,
        root: Path,
        token: str,
        front_end: str,
        name: str,
        *,
        kernel: str = "python3",
        disabled: Sequence[str] = (),
        **context: Any,
    ) -> NotebookPage:
        """Make an empty notebook of that name and open it, in a page without what is disabled there."""
        path = root / f"{front_end}-{name}" / "notebook.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            language = "python" if kernel == "python3" else kernel
            spec = {"name": kernel, "display_name": kernel, "language": language}
            metadata = {"kernelspec": spec, "language_info": {"name": language}}
            content = {"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
            path.write_text(json.dumps(content), encoding="utf-8")
        where = path.relative_to(root).as_posix()
        lab = f"{server}/doc/workspaces/{front_end}-{name}/tree/{where}"
        url = f"{lab if front_end == 'lab' else f'{server}/notebooks/{where}'}?token={token}"
        context.setdefault("viewport", {"width": 1100, "height": 900})
        tab = browser.new_context(**context).new_page()
        tab.set_default_timeout(60_000)
        notebook = cls(tab, path, url)
        if disabled:
            notebook.disable(*disabled)
        notebook.open()
        return notebook

    def disable(self, *extensions: str) -> None:
        """Have the page without these when it is opened, as `jupyter labextension disable` does."""
        self.page.add_init_script(f"""document.addEventListener("readystatechange", () => {{
          const data = document.getElementById("jupyter-config-data");
          if (!data || document.readyState !== "interactive") return;
          const config = JSON.parse(data.textContent);
          config.disabledExtensions = [...(config.disabledExtensions ?? []), ...{json.dumps(extensions)}];
          data.textContent = JSON.stringify(config);
        }});""")

    @contextlib.contextmanager
    def second_page(self) -> Iterator[NotebookPage]:
        """Open what is saved in another page, on the same kernel."""
        with self.beside(self.path.name) as other:
            other.open()
            yield other

    @contextlib.contextmanager
    def beside(self, name: str) -> Iterator[NotebookPage]:
        """Make a page for a file in the notebook's folder."""
        path = self.path.with_name(name)
        other = NotebookPage(self.page.context.new_page(), path, self.url.replace(self.path.name, name))
        other.page.set_default_timeout(60_000)
        try:
            yield other
        finally:
            other.page.close()

    def open(self, *, kernel: bool = True) -> None:
        """Load the page and wait for the notebook, and for its kernel where it has one."""
        self.page.goto(self.url)
        self.page.locator(".jp-Notebook").wait_for()
        if kernel:
            self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait for the kernel."""
        session = "globalThis.jupyterapp?.shell.currentWidget?.context?.sessionContext?.session"
        self.page.wait_for_function(f"() => {session}?.kernel?.status === 'idle'")

    def wait_until_back(self) -> None:
        """Wait for a kernel that was restarted.

        A page may miss that it is idle (seen once, on a busy machine); the answer to what it sends says so.
        """
        kernel = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        self.page.evaluate(f"async () => {{ await {kernel}.requestKernelInfo() }}")
        self.wait_until_idle()

    def shut_down(self) -> None:
        """End the kernel, as the server's owner may; a page may have none."""
        session = "jupyterapp.shell.currentWidget.context.sessionContext.session"
        self.page.evaluate(
            f"async () => {session} && jupyterapp.serviceManager.sessions.shutdown({session}.id)"
        )

    def close(self) -> None:
        """Close the tab and all it keeps."""
        self.page.context.close()

    def clear(self) -> None:
        """Start over with one empty cell and no settings, and remove what gates the last test left."""
        for gate in self.path.parent.glob("*.gate"):
            gate.unlink()
        # A test that failed may have left a cell that runs.
        kernel = "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        if self.page.evaluate(f"() => {kernel}.status") != "idle":
            self.page.evaluate(f"() => {kernel}.interrupt()")
            self.wait_until_idle()
        self.page.evaluate(
            f"() => {{ const m = {MODEL}; m.deleteMetadata('cg2magic');"
            " m.deleteCellRange(0, m.cells.length); }"
        )
        self.errors.clear()

    def let(self, gate: str) -> None:
        """Let a job that waits for this gate go on."""
        (self.path.parent / gate).touch()

    # The document.

    def cells(self) -> list[dict[str, Any]]:
        """Read all cells as the document holds them."""
        return self.page.evaluate(f"() => {MODEL}.cells.map((cell) => cell.toJSON())")

    def sources(self) -> list[str]:
        """Read the text of all code cells, in order, without the empty ones."""
        return [cell["source"] for cell in self.cells() if cell["source"].strip()]

    def add(self, source: str) -> str:
        """Put a code cell at the end and give its id."""
        new = f"{MODEL}.insertCell({MODEL}.cells.length, {{cell_type: 'code', source, metadata: {{}}}}).id"
        return self.page.evaluate(f"(source) => {new}", source)

    def index(self, cell: str) -> int:
        """Where a cell stands."""
        return self.page.evaluate(f"(id) => {MODEL}.cells.findIndex((cell) => cell.id === id)", cell)

    # The page.

    def cell(self, cell: str) -> Locator:
        """A cell on the page, wherever it moves."""
        mark = "jupyterapp.shell.currentWidget.content.widgets[index].node.dataset.testCell = id"
        self.page.evaluate(f"([id, index]) => {mark}", [cell, self.index(cell)])
        return self.page.locator(f'.jp-CodeCell[data-test-cell="{cell}"]')

    def select(self, cell: str) -> None:
        """Click into a cell's text."""
        self.cell(cell).locator(".cm-content").click()

    def run(self, cell: str, *, wait: bool = True) -> Locator:
        """Click into a cell, press Ctrl-Enter, and give its output."""
        self.select(cell)
        self.page.keyboard.press("Control+Enter")
        if wait:
            self.wait_until_run(cell)
        return self.cell(cell).locator(".jp-OutputArea").first

    def wait_until_run(self, cell: str) -> None:
        """Wait until a cell has an execution count."""
        find = f"{MODEL}.cells.find((cell) => cell.id === id)"
        self.page.wait_for_function(f"(id) => Number.isInteger({find}?.execution_count)", arg=cell)

    def output(self, cell: str) -> Locator:
        """What a cell printed."""
        return self.cell(cell).locator(".jp-OutputArea-output")

    def panel(self, cell: str) -> Locator:
        """The panel in a cell's output."""
        return self.cell(cell).get_by_role("group", name="Suggestion by")

    def add_and_run(self, source: str, *, wait: bool = True) -> str:
        """Put a cell at the end and run it."""
        cell = self.add(source)
        self.run(cell, wait=wait)
        return cell

    def save(self) -> dict[str, Any]:
        """Save the notebook, and read its file."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_function("() => !globalThis.jupyterapp.shell.currentWidget.context.model.dirty")
        return json.loads(self.path.read_text(encoding="utf-8"))

    def picture(self, path: Path) -> None:
        """Keep what is on the page; a page that hangs must not hide why the test failed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Exception):
            self.page.screenshot(path=path)
