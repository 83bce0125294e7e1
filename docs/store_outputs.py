"""Copy the notebooks into docs/notebooks/ with their outputs, which the documentation shows.

``python docs/store_outputs.py`` takes over all text and runs the notebooks whose code has changed; with names
of notebooks it runs those. It wants what the tests want: `nox -s test --install-only` makes an environment.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
WRITTEN = HERE.parent / "notebooks"
STORED = HERE / "notebooks"


def main() -> None:
    """Update the copies."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these even if their code is as before")
    names = {Path(name).stem for name in parser.parse_args().names}
    STORED.mkdir(exist_ok=True)
    for path in sorted(WRITTEN.glob("*.ipynb")):
        print(f"{path.name}: {update(path, STORED / path.name, run=path.stem in names)}", flush=True)


def update(path: Path, stored: Path, *, run: bool = False) -> str:
    """Make one copy; what was done for it."""
    notebook = nbformat.read(path, as_version=4)
    kept = nbformat.read(stored, as_version=4) if stored.exists() else None
    if run or kept is None or code(kept) != code(notebook):
        execute(notebook)
        done = "run"
    else:
        outputs = {cell.id: cell for cell in kept.cells}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = outputs[cell.id].outputs
                cell.execution_count = outputs[cell.id].execution_count
        done = "outputs kept"
    nbformat.write(notebook, stored)
    return done


def code(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Give the code cells of a notebook with their ids."""
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run a notebook in an empty folder, and leave nothing in it that only this machine has."""
    language = dict(notebook.metadata.language_info)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            for output in cell.get("outputs", []):
                shorten(output, folder)
    notebook.metadata.language_info = language


def shorten(output: nbformat.NotebookNode, folder: str) -> None:
    """Take the names of folders and the terminal's overwritten lines out of an output."""
    texts = output.data if "data" in output else output
    for kind, text in texts.items():
        if isinstance(text, str):
            text = text.replace(f"{folder}/", "").replace(folder, ".").replace(str(Path.home()), "~")
            texts[kind] = re.sub(r"[^\n]*\r(?!\n)", "", text)


if __name__ == "__main__":
    main()
