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
    notebook = written(path)
    kept = nbformat.read(stored, as_version=4) if stored.exists() else None
    if run or kept is None or code(kept) != code(notebook):
        execute(notebook)
        done = "run"
    else:
        stored_cells = {cell.id: cell for cell in kept.cells}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = stored_cells[cell.id].outputs
                cell.execution_count = stored_cells[cell.id].execution_count
        done = "outputs kept"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = tidy(cell.outputs)
    nbformat.write(notebook, stored)
    return done


def written(path: Path) -> nbformat.NotebookNode:
    """Read a notebook, with the links that it has in its place among the pages of the documentation."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../docs/", "](../")
    return notebook


def code(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Give the code cells of a notebook with their ids."""
    return [(cell.id, cell.source) for cell in notebook.cells if cell.cell_type == "code"]


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run a notebook in an empty folder, and leave no name of a folder of this machine in it."""
    language = notebook.metadata.language_info
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}}).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            for output in cell.get("outputs", []):
                texts = output.data if "data" in output else output
                for kind, text in texts.items():
                    if isinstance(text, str):
                        plain = text.replace(f"{folder}/", "").replace(folder, ".")
                        texts[kind] = plain.replace(str(Path.home()), "~")
    notebook.metadata.language_info = language
    notebook.metadata.pop("widgets", None)


def tidy(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Drop progress bars, and join what was printed in pieces."""
    kept: list[nbformat.NotebookNode] = []
    for output in outputs:
        if any("widget-view" in kind for kind in output.get("data", {})):
            continue
        if kept and output.output_type == kept[-1].output_type == "stream" and output.name == kept[-1].name:
            kept[-1].text += output.text
        else:
            kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text.replace("\r\n", "\n"))
    return kept


if __name__ == "__main__":
    main()
