"""From archives to documents: examples, notebooks, code of documentation pages, doctests, library code.

What is not a Python module is brought into one shape, the shape of a notebook as a text: cells in order,
joined by ``CELL``, prose as comments. So the model learns what follows an import cell.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.sources import Source, members

CELL = "\n\n# %%\n"
STDLIB = Source("python-stdlib", "of the interpreter", "PSF-2.0", "", "", weight=3.0)

EXAMPLES = re.compile(
    r"(^|/)(examples?|tutorials?|galler(y|ies)|auto_examples|plot_types|demos?|users_explain)/|/plot_",
    re.IGNORECASE,
)
TESTS = re.compile(r"(^|/)(tests?|testing|benchmarks?|asv_bench)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$")
SKIPPED = re.compile(
    r"(^|/)(_?vendor(ed(-\w+)?|_packages)?|extern(al|als)?|third_?party|node_modules|_?generated|migrations|locales?"
    r"|data|datasets/data|subprojects|idlelib|lib2to3|encodings|site-packages|pydoc_data|validators"
    r"|tools|\.[^/]*)/|(^|/)(_version|versioneer|setup)\.py$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Document:
    """One text: where it is from, its kind (``example``, ``function``, ``library``, ``test``), the text."""

    source: str
    path: str
    kind: str
    text: str


def documents(source: Source, archive: Path) -> Iterator[Document]:
    """Yield every document of one archive, before any filter."""
    for path, data in members(archive):
        yield from _of_file(source.name, path, data)


def standard_library() -> Iterator[Document]:
    """Yield the modules of the running interpreter's standard library."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        yield from _of_file(STDLIB.name, path.relative_to(root).as_posix(), path.read_bytes())


def _of_file(source: str, path: str, data: bytes) -> Iterator[Document]:
    suffix = Path(path).suffix
    if suffix not in {".py", ".ipynb", ".rst", ".md"} or SKIPPED.search(path):
        return
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return
    if suffix == ".ipynb":
        yield Document(source, path, "example", from_notebook(text))
    elif suffix in {".rst", ".md"}:
        yield Document(source, path, "example", from_prose(text))
    elif TESTS.search(path):
        yield Document(source, path, "test", text)
    elif EXAMPLES.search(path):
        yield Document(source, path, "example", from_script(text))
    else:
        yield Document(source, path, "library", text)
        yield Document(source, path + ":doctests", "example", from_docstrings(text))


def comment(prose: str, width: int = 88) -> str:
    """Return prose as comment lines: its first paragraph, without reST and Markdown marks."""
    paragraph = next((p for p in re.split(r"\n\s*\n", prose.strip()) if _is_sentence(p)), "")
    paragraph = re.split(r"\s*(?:\bExamples?:?\s*)?>>> ", paragraph)[0]
    plain = re.sub(r":[\w:+.-]+:`~?([^`<]*?)(\s*<[^>]*>)?`", r"\1", paragraph)
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    plain = re.sub(r"[`*#]+|^[=\-~^+_.\"]{3,}$", "", plain, flags=re.MULTILINE)
    plain = " ".join(plain.split())
    return "\n".join("# " + line for line in textwrap.wrap(plain[:400], width))


def _is_sentence(paragraph: str) -> bool:
    return bool(re.search(r"[A-Za-z]{3}", paragraph)) and not paragraph.lstrip().startswith(
        (".. ", ":", "|", "<")
    )


def _join(cells: list[str]) -> str:
    kept = [cell.strip("\n").rstrip() for cell in cells if cell.strip()]
    # A page of headings alone teaches nothing.
    if not any(line and not line.startswith("#") for cell in kept for line in cell.splitlines()):
        return ""
    return CELL.join(kept) + "\n"


def from_notebook(text: str) -> str:
    """Turn a notebook's JSON into cells; Markdown becomes a comment on top of the next code cell."""
    try:
        cells = json.loads(text)["cells"]
    except (ValueError, KeyError, TypeError):
        return ""
    made, heading = [], ""
    for cell in cells:
        source = cell.get("source", "")
        source = source if isinstance(source, str) else "".join(source)
        if cell.get("cell_type") == "markdown":
            heading = comment(source)
        elif cell.get("cell_type") == "code" and not source.lstrip().startswith("%%"):
            source = "\n".join(line for line in source.splitlines() if not re.match(r"\s*[%!]", line))
            if source.strip():
                made.append(f"{heading}\n{source}" if heading else source)
                heading = ""
    return _join(made)


def from_script(text: str) -> str:
    """Turn a gallery script into cells: split at ``# %%`` and at lines of ``#``, titles as comments."""
    title = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    first = tree.body[0] if tree.body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        lines = text.splitlines()
        body = "\n".join(lines[first.end_lineno :])
        prose = re.sub(r"^[=\-~^*#]{3,}\s*$", "\n", first.value.value, flags=re.MULTILINE)
        title = comment(prose)
        text = body
    cells = re.split(r"^#\s?%%.*\n|^#{20,}\s*\n", text, flags=re.MULTILINE)
    cells = [_short_comments(cell) for cell in cells]
    if title and cells:
        cells[0] = f"{title}\n{cells[0].lstrip()}"
    return _join(cells)


def _short_comments(cell: str) -> str:
    """Shorten the reST that opens a gallery's cell to a comment of one paragraph."""
    lines = cell.strip("\n").splitlines()
    count = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if count < 3:
        return "\n".join(lines)
    prose = "\n".join(re.sub(r"^# ?", "", line) for line in lines[:count])
    prose = re.sub(r"^[=\-~^*#]{3,}\s*$", "\n", prose, flags=re.MULTILINE)
    return "\n".join([comment(prose), *lines[count:]])


_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. (?:code-block|code|ipython|sourcecode|plot|jupyter-execute|testcode)::[^\n]*\n"
    r"(?:\s*:[^\n]*\n)*\n*(?P<rst>(?:(?P=indent) +[^\n]*\n|\s*\n)+)"
    r"|^```+ *\{?(?:python|py|ipython3?|code-cell[^\n]*)\b[^\n]*\n(?P<md_code>.*?)^```"
    r"|(?P<doctest>(?:^ *>>> [^\n]*\n(?:^ *[^\s][^\n]*\n)*)(?:\s*\n)*)"
    r"|^(?P<title>\S[^\n]{2,80})\n(?P<line>[=\-~^\"*+#])(?P=line){2,}[ ]*\n"
    r"|^\#{1,4}[ ](?P<md_title>[^\n]+)\n",
    re.MULTILINE | re.DOTALL,
)


def from_prose(text: str) -> str:
    """Turn a reST or Markdown page into cells: its code blocks and doctests, its headings as comments."""
    cells: list[str] = []
    heading = ""
    session: list[str] = []

    def close() -> None:
        if session:
            source = sources_of_doctest("\n".join(session))
            if source:
                add(source)
            session.clear()

    def add(code: str) -> None:
        nonlocal heading
        code = textwrap.dedent(code).strip("\n")
        if ">>> " in code:
            code = sources_of_doctest(code)
        code = "\n".join(re.sub(r"^(In \[\d+\]: |\.\.\. )", "", line) for line in code.splitlines())
        code = "\n".join(
            line for line in code.splitlines() if not re.match(r"\s*(@\w+ ?\w*$|[%!$]|:\w+:)", line)
        )
        if code.strip() and parses(code):
            cells.append(f"{heading}\n{code}" if heading else code)
            heading = ""

    for match in _BLOCK.finditer(text):
        if match["doctest"]:
            session.append(textwrap.dedent(match["doctest"]))
            continue
        close()
        if match["title"] or match["md_title"]:
            heading = comment(match["title"] or match["md_title"])
        else:
            add(match["rst"] or match["md_code"] or "")
    close()
    return _join(cells)


def sources_of_doctest(text: str) -> str:
    """Return the code of a doctest session without prompts and results."""
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        return ""
    return "".join(re.sub(r"\s*# ?doctest:.*", "", example.source) for example in examples)


def from_docstrings(text: str) -> str:
    """Turn a module's doctests into cells, each under the first sentence of its docstring."""
    if ">>> " not in text:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    cells = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring and ">>> " in docstring:
                code = sources_of_doctest(docstring)
                if code.strip() and parses(code):
                    cells.append(f"{comment(docstring)}\n{code}".lstrip("\n"))
    return _join(cells)


def with_short_docstrings(text: str, longest: int = 5) -> str:
    """Cut docstrings of more than ``longest`` lines down to their first paragraph.

    Half of the library code of scientific packages is reference prose. The model is for code, and its first
    sentence says most.
    """
    tree = parsed(text)
    if tree is None:
        return text
    lines = text.splitlines()
    gone: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if not (isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str)):
            continue
        assert first.end_lineno is not None
        top, bottom = first.lineno - 1, first.end_lineno - 1
        if bottom - top < longest or lines[bottom].strip() not in {'"""', "'''"}:
            continue
        empty = next((at for at in range(top + 1, bottom) if not lines[at].strip()), bottom)
        gone.update(range(empty, bottom))
    return "\n".join(line for at, line in enumerate(lines) if at not in gone) + "\n"


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree of Python code, without its warnings; None if it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def parses(code: str) -> bool:
    """Whether Python accepts the code."""
    return parsed(code) is not None
