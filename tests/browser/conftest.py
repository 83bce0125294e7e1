"""A real server, a real kernel and a real browser: JupyterLab 4 and Notebook 7 as a person has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.asking import FILL, MEAN, ask
from tests.browser.notebook_page import NotebookPage
from tests.browser.serving import CHROMIUM_FLAGS, TOKEN, Server, serve
from tests.endless import LOAD_MINI, load_endless
from tests.needs import need_package

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    need_package("playwright", "test")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for both front ends."""
    with serve(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="session", params=["lab", "notebook"])
def front_end(request: pytest.FixtureRequest) -> str:
    """JupyterLab 4 or Notebook 7."""
    return request.param


@pytest.fixture(scope="session")
def opened() -> Iterator[dict[str, NotebookPage]]:
    """The notebooks that are open, by front end: opening one takes seconds, and each file would do so."""
    pages: dict[str, NotebookPage] = {}
    yield pages
    for page in pages.values():
        page.close()


@pytest.fixture(scope="session")
def open_notebook(
    front_end: str, server: Server, browser: Browser, opened: dict[str, NotebookPage]
) -> NotebookPage:
    """One notebook with its kernel a front end; each test adds cells of its own."""
    if front_end not in opened:
        page = NotebookPage.create(browser, server.url, server.root, TOKEN, front_end, "session")
        opened[front_end] = page
    return opened[front_end]


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
def writing(notebook: NotebookPage, endless: str) -> Iterator[NotebookPage]:
    """The notebook, in whose kernel a model is loaded that writes without end."""
    notebook.add_and_run("%load_ext cg2magic")
    notebook.add_and_run(load_endless(endless))
    yield notebook
    notebook.add_and_run(LOAD_MINI)


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
