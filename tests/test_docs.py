"""The README and the pages of docs/: short enough, no link leads nowhere, and the notebooks are the same."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cg2magic"
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
STORED = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
CARDS = [PACKAGE / "models" / "mini" / "README.md", ROOT / "training" / "README.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(path: Path) -> str:
    """Give a page's text, or that of a notebook's cells, without code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path: Path) -> set[str]:
    """Give the names that the headings of a page can be linked by."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_readme_can_be_read_in_five_minutes():
    assert len(README.read_bytes()) < 12_000


def test_the_readme_gives_the_two_commands_that_ci_runs():
    begin = "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s"
    lines = README.read_text(encoding="utf-8").splitlines()
    assert f"{begin} demo" in lines
    assert f"{begin} test" in lines


@pytest.mark.parametrize(
    "page", [README, *PAGES, *NOTEBOOKS, *STORED, *CARDS], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_link_to_a_file_or_heading_leads_somewhere(page):
    lost = []
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert not lost


def test_every_page_can_be_reached_from_the_first_one():
    reached, ahead = set(), [ROOT / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        trees = re.findall(
            r"^```\{toctree\}.*?^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
        names = [name for tree in trees for name in re.findall(r"^[\w/]+$", tree, re.MULTILINE)]
        places = [page.parent / f"{name}{end}" for name in names for end in (".md", ".ipynb")]
        ahead += [place for place in places if place.exists() and place not in reached]
    assert reached >= {*PAGES, *STORED}


def store_outputs():
    """Load the script that makes the copies."""
    spec = importlib.util.spec_from_file_location("store_outputs", ROOT / "docs" / "store_outputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_in_the_docs_is_the_same_with_outputs_and_without_errors(path):
    written, stored = (
        store_outputs().written(path),
        nbformat.read(ROOT / "docs" / "notebooks" / path.name, as_version=4),
    )
    nbformat.validate(stored)
    update = "run `python docs/store_outputs.py`"
    assert [(cell.id, cell.source) for cell in stored.cells] == [
        (cell.id, cell.source) for cell in written.cells
    ], update
    found = [output for cell in stored.cells for output in cell.get("outputs", [])]
    assert found, update
    for output in found:
        assert output.output_type != "error", output
        assert output.get("name") != "stderr", output
        assert not [kind for kind in output.get("data", {}) if "widget" in kind], output


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_no_output_in_the_docs_names_a_folder_of_the_machine_it_was_made_on(path):
    assert not re.search(r"/(root|home|Users|work|tmp)/", path.read_text(encoding="utf-8"))


def test_what_the_page_on_architecture_names_is_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    names = re.findall(r"`([a-z_0-9]+(?:/[a-z_0-9]*)*(?:/|\.py))`", rows)
    assert names
    assert not [name for name in names if not (PACKAGE / name).exists() and not (ROOT / name).exists()]
