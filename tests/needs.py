"""What some tests need and not every machine has: whether it is there, and what would bring it.

A test names it with the marker ``needs``, a fixture by calling `need`. Where it is missing they skip, with a
line that the end of the run repeats; in CI they fail.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from cg2magic.sandbox import sandbox

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@cache
def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome that starts."""
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
    usual = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
    )
    found = [*filter(None, map(shutil.which, names)), *(path for path in usual if Path(path).exists())]
    return next(filter(_starts, found), None)


def _starts(browser: str) -> bool:
    """Whether it is more than a name: Ubuntu's package only tells people to install something else."""
    if os.name == "nt":
        return True  # there, asking for the version opens a window
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, timeout=100, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _chromium() -> str:
    return "" if find_chromium() else "no Chromium or Chrome; `apt install chromium` brings it"


def _bubblewrap() -> str:
    trouble = sandbox.missing()
    if not trouble:
        return ""
    if not sys.platform.startswith("linux"):
        return "no sandbox for this system; Linux has one"
    if shutil.which("bwrap") is None:
        return "no bubblewrap; `apt install bubblewrap` brings it"
    said = trouble.partition("because ")[2] or trouble
    return f"{said}; a machine or container that lets it make namespaces brings it"


def _node() -> str:
    return "" if shutil.which("node") else "no node; `apt install nodejs` brings it"


def _ordinary_user() -> str:
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        return ""
    return "root may write anywhere; run the tests as another user to have it"


#: Why it is not there and what brings it, in one line; empty if it is there.
NEEDS = {"chromium": _chromium, "bubblewrap": _bubblewrap, "node": _node, "ordinary user": _ordinary_user}
#: What our CI has to have.
ALWAYS_IN_CI = {"chromium", "bubblewrap"}


def need(name: str) -> None:
    """Skip the test unless this machine has it; in CI, fail."""
    _stop(NEEDS[name](), must=name in ALWAYS_IN_CI)


def need_package(name: str, extra: str) -> None:
    """Do the same for a package that comes with an extra of ours; in CI, for those of the extra ``test``."""
    missing = importlib.util.find_spec(name) is None
    _stop(f"no {name}; `pip install -e '.[{extra}]'` brings it" if missing else "", must=extra == "test")


def need_llama_cpp() -> None:
    """Do the same for llama.cpp in this process, from either of the packages that have it."""
    if importlib.util.find_spec("llama_cpp") is None:
        need_package("ik_llama_cpp", "test")


def _stop(reason: str, *, must: bool) -> None:
    if reason and must and IN_CI:
        pytest.fail(f"in CI this must not be missing: {reason}", pytrace=False)
    if reason:
        pytest.skip(reason)


def told(skipped: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Give a line for each reason that tests were skipped for: how many, why, what brings it, and where."""
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        files[reason.removeprefix("Skipped: ")][report.nodeid.partition("::")[0]] += 1
    return [
        f"{sum(where.values())} skipped: {reason} ({', '.join(f'{file}: {n}' for file, n in where.items())})"
        for reason, where in sorted(files.items(), key=lambda item: -sum(item[1].values()))
    ]
