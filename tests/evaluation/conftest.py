"""A sandbox that the tests may try to break out of."""

from __future__ import annotations

import psutil
import pytest

from cg2magic.evaluation.sandbox import Limits, Sandbox, missing
from tests.conftest import IN_CI

#: Small, so that whoever runs into them does so soon; but the clock's, on a machine that may be busy.
LIMITS = Limits(
    cpu_seconds=1, seconds=60, memory=256 << 20, processes=16, file_size=1 << 20, folder_size=4 << 20
)


@pytest.fixture
def sandbox():
    """Bubblewrap, with small limits; in CI it must be there."""
    if missing() and not IN_CI:
        pytest.skip(missing())
    return Sandbox(limits=LIMITS)


@pytest.fixture
def nothing_is_left():
    """No process of a sandbox outlives what the test ran."""

    def guests():
        found = set()
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any("What runs in the sandbox" in word for word in words):
                found.add(process.pid)
        return found

    before = guests()
    yield
    assert guests() <= before
