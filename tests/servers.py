"""Real servers to test against, that no one here wrote, on free ports of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.needs import need_package

HERE = Path(__file__).resolve().parents[1]

#: Python of the environment that has vLLM; `nox -s vllm` makes one and sets this.
VLLM = "CG2MAGIC_VLLM"
#: Python of an environment that has llama-cpp-python[server].
LLAMA_CPP_PYTHON = "CG2MAGIC_LLAMA_CPP_PYTHON"


@dataclass(frozen=True)
class Served:
    """A server that runs."""

    url: str
    process: subprocess.Popen


@contextmanager
def llama_cpp(model: Path, *options: str) -> Iterator[Served]:
    """Serve a GGUF with llama.cpp, which takes a second; the options are those of `tests.llama_server`."""
    need_package("xllamacpp", "test")
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.llama_server", str(model), *options],
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("http://"), "llama.cpp's server did not start"
            yield Served(f"{address}/v1", process)
        finally:
            process.kill()


@contextmanager
def llama_cpp_python(model: Path, log: Path) -> Iterator[Served]:
    """Serve a GGUF with the server of llama-cpp-python."""
    command = [
        os.environ[LLAMA_CPP_PYTHON], "-m", "llama_cpp.server", "--model", str(model),
        "--model_alias", "mini", "--host", "127.0.0.1", "--n_ctx", "1024", "--n_threads", "1",
    ]  # fmt: skip
    with _listening(command, log) as served:
        yield served


@contextmanager
def vllm(folder: Path, log: Path) -> Iterator[Served]:
    """Serve a checkpoint with vLLM on the CPU, which takes a minute or two."""
    command = [
        os.environ[VLLM], "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder),
        "--served-model-name", "mini", "--host", "127.0.0.1", "--dtype", "float32", "--enforce-eager",
    ]  # fmt: skip
    with _listening(command, log) as served:
        yield served


@contextmanager
def _listening(command: list[str], log: Path) -> Iterator[Served]:
    """Run a server on a free port, in the environment of another Python."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*command, "--port", str(port)]
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    environment.pop("PYTHONPATH", None)
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}/v1"
            _wait(url, process, log)
            yield Served(url, process)
        finally:
            process.terminate()  # its workers end with it
            process.wait(60)


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/models", timeout=5).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise AssertionError(f"the server did not start: {log.read_text()[-2000:]}")
