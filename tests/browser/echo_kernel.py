"""A kernel that is not Python: it prints what it is given, and writes down which comms it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


def _note(line: str) -> None:
    with Path("asked.txt").open("a", encoding="utf-8") as asked:
        asked.write(line)


class EchoKernel(Kernel):
    """The least that a kernel can be."""

    implementation = "echo"
    implementation_version = "1"
    language_info = {"name": "echo", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012
    banner = "echo"

    async def comm_info_request(self, stream: Any, ident: Any, parent: Any) -> None:
        _note(f"{parent['content'].get('target_name')}\n")
        await super().comm_info_request(stream, ident, parent)

    async def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:  # noqa: FBT001
        if not silent:
            self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": code})
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=EchoKernel)
