"""A real Jupyter server with JupyterLab 4 and Notebook 7, as a person has them, with a home of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cg2magic

# Nothing here may ask the internet for anything.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TOKEN = "browser-tests"
PATIENT = "from cg2magic.frontends.pages import Page; Page.__init__.__defaults__ = (60.0,)\ndel Page\n"
# Another JupyterLab and Notebook than this environment's, by the path of their Python; the kernels stay here.
JUPYTER = os.environ.get("CG2MAGIC_JUPYTER") or sys.executable


@dataclass(frozen=True)
class Server:
    """Where the notebooks live."""

    url: str
    root: Path
    log: Path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@contextmanager
def serve(home: Path) -> Iterator[Server]:
    """Run one server for both front ends: jupyterlab serves /lab, notebook's extension /notebooks."""
    root = home / "root"
    root.mkdir()
    settings = home / "settings"
    _write_json(
        settings / "@jupyterlab/apputils-extension/notification.jupyterlab-settings",
        {"fetchNews": "false", "checkForUpdates": False},
    )
    for name, module, language in (
        ("python3", "ipykernel_launcher", "python"),
        ("echo", "echo_kernel", "echo"),
    ):
        _write_json(
            home / f"data/kernels/{name}/kernel.json",
            {
                "argv": [sys.executable, "-m", module, "-f", "{connection_file}"],
                "display_name": "Python 3" if language == "python" else name,
                "language": language,
                "metadata": {"debugger": False},
            },
        )
    # On a busy machine a page may answer late; a test of a page that is silent says how long that is.
    patient = home / "ipython/profile_default/startup/patient.py"
    patient.parent.mkdir(parents=True)
    patient.write_text(PATIENT, encoding="utf-8")
    # What the wheel installs: the labextension of this checkout, and not a copy that is installed.
    labextension = home / "data/labextensions/cg2magic"
    labextension.parent.mkdir(parents=True)
    labextension.symlink_to(Path(__file__).parents[2] / "cg2magic/labextension", target_is_directory=True)
    # The tests' own modules, and the package when it is run from a checkout.
    package, here = Path(cg2magic.__file__).parents[1], Path(__file__).parent
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys([str(package), str(here)])),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
    }
    port = _free_port()
    log = home / "server.log"
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": TOKEN,
        "ServerApp.root_dir": root,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "LabApp.expose_app_in_browser": True,
        "JupyterNotebookApp.expose_app_in_browser": True,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [JUPYTER, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(process, f"{url}/api/status?token={TOKEN}", log)
            yield Server(url, root, log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
