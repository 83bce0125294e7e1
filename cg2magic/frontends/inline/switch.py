"""Switches ghost text on and off in a kernel, and holds everything that works for it or uses its channel."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cg2magic.context import Document, Settings
from cg2magic.frontends.inline.ask import Ask
from cg2magic.frontends.inline.busy import RunningCell
from cg2magic.frontends.inline.channel import Channel
from cg2magic.frontends.inline.documents import Documents
from cg2magic.frontends.inline.menu import ModelMenu
from cg2magic.frontends.inline.pause import Pause
from cg2magic.frontends.inline.writer import Writer
from cg2magic.frontends.notebook import seen
from cg2magic.frontends.pages import Pages
from cg2magic.service.manager import manager
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from cg2magic.frontends.config import Config


class Switch:
    """Suggestions while typing, for the pages of one kernel.

    Parameters
    ----------
    settings : Config
        Its trait `inline` is the switch. We notify the pages when it changes, and a page may change it.

    Attributes
    ----------
    pages : Pages
        Can be asked for their document, whether the switch is on or off.
    """

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._channel = Channel(self._heard)
        self.pages = Pages(self._channel.send)
        self._documents = Documents()
        self._running = RunningCell(settings.shell)
        self._pause = Pause(self._send_state)
        self._manager = manager()
        self._writer = Writer(self._manager, self._channel.send, self._pause)
        self._menu = ModelMenu(self._manager, self._channel.send)
        self._loading = threading.Lock()
        self._sending = threading.Lock()  # so that the state sent last is the newest
        self._met = False
        self._chosen = settings.inline  # for this kernel, by configuration or by a person
        self._unloaded = False  # by the person, who doesn't want it back at the next key
        self._manager.model_changed = self._model_changed
        settings.observe(lambda _: self._afresh(), ["inline", "model", "device", "precision", "tokenizer"])
        settings.observe(lambda _: self._choose(), "inline")
        settings.observe(lambda _: self._send_state(), ["inline_samples", "inline_on_demand"])

    def close(self) -> None:
        """Close the channel, which shows the pages that the extension is gone."""
        self._channel.close()
        self._running.close()
        self._pause.forget()
        self._manager.model_changed = lambda: None

    def _heard(self, sent: dict[str, Any]) -> None:
        """Act on what a page sends, on the thread of the page's subshell if it has one."""
        self._running.remind()
        match sent.get("do"):
            case "hello":
                self._greet(sent.get("session"), sent.get("usual", "off"))
            case "document":
                self.pages.answered(sent["id"], sent["document"], sent.get("before"))
            case "turn":
                self._turn(on=bool(sent["on"]), on_demand=bool(sent.get("on_demand")))
            case "models":
                self._menu.offer()
            case "load":
                self._menu.load(sent["name"])
            case "retry":
                self._afresh()
            case "ask" if self._settings.inline:
                ask = Ask(**sent["ask"])
                try:
                    self._ask(ask)
                except Exception as error:  # noqa: BLE001 - the page would wait for ever
                    self._writer.end(ask.id, one_line(error))
            case "cancel":
                self._writer.cancel(sent["id"])

    def _choose(self) -> None:
        self._chosen = True

    def _greet(self, session: str | None, usual: str) -> None:
        """Take notice of a page, and do as its person usually does unless something else was said here."""
        self._met = True
        if session:
            self.pages.greet(session)
        if usual != "off" and not self._chosen:
            self._turn(on=True, on_demand=usual == "on demand")
        self._wake()
        self._send_state()

    def _turn(self, *, on: bool, on_demand: bool) -> None:
        self._settings.inline_on_demand = on_demand
        self._settings.inline = on

    def _ask(self, ask: Ask) -> None:
        document = self._documents.take(ask.document)
        if document is None:
            missed = {"page": ask.document["page"], "version": ask.document["version"]}
            self._channel.send({"id": ask.id, "again": missed})
            return
        request = ask.request
        if not self._manager.holds_a_model:
            self._wake()
            request = None
        if request is None or self._pause.lasts:
            self._writer.end(ask.id)
            return
        cg2 = self._settings
        may = Settings.of_options(
            cg2.context, cg2.vars, values=cg2.vars_values, tokens=cg2.context_tokens, ground=cg2.ground
        )
        request = seen(Document.of_json(document), request, may, cg2.shell)
        self._writer.answer(ask, request, self._settings.inline_floor)

    def _afresh(self) -> None:
        """Start again, whatever happened before: the person has switched it or changed a setting."""
        self._unloaded = False
        self._pause.forget()
        self._wake()
        self._send_state()

    def _model_changed(self) -> None:
        """Start without failures: another model is resident, or none, and past failures don't concern it."""
        self._unloaded = not self._manager.holds_a_model
        self._pause.forget()
        self._send_state()

    def _wake(self) -> None:
        """Load the default model on another thread if a page could use it; nobody waits for it."""
        wanted = self._met and self._settings.inline and not (self._unloaded or self._pause.lasts)
        if wanted and not self._manager.holds_a_model and self._loading.acquire(blocking=False):
            threading.Thread(target=self._load, name="cg2magic inline", daemon=True).start()

    def _load(self) -> None:
        self._send_state()
        try:
            self._settings.apply_config()
            self._manager.wake()
        except Exception as error:  # noqa: BLE001 - nobody catches a thread's error
            # Still loading: a page that comes now is not told that all is well.
            self._pause.begin(one_line(error))
        finally:
            self._loading.release()
        self._send_state()

    def _send_state(self) -> None:
        if not self._met:
            return
        with self._sending:
            if not self._settings.inline:
                state = "off"
            elif self._loading.locked():
                state = "loading"
            elif self._unloaded:
                state = "unloaded"
            else:
                state = "failed" if self._pause.error else "ready"
            self._channel.send(
                {
                    "state": state,
                    "asks": state in ("ready", "failed") and not self._pause.lasts,
                    "error": self._pause.error,
                    "candidates": self._settings.inline_samples,
                    "on_demand": self._settings.inline_on_demand,
                }
            )
