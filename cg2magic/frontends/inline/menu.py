"""The models that a page's menu offers, and the load of the one that was chosen there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cg2magic.progress import Progress
from cg2magic.service.manager import Manager
from cg2magic.wording import gigabytes, one_line, parameters

if TYPE_CHECKING:
    from cg2magic.models.survey import Offer, Survey

#: Seconds between two messages about one load.
_CALM = 0.25


class ModelMenu:
    """Answers a page's menu on threads of its own: both looking at the machine and loading take a while.

    Parameters
    ----------
    manager : Manager
    send : callable
        Sends a message to all pages.
    """

    def __init__(self, manager: Manager, send: Callable[[dict[str, Any]], None]) -> None:
        self._manager = manager
        self._send = send

    def offer(self) -> None:
        """Tell the pages which models there are, and which is resident."""
        threading.Thread(target=self._offer, name="cg2magic menu", daemon=True).start()

    def load(self, name: str) -> None:
        """Load a model, and tell the pages how far it is. A person has agreed to what is downloaded."""
        threading.Thread(target=self._load, args=(name,), name="cg2magic menu", daemon=True).start()

    def _offer(self) -> None:
        from cg2magic.models.survey import survey

        resident = self._manager.status().model
        self._send({"models": choices(survey()), "resident": resident.name if resident else ""})

    def _load(self, name: str) -> None:
        from cg2magic.frontends.status_text import loading

        told = 0.0

        def show(progress: Progress) -> None:
            nonlocal told
            if time.monotonic() - told > _CALM:
                told = time.monotonic()
                self._send({"load": {"name": name, "said": loading(progress)}})

        self._send({"load": {"name": name, "said": "loading"}})
        try:
            self._manager.load(name, on_progress=show)
        except Exception as error:  # noqa: BLE001 - nobody catches a thread's error
            self._send({"load": {"name": name, "error": one_line(error)}})
        else:
            self._send({"load": {}})


def choices(found: Survey) -> list[dict[str, str]]:
    """Describe the models on this disk, and those that are recommended for this machine, as a menu has them.

    Returns
    -------
    list of dict
        ``name``, ``about`` in a few words, and ``ask``: what is to be agreed to before it is loaded, because
        it is downloaded; empty for a model on this disk.
    """
    here = [offer for offer in found.offers if offer.runs and not offer.way.download]
    new = [offer for offer in found.recommended if offer.way.download]
    return [_choice(offer) for offer in (*here, *new)]


def _choice(offer: Offer) -> dict[str, str]:
    entry, way = offer.entry, offer.way
    size = parameters(entry.parameters)
    if not way.download:
        return {"name": way.name, "about": f"{size}, on this disk, {entry.licence}", "ask": ""}
    download = f"about {gigabytes(way.download)}"
    repo = way.name.partition(":")[0] if "/" in way.name else entry.repo
    ask = f"{download} will be downloaded from {repo} on the Hugging Face Hub. Licence: {entry.licence}."
    return {"name": way.name, "about": f"{size}, {download} to download, {entry.licence}", "ask": ask}
