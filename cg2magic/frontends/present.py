"""Where the person is, and how a job is shown there.

A page (JupyterLab, Notebook, VS Code) gets the panel, a terminal gets text, and a client that can't ask
a person (nbclient, nbconvert, papermill) waits and gets the finished card.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cg2magic.errors import UsageError
from cg2magic.frontends.pages import Page
from cg2magic.prompts.continuation import continuation
from cg2magic.service.job import Job
from cg2magic.service.manager import manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.frontends.pages import Pages
    from cg2magic.frontends.panel.widget import Insert


def page_of(shell: InteractiveShell, *, wait: bool = False, pages: Pages | None = None) -> Page | None:
    """Give the page the running cell is in, which tells its document; None where nobody is there to tell it.

    The panel asks it once it is shown. While a cell waits, nothing that the panel sends is read; then the
    labextension, which has a subshell, has been asked already, if it is there.

    Parameters
    ----------
    shell : InteractiveShell
    wait : bool
        Whether the cell waits for its suggestion.
    pages : Pages, optional
        Those with the labextension.
    """
    parent = _parent(shell)
    if not parent.get("content", {}).get("allow_stdin", False):
        return None
    if not wait:
        return Page()
    cell_id = parent.get("metadata", {}).get("cellId")
    asked = pages.ask(parent["header"]["session"], cell_id) if pages and cell_id else None
    return asked or Page(seconds=0)  # one that tells nothing is not waited for


def present(
    job: Job,
    shell: InteractiveShell,
    *,
    insert: Insert = "ask",
    wait: bool = False,
    page: Page | None = None,
) -> None:
    """Show a job in the running cell's output.

    Parameters
    ----------
    job : Job
    shell : InteractiveShell
    insert : {"ask", "below", "replace", "none"}
        What the page does with the first candidate once it is written.
    wait : bool
        Return only when it is. A terminal and a client without a person always wait.
    page : Page, optional
        To be told the document by the panel, unless the cell waits.

    Raises
    ------
    Cg2Error
        If it was waited for, and failed.
    """
    if not hasattr(shell, "kernel"):
        from cg2magic.frontends import terminal

        terminal.stream(job, shell)
        job.result()
        return

    parent = _parent(shell)
    if not parent.get("content", {}).get("allow_stdin", False):
        from cg2magic.frontends.panel import display_static

        _wait(job)
        job.result()
        display_static(job.snapshot())
        return

    from cg2magic.frontends.panel import Panel
    from cg2magic.frontends.panel.standby import Standby

    panel = None
    try:
        panel = Panel(
            job,
            cell_id=parent.get("metadata", {}).get("cellId"),
            asked=parent["content"].get("code", ""),
            session=parent.get("header", {}).get("session", ""),
            standby=partial(Standby, shell, parent),
            regenerate=lambda: regenerate(job),
            record=manager().record,
            check=manager().checks.agree,
            go_on=go_on,
            tell=page.tell if page and not wait else None,
            insert=insert,
        )
        panel.show()
    except KeyboardInterrupt:
        # The panel was not up yet; the person meant the suggestion all the same.
        job.cancel()
    if wait:
        _wait(job)
        if panel is not None:
            panel.settle()
        job.result()


def configure_notebook(shell: InteractiveShell, settings: dict[str, str]) -> None:
    """Write settings into the notebook's metadata through its page, and show what then holds there.

    Parameters
    ----------
    shell : InteractiveShell
    settings : dict
        What changes; with none of them what is there is only shown.

    Raises
    ------
    UsageError
        Where there is no page.
    """
    if not _parent(shell).get("metadata", {}).get("cellId"):
        written = json.dumps({"cg2magic": settings or {"context": "none"}})
        raise UsageError(
            f"there is no notebook page here that could save it: put {written} into the notebook's metadata"
        )
    from cg2magic.frontends.panel.notebook_settings import NotebookSettings

    NotebookSettings(settings).show()


def regenerate(job: Job) -> Job:
    """Ask for the same again: with chance in it another seed, else with a little chance."""
    sampling = job.request.sampling
    if sampling.temperature == 0:
        sampling = replace(sampling, temperature=0.4)
    return manager().submit(replace(job.request, sampling=replace(sampling, seed=(sampling.seed or 0) + 1)))


def go_on(job: Job, candidate: int, place: int, token_id: int) -> Job:
    """Continue a candidate with another token in a place, beside those that are there already.

    Raises
    ------
    UsageError
        See `continuation`.
    """
    there = job.snapshot().suggestions
    request, beginning = continuation(job.request, there[candidate], place, token_id)
    return manager().submit(request, (*there, beginning))


def _wait(job: Job) -> None:
    """Wait for a job; an interrupt ends the job and keeps what was written."""
    try:
        job.wait()
    except KeyboardInterrupt:
        job.cancel()
        job.wait()


def _parent(shell: Any) -> dict[str, Any]:
    """The execute request that is being served."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    return parent or {}
