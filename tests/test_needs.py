"""Where a program of the system is missing the tests skip and say which, and in CI they fail."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="no bubblewrap for this system, and browsers are elsewhere; Linux has both",
)

ROOT = Path(__file__).resolve().parents[1]
SANDBOX = "tests/sandbox/test_sandbox.py::test_a_program_that_comes_to_its_end_has_passed"
IN_PAGE = "tests/browser/test_checks.py"


def run(path: Path, *arguments: str, ci: str = "") -> str:
    """Run some of our tests with nothing on the PATH but what is in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=ROOT, env=kept | {"PATH": str(path), "CI": ci}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def install(folder: Path, name: str, said: str) -> None:
    """Put a program there that only complains."""
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    file.chmod(0o755)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_is_named_once_at_the_end_with_what_brings_it(tmp_path, workers):
    said = run(tmp_path, SANDBOX, IN_PAGE, "-n", workers)
    last = said.partition("what was skipped, and what would bring it")[2]
    chromium = r"no Chromium or Chrome; `apt install chromium` brings it \(tests/browser/test_checks\.py: "
    assert re.search(rf"(?m)^([1-9]\d*) skipped: {chromium}\1\)$", last)
    sandbox = "no bubblewrap; `apt install bubblewrap` brings it (tests/sandbox/test_sandbox.py: 1)"
    assert f"1 skipped: {sandbox}" in last.splitlines()
    assert "failed" not in said
    assert "error" not in said


def test_a_program_that_does_not_work_here_is_missing_as_well(tmp_path):
    install(tmp_path, "bwrap", "bwrap: No permissions to create new namespace")
    install(tmp_path, "chromium-browser", "requires the chromium snap to be installed")
    said = run(tmp_path, SANDBOX, IN_PAGE)
    assert "1 skipped: bubblewrap does not work here: bwrap: No permissions to create new namespace; " in said
    assert re.search(r"(?m)^[1-9]\d* skipped: no Chromium or Chrome; ", said)


def test_in_ci_nothing_of_the_kind_may_be_missing(tmp_path):
    said = run(tmp_path, SANDBOX, IN_PAGE, ci="true")
    assert "skipped" not in said
    assert "in CI this must not be missing: no bubblewrap; `apt install bubblewrap` brings it" in said
    assert "in CI this must not be missing: no Chromium or Chrome; `apt install chromium` brings it" in said
