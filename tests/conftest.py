"""What every test stands on: a home of its own, no network, a real IPython, and no silent skips in CI."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Some of these are read once, when huggingface_hub, torch or Jupyter are imported: set before any of them is.
_SESSION_HOME = tempfile.TemporaryDirectory(prefix="cg2magic-tests-")
_HOME = Path(_SESSION_HOME.name)
os.environ |= {
    "HOME": str(_HOME),
    "USERPROFILE": str(_HOME),
    "XDG_CACHE_HOME": str(_HOME / "cache"),
    "XDG_CONFIG_HOME": str(_HOME / "config"),
    "XDG_DATA_HOME": str(_HOME / "data"),
    "IPYTHONDIR": str(_HOME / "ipython"),
    "JUPYTER_CONFIG_DIR": str(_HOME / "jupyter-config"),
    "JUPYTER_DATA_DIR": str(_HOME / "jupyter-data"),
    "JUPYTER_RUNTIME_DIR": str(_HOME / "jupyter-runtime"),
    "JUPYTER_PREFER_ENV_PATH": "1",
    "HF_HOME": str(_HOME / "huggingface"),
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # A bar comes after half a second: on a busy machine, and on no other, it would stand in what is printed.
    "TQDM_DISABLE": "1",
}
for _name in ("PYTHONSTARTUP", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_CACHE"):
    os.environ.pop(_name, None)
# The models of the tests are small: a second thread only waits, above all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.needs import IN_CI, find_chromium, need, told  # noqa: E402 - it imports the package

# A shared machine has slow moments; they are not what these tests are about.
settings.register_profile(
    "cg2magic",
    settings.get_profile("ci" if IN_CI else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("cg2magic")


#: Files that take a minute or so. The last one of them would leave the other worker idle at the end.
LONG_FILES = {"test_notebooks.py", "test_soak.py", "test_quiet.py", "test_run.py"}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: workers get whole files, in this order."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before anything is started for a test, see whether this machine has what it needs."""
    if item.get_closest_marker("browser"):
        need("chromium")
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            need(name)
    # Weights drawn by a test are the same in every run. A test that needs no torch does not load it.
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator:
    """In CI a browser test that skips has failed, for whatever reason: there it must run."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which a browser test must not be in CI: {call.excinfo.value}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was skipped, and what would bring it."""
    if skipped := terminalreporter.getreports("skipped"):
        terminalreporter.section("what was skipped, and what would bring it")
        for line in told(skipped):
            terminalreporter.line(line)


def pytest_unconfigure() -> None:
    """Take the home away again."""
    _SESSION_HOME.cleanup()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser to drive."""
    need("chromium")
    path = find_chromium()
    assert path
    return path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder of its own, with its own IPython profile and history."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


@pytest.fixture
def shell(_own_folder: None) -> Iterator:
    """A real IPython in a terminal's form, alone in its process and gone afterwards."""
    from IPython.terminal.interactiveshell import TerminalInteractiveShell
    from traitlets.config import Config

    main = sys.modules["__main__"]
    config = Config()
    config.HistoryManager.enabled = False
    config.TerminalInteractiveShell.simple_prompt = True
    config.TerminalInteractiveShell.colors = "nocolor"
    TerminalInteractiveShell.clear_instance()
    shell = TerminalInteractiveShell.instance(config=config)
    try:
        yield shell
    finally:
        for name in list(shell.extension_manager.loaded):
            shell.extension_manager.unload_extension(name)
        shell.restore_sys_module_state()
        sys.modules["__main__"] = main
        TerminalInteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a model that is still writing when a test stops it."""
    from tests.endless import write_endless

    return write_endless(tmp_path_factory.mktemp("models") / "endless")


@pytest.fixture(scope="session")
def mini():
    """The embedded model, loaded once."""
    from cg2magic.models.loading import load_model

    return load_model("mini")


@pytest.fixture(scope="session")
def mini_tokenizer(mini):
    """Its tokenizer: CodeGen2's kind, with runs of white space and the steering tokens."""
    return mini.tokenizer
