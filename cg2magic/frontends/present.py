"""Find out where the person is, and show a job there.

A page (JupyterLab, Notebook, VS Code) gets the panel, a terminal gets text, and a client that can't ask
a person (nbclient, nbconvert, papermill) waits and gets the static panel.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cg2magic.errors import UsageError
from cg2magic.frontends import demonstration
from cg2magic.frontends.pages import Page
from cg2magic.prompts.continuation import continuation, extension
from cg2magic.service.job import Job
from cg2magic.service.manager import manager

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from cg2magic.frontends.pages import Pages
    from cg2magic.frontends.panel.widget import Insert
    from cg2magic.request import Request


def page_of(shell: InteractiveShell, *, wait: bool = False, pages: Pages | None = None) -> Page | None:
    """Return the page of the running cell, which sends its document; None if nobody is there to send it.

    The panel asks the page once it is shown. While a cell waits, nothing that the panel sends is read. So for
    such a cell we ask the labextension right here, if there is one: it has a subshell.

    Parameters
    ----------
    shell : InteractiveShell
    wait : bool
        Whether the cell waits for its suggestion.
    pages : Pages, optional
        The pages with the labextension.
    """
    parent = _parent(shell)
    if not parent.get("content", {}).get("allow_stdin", False):
        return None
    if not wait:
        return Page()
    cell_id = parent.get("metadata", {}).get("cellId")
    asked = pages.ask(parent["header"]["session"], cell_id) if pages and cell_id else None
    return asked or Page(seconds=0)  # a page that sends nothing is not waited for


def cut_at_cursor(shell: InteractiveShell, code: str, pages: Pages | None) -> tuple[str, str] | None:
    """Cut a cell's code where the page has the cursor; None if no page says so, or if it is not in the code.

    A page that runs a cell by a command sends it along; another is asked.

    Parameters
    ----------
    shell : InteractiveShell
    code : str
        What the cell has below its magic.
    pages : Pages or None
        The pages that can be asked.
    """
    parent = _parent(shell)
    before = _command(parent).get("before")
    cell_id = parent.get("metadata", {}).get("cellId")
    if before is None and pages and cell_id:
        page = pages.ask(parent["header"]["session"], cell_id)
        before = page.before_cursor() if page else None
    cell = parent.get("content", {}).get("code", "").removesuffix("\n")
    # The cell may have been changed since it was run.
    if not before or not cell.startswith(before) or not cell.endswith(code):
        return None
    at = len(before) - (len(cell) - len(code))
    return (code[:at], code[at:]) if at > 0 else None


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
        Return only once it is written. A terminal and a client without a person always wait.
    page : Page, optional
        Gets the document from the panel, unless the cell waits.

    Raises
    ------
    Cg2Error
        If we waited for the job, and it failed.
    """
    if not hasattr(shell, "kernel"):
        from cg2magic.frontends import terminal

        terminal.stream(job, shell, note=demonstration.note)
        job.result()
        return

    parent = _parent(shell)
    if not parent.get("content", {}).get("allow_stdin", False):
        wait_for(job)
        job.result()
        from cg2magic.frontends.panel import display_static

        display_static(job.snapshot())
        return

    panel = None
    command = _command(parent)
    try:
        # In here, since the first time it takes a while, and the model writes already.
        from cg2magic.frontends.panel import Panel
        from cg2magic.frontends.panel.standby import Standby

        panel = Panel(
            job,
            cell_id=parent.get("metadata", {}).get("cellId"),
            asked=command.get("asked", parent["content"].get("code", "")),
            in_place="asked" in command,
            session=parent.get("header", {}).get("session", ""),
            standby=partial(Standby, shell, parent),
            regenerate=lambda: regenerate(job),
            record=manager().record,
            check=manager().checks.agree,
            go_on=go_on,
            extend=extend,
            note=demonstration.note,
            advise=demonstration.advise,
            on_document=page.answer if page and not wait else None,
            insert=insert,
        )
        panel.show()
    except KeyboardInterrupt:
        # The panel was not shown yet, but the person meant to interrupt the suggestion.
        job.cancel()
    if wait:
        wait_for(job)
        if panel is not None:
            panel.settle()
        job.result()


def configure_notebook(shell: InteractiveShell, settings: dict[str, str]) -> None:
    """Write settings into the notebook's metadata through its page, and show the resulting settings.

    Parameters
    ----------
    shell : InteractiveShell
    settings : dict
        What to change; if it is empty, the settings are only shown.

    Raises
    ------
    UsageError
        If there is no page.
    """
    if not _parent(shell).get("metadata", {}).get("cellId"):
        written = json.dumps({"cg2magic": settings or {"context": "none"}})
        raise UsageError(
            f"no notebook page is open here to save it: put {written} into the notebook's metadata"
        )
    from cg2magic.frontends.panel.notebook_settings import NotebookSettings

    NotebookSettings(settings).show()


def regenerate(job: Job) -> Job:
    """Ask for the same again with another seed, and with some temperature if it was greedy."""
    sampling = job.request.sampling
    if sampling.temperature == 0:
        sampling = replace(sampling, temperature=0.4)
    sampling = replace(sampling, seed=(sampling.seed or 0) + 1)
    return manager().submit(replace(job.request, sampling=sampling, begin=(), cuts=()), is_ranked=True)


def go_on(job: Job, candidate: int, place: int, token_id: int) -> Job:
    """Continue a candidate with another token at a place, and keep the existing candidates.

    Raises
    ------
    UsageError
        See `continuation`.
    """
    there = job.snapshot().suggestions
    request, beginning = continuation(_by_its_model(job), there[candidate], place, token_id)
    return manager().submit(request, (*there, beginning))


def extend(job: Job, candidate: int, *, alone: bool = False) -> Job:
    """Let the model write on where a candidate broke off.

    Parameters
    ----------
    job : Job
    candidate : int
    alone : bool
        Leave the other candidates out; by default they stay as they are.

    Raises
    ------
    UsageError
        See `extension`.
    """
    there = job.snapshot().suggestions
    request, beginning = extension(_by_its_model(job), there[candidate])
    if alone:
        return manager().submit(request, (beginning,))
    suggestions = (*there[:candidate], beginning, *there[candidate + 1 :])
    return manager().submit(request, suggestions, place=candidate)


def _by_its_model(job: Job) -> Request:
    """The job's request, if the model that served it is still there: others have other tokens."""
    wrote = job.snapshot().model
    resident = manager().status().model
    if job.request.model is None and resident is not None and resident.name != wrote:
        raise UsageError(
            f"{wrote} wrote this, but {resident.name} is loaded now: load {wrote}, or Regenerate"
        )
    return job.request


def wait_for(job: Job) -> None:
    """Wait for a job; an interrupt stops it and keeps what was written."""
    try:
        job.wait()
    except KeyboardInterrupt:
        job.cancel()
        job.wait()


def _parent(shell: Any) -> dict[str, Any]:
    """The execute request that the kernel is serving."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    return parent or {}


def _command(parent: dict[str, Any]) -> dict[str, str]:
    """What a page's command says of the cell for which it runs a magic; empty for a cell that has its own.

    ``asked`` is the cell's text, without the magic, and ``before`` is what is before the cursor, with it.
    """
    said: dict[str, str] = parent.get("metadata", {}).get("cg2magic", {})
    return said
