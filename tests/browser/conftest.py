"""A real server, a real kernel and a real browser: JupyterLab 4 and Notebook 7 as a person has them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cg2magic
from tests.browser.asking import FILL, MEAN, ask
from tests.browser.notebook_page import NotebookPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

# Nothing here may ask the internet for anything.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TOKEN = "browser-tests"


@dataclass(frozen=True)
class Server:
    """Where the notebooks live."""

    url: str
    root: Path
    log: Path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for both front ends: jupyterlab serves /lab, notebook's extension /notebooks."""
    home = tmp_path_factory.mktemp("jupyter")
    root = home / "root"
    root.mkdir()
    settings = home / "settings"
    _write_json(
        settings / "@jupyterlab/apputils-extension/notification.jupyterlab-settings",
        {"fetchNews": "false", "checkForUpdates": False},
    )
    _write_json(
        home / "data/kernels/python3/kernel.json",
        {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "metadata": {"debugger": False},
        },
    )
    # What the wheel installs: the labextension of this checkout.
    labextension = home / "data/labextensions/cg2magic"
    labextension.parent.mkdir(parents=True)
    labextension.symlink_to(Path(__file__).parents[2] / "cg2magic/labextension", target_is_directory=True)
    # The tests' own modules, and the package when it is run from a checkout.
    package, here = Path(cg2magic.__file__).parents[1], Path(__file__).parent
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(package), str(here)])),
        "OMP_NUM_THREADS": "2",
    }
    port = _free_port()
    log = home / "server.log"
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": TOKEN,
        "ServerApp.root_dir": root,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.expose_app_in_browser": True,
        "JupyterNotebookApp.expose_app_in_browser": True,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(process, f"{url}/api/status?token={TOKEN}", log)
            yield Server(url, root, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)


@pytest.fixture(scope="session", params=["lab", "notebook"])
def front_end(request: pytest.FixtureRequest) -> str:
    """JupyterLab 4 or Notebook 7."""
    return request.param


@pytest.fixture(scope="session")
def open_notebook(front_end: str, server: Server, browser: Browser) -> Iterator[NotebookPage]:
    """One notebook with its kernel a front end; each test adds cells of its own."""
    page = NotebookPage.create(browser, server.url, server.root, TOKEN, front_end, "session")
    yield page
    page.close()


@pytest.fixture
def own_notebook(
    front_end: str, server: Server, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[Callable[..., NotebookPage]]:
    """Make notebooks with a kernel and a page of their own, for what would disturb the other tests."""
    pages = []

    def make(**context: Any) -> NotebookPage:
        name = f"{request.node.originalname}-{len(pages)}"
        pages.append(NotebookPage.create(browser, server.url, server.root, TOKEN, front_end, name, **context))
        pages[-1].clear()
        return pages[-1]

    yield make
    for page in pages:
        page.shut_down()
        page.close()


@pytest.fixture
def notebook(
    open_notebook: NotebookPage, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[NotebookPage]:
    """The notebook, emptied of the test before; a picture of it is kept when the test fails."""
    open_notebook.clear()
    yield open_notebook
    assert open_notebook.errors == []
    if getattr(request.node, "failed", False):
        path = Path(os.environ.get("CG2MAGIC_SCREENSHOTS", tmp_path)) / f"{request.node.name}.png"
        open_notebook.picture(path)
        print(f"screenshot: {path}")  # noqa: T201 - pytest shows it with the failure


@pytest.fixture
def done(notebook: NotebookPage) -> Callable[..., tuple[str, Locator]]:
    """Make a panel whose suggestion is written; gives the cell's id and the panel."""

    def make(*parts: str, fills: Any = ((FILL,),), **options: Any) -> tuple[str, Locator]:
        cell = notebook.add_and_run(ask(*(parts or MEAN), fills=fills, **options))
        panel = notebook.panel(cell)
        panel.and_(notebook.page.locator("[data-state=done]")).wait_for()
        return cell, panel

    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True
