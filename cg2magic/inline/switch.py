"""Whether there is ghost text in this kernel, and all that stands behind it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cg2magic.errors import Cg2Error
from cg2magic.inline.ask import Ask
from cg2magic.manager import manager

if TYPE_CHECKING:
    from cg2magic.inline.channel import Channel
    from cg2magic.inline.writer import Writer
    from cg2magic.magics import CG2


class Switch:
    """Suggestions while typing, for the pages of one kernel.

    Parameters
    ----------
    settings : CG2
        Its trait `inline` is the switch; the pages are told when it changes, and may turn it.
    """

    def __init__(self, settings: CG2) -> None:
        from cg2magic.inline.channel import Channel
        from cg2magic.inline.writer import Writer

        self._settings = settings
        self._channel: Channel = Channel(self._heard)
        self._writer: Writer = Writer(manager(), self._channel.tell)
        self._loading = threading.Lock()
        self._error = ""
        settings.observe(lambda _: self._changed(), "inline")
        if settings.inline:  # of a profile
            self._changed()

    def close(self) -> None:
        """Tell the pages that the extension is gone."""
        self._channel.close()

    def _heard(self, told: dict[str, Any]) -> None:
        """What a page says, on a thread of its own."""
        match told.get("do"):
            case "hello":
                self._changed()
            case "turn":
                self._settings.inline = bool(told["on"])
            case "ask" if self._settings.inline:
                self._ask(Ask(**told["ask"]))
            case "cancel":
                self._writer.cancel(told["id"])

    def _ask(self, ask: Ask) -> None:
        request = ask.request
        if manager().status().model is None:
            self._load()
            request = None
        if request is None:
            self._channel.tell({"id": ask.id, "texts": [], "done": True, "error": ""})
            return
        self._writer.answer(ask, request, self._settings.inline_floor)

    def _changed(self) -> None:
        self._tell_state()
        if self._settings.inline and manager().status().model is None:
            self._load()

    def _load(self) -> None:
        """Load the default model on a thread; nobody waits for it."""
        if self._loading.acquire(blocking=False):
            threading.Thread(target=self._wake, name="cg2magic inline", daemon=True).start()

    def _wake(self) -> None:
        self._error = ""
        try:
            self._tell_state()
            self._settings.apply_config()
            manager().wake()
        except Cg2Error as error:
            self._error = str(error)
        finally:
            self._loading.release()
            self._tell_state()

    def _tell_state(self) -> None:
        state = "off" if not self._settings.inline else "loading" if self._loading.locked() else "ready"
        self._channel.tell(
            {
                "state": "failed" if self._error and state == "ready" else state,
                "error": self._error,
                "candidates": self._settings.inline_samples,
            }
        )
