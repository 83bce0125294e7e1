"""Take the pictures of the documentation: a real model writes in a real JupyterLab, in Chromium.

``nox -s pictures -- MODEL`` with a model: a folder in transformers' layout, or a GGUF. What it writes depends
on the machine as well, so look at the pictures before you commit them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from tests.browser.notebook_page import NotebookPage
from tests.browser.serving import CHROMIUM_FLAGS, TOKEN, serve
from tests.browser.typist import GHOST, Typist

if TYPE_CHECKING:
    from playwright.sync_api import Locator

PICTURES = Path(__file__).resolve().parent / "_static"
#: The notebook that the model sees above each cell.
SALES = """import pandas as pd
sales = pd.DataFrame({"region": ["north", "south", "north"], "year": [2024, 2024, 2025],
                      "revenue": [120.0, 90.5, 140.2]})"""
CANDIDATES = '''%%infill -n 3 -t 0.4 --seed 5 -m 64
def count_words(path):
    """Count how often each word occurs in a text file."""
    |
    return counts'''
CHECK = """%%complete -n 6 -t 0.9 --seed 3 -m 60 --check "assert is_leap(2000) and not is_leap(1900)"
def is_leap(year):"""
LIKELY = "%%complete -m 40\n# the mean revenue of each region\n"
TYPED = "def mean_revenue(sales, region):"
DARK = '''def slugify(title):
    """Turn a title such as "Hello, World!" into "hello-world"."""
'''


class Studio:
    """A notebook with the model loaded, which the scenes share."""

    def __init__(self, notebook: NotebookPage, model: Path) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.typist = Typist(notebook)
        notebook.add_and_run(f"%load_ext cg2magic\n%cg2 load {model}\n{SALES}")
        self.typist.status.wait_for()

    def fresh(self) -> str:
        """Leave only the cell that made the data, and give its id."""
        self.notebook.clear()
        return self.notebook.add_and_run(SALES)

    def done(self, cell: str) -> Locator:
        """Wait until a cell's panel is written and checked."""
        panel = self.notebook.panel(cell)
        panel.and_(self.page.locator("[data-state=done]")).wait_for(timeout=300_000)
        return panel

    def ask(self, source: str) -> tuple[str, Locator]:
        """Run a cell, and give its id and its panel."""
        cell = self.notebook.add_and_run(source)
        return cell, self.done(cell)

    def take(self, name: str, *parts: Locator, margin: int = 4) -> None:
        """Keep the part of the page that these are in."""
        self.page.wait_for_timeout(400)  # of what moves or fades
        boxes = [box for box in (part.bounding_box() for part in parts) if box]
        left, top = (min(box[side] for box in boxes) - margin for side in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes) + margin
        bottom = max(box["y"] + box["height"] for box in boxes) + margin
        clip: Any = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        self.page.screenshot(path=PICTURES / f"{name}.png", clip=clip)


def panel(studio: Studio) -> None:
    """Several candidates for a hole."""
    cell, _ = studio.ask(CANDIDATES)
    studio.take("panel", studio.notebook.cell(cell))


def heat_map(studio: Studio) -> None:
    """How likely each token was, and what else was likely."""
    cell, card = studio.ask(LIKELY)
    card.get_by_role("checkbox", name="heat map").check()
    token = card.locator(".cg2-heat .cg2-token").nth(4)
    token.click()
    studio.take("heat_map", studio.notebook.cell(cell))


def check(studio: Studio) -> None:
    """Candidates that were run with a check."""
    studio.notebook.add_and_run("%cg2 allow unconfined")
    cell, _ = studio.ask(CHECK)
    studio.take("check", studio.notebook.cell(cell))


def ghost_text(studio: Studio) -> None:
    """A suggestion while somebody types."""
    studio.notebook.add_and_run("%config CG2.inline = True")
    studio.typist.wait_for("ready")
    above = studio.fresh()
    cell = studio.typist.begin(TYPED)
    studio.typist.keyboard.press("Enter")
    studio.page.wait_for_timeout(3000)
    if not studio.page.locator(GHOST).count():
        studio.typist.keyboard.press("Alt+\\")  # the model was not sure enough by itself
    studio.typist.suggestion()
    studio.take("ghost_text", studio.notebook.cell(above), studio.notebook.cell(cell))
    studio.notebook.add_and_run("%config CG2.inline = False")


def menu(studio: Studio) -> None:
    """The menu behind the status item."""
    size = studio.page.viewport_size
    studio.page.set_viewport_size({"width": 1400, "height": 700})  # so that nothing lies over another
    studio.page.get_by_role("button", name="Model and suggestions").click()
    studio.page.locator(".lm-Menu-item").filter(has_text="Model").hover()
    studio.page.locator(".lm-Menu-item").filter(has_text="on this disk").first.wait_for()
    bar = studio.page.locator(".cg2-InlineStatus")
    studio.take("menu", *studio.page.locator(".lm-Menu").all(), bar)
    for _ in range(2):
        studio.page.keyboard.press("Escape")
    if size:
        studio.page.set_viewport_size(size)


def dark(studio: Studio) -> None:
    """A cell without a magic, completed by a key, in a dark theme."""
    theme = "(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })"
    studio.page.evaluate(theme, "JupyterLab Dark")
    cell = studio.typist.begin(DARK)
    studio.typist.keyboard.press("Alt+Shift+Enter")
    studio.done(cell)
    studio.take("dark", studio.notebook.cell(cell))


SCENES: tuple[Callable[[Studio], None], ...] = (panel, heat_map, check, ghost_text, menu, dark)


def main() -> None:
    """Take them, or those that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model: a folder or a GGUF")
    known = [scene.__name__ for scene in SCENES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(known)}")
    args = parser.parse_args()
    chromium = os.environ.get("CG2MAGIC_CHROMIUM") or shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        size = {"width": 960, "height": 700}
        notebook = NotebookPage.create(
            browser, server.url, server.root, TOKEN, "lab", "pictures", viewport=size, device_scale_factor=1.5
        )
        notebook.page.set_default_timeout(600_000)  # loading may quantize the model first
        notebook.clear()
        studio = Studio(notebook, args.model.absolute())
        for scene in SCENES:
            if not args.names or scene.__name__ in args.names:
                studio.fresh()
                scene(studio)
        browser.close()


if __name__ == "__main__":
    main()
