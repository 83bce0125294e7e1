"""A page's part of the talk with a real kernel, without the page."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_client.manager import start_new_kernel


class Page:
    """What a page does: it finds the comm, listens, and sends on a subshell of its own."""

    def __init__(self, client) -> None:
        self.client = client
        self.session = client.session
        self.told = []
        self.printed = []
        self.comm = self.subshell = self.status = self.sent = None
        self.handled = set()

    def request(self, kind, content, channel="shell"):
        """Send a request, and give the content of its reply."""
        message = self.session.msg(kind, content)
        sender = getattr(self.client, f"{channel}_channel")
        sender.send(message)
        while True:
            reply = sender.get_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def run(self, code):
        """Run a cell to its end, and give what it printed."""
        reply = self.client.execute_interactive(code, timeout=120, output_hook=self._hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        printed, self.printed = "".join(self.printed), []
        return printed.strip()

    def start(self, code, cell, **metadata):
        """Run a cell of this page's notebook, and don't wait for its end."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": True}
        content["stop_on_error"] = False
        message = self.session.msg("execute_request", content | {"user_expressions": {}})
        self.client.shell_channel.send(message | {"metadata": {"cellId": cell, **metadata}})

    def connect(self):
        """Find the kernel's comm; None where there is none."""
        found = self.request("comm_info_request", {"target_name": "cg2magic.inline"})["comms"]
        self.comm = next(iter(found), None)
        return self.comm

    def send(self, **data):
        """Send over the comm."""
        message = self.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        if self.subshell:
            message["header"]["subshell_id"] = self.subshell
        self.client.shell_channel.send(message)
        self.sent = message["header"]["msg_id"]

    def ask(self, name, prefix, **more):
        """Ask for a suggestion."""
        self.send(do="ask", ask={"id": name, "prefix": prefix, "suffix": "", "document": {}, **more})

    def until_handled(self):
        """Listen until the kernel says that it is done with what was sent last."""
        while self.sent not in self.handled:
            self._hear(self.client.iopub_channel.get_msg(timeout=100))

    def until_status(self, status):
        """Listen until the last status is this one."""
        while self.status != status:
            self._hear(self.client.iopub_channel.get_msg(timeout=100))

    def until(self, wanted):
        """Listen until something is told that `wanted` is true of, and give it.

        What was told before it is forgotten, what came after it is not.
        """
        deadline = time.monotonic() + 100
        while True:
            for place, told in enumerate(self.told):
                if wanted(told):
                    del self.told[: place + 1]
                    return told
            self._hear(self.client.iopub_channel.get_msg(timeout=max(0.1, deadline - time.monotonic())))

    def _hear(self, message):
        if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == self.comm:
            self.told.append(message["content"]["data"])
        elif message["msg_type"] == "stream":
            self.printed.append(message["content"]["text"])
        elif message["msg_type"] == "status":
            self.status = message["content"]["execution_state"]
            if self.status == "idle":
                self.handled.add(message["parent_header"].get("msg_id"))


@contextmanager
def kernel_and_page() -> Iterator[Page]:
    """Start a kernel of its own, and a page without a notebook."""
    kernel, client = start_new_kernel(kernel_name="python3", startup_timeout=60)
    try:
        page = Page(client)
        assert page.run("import sys; print(sys.executable)") == sys.executable
        yield page
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
