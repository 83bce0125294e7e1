"""Whether there is ghost text in this kernel, and all that stands behind it and shares its channel."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cg2magic.context import Document, Settings, gather
from cg2magic.errors import Cg2Error
from cg2magic.inline.ask import Ask
from cg2magic.inline.busy import RunningCell
from cg2magic.inline.channel import Channel
from cg2magic.inline.pages import Pages
from cg2magic.inline.writer import Writer
from cg2magic.manager import manager

if TYPE_CHECKING:
    from cg2magic.magics import CG2


class Switch:
    """Suggestions while typing, for the pages of one kernel.

    Parameters
    ----------
    settings : CG2
        Its trait `inline` is the switch; the pages are told when it changes, and may turn it.

    Attributes
    ----------
    pages : Pages
        To be asked for their document, whether the switch is on or off.
    """

    def __init__(self, settings: CG2) -> None:
        self._settings = settings
        self._channel = Channel(self._heard)
        self.pages = Pages(self._channel.tell)
        self._running = RunningCell(settings.shell)
        self._writer = Writer(manager(), self._channel.tell)
        self._loading = threading.Lock()
        self._error = ""
        self._met = False
        settings.observe(lambda _: self._changed(), "inline")

    def close(self) -> None:
        """Tell the pages that the extension is gone."""
        self._channel.close()
        self._running.close()

    def _heard(self, told: dict[str, Any]) -> None:
        """What a page says, on the thread of its subshell where there are such."""
        self._running.remind()
        match told.get("do"):
            case "hello":
                self._met = True
                if told.get("session"):
                    self.pages.greet(told["session"])
                self._changed()
            case "document":
                self.pages.told(told["id"], told["document"])
            case "turn":
                self._settings.inline = bool(told["on"])
            case "ask" if self._settings.inline:
                self._ask(Ask(**told["ask"]))
            case "cancel":
                self._writer.cancel(told["id"])

    def _ask(self, ask: Ask) -> None:
        request = ask.request
        if not manager().holds_a_model:
            self._load()
            request = None
        if request is None:
            self._channel.tell({"id": ask.id, "texts": [], "done": True, "error": ""})
            return
        cg2 = self._settings
        may = Settings.of_options(cg2.context, cg2.vars, values=cg2.vars_values, tokens=cg2.context_tokens)
        document = Document.of_json(ask.document)
        context = gather(document, request.parts, cg2.shell.user_ns, may, request.language)
        self._writer.answer(ask, replace(request, context=context), self._settings.inline_floor)

    def _changed(self) -> None:
        """Tell the pages; where there is one, it is time to load the model."""
        if self._met and self._settings.inline and not manager().holds_a_model:
            self._load()
        self._tell_state()

    def _load(self) -> None:
        """Load the default model on a thread; nobody waits for it."""
        if self._loading.acquire(blocking=False):
            threading.Thread(target=self._wake, name="cg2magic inline", daemon=True).start()

    def _wake(self) -> None:
        self._error = ""
        try:
            self._settings.apply_config()
            manager().wake()
        except Cg2Error as error:
            self._error = str(error)
        finally:
            self._loading.release()
            self._tell_state()

    def _tell_state(self) -> None:
        if not self._met:
            return
        state = "off" if not self._settings.inline else "loading" if self._loading.locked() else "ready"
        self._channel.tell(
            {
                "state": "failed" if self._error and state == "ready" else state,
                "error": self._error,
                "candidates": self._settings.inline_samples,
            }
        )
