"""A sandbox that the tests may try to break out of."""

from __future__ import annotations

import uuid

import psutil
import pytest

from cg2magic.sandbox import sandbox as sandbox_module
from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.sandbox import Sandbox
from tests.needs import need

#: Small, so that whoever runs into them does so soon; but the clock's, on a machine that may be busy.
LIMITS = Limits(
    cpu_seconds=1, seconds=60, memory=256 << 20, processes=16, file_size=1 << 20, folder_size=4 << 20
)


@pytest.fixture
def sandbox():
    """Bubblewrap, with small limits."""
    need("bubblewrap")
    return Sandbox(limits=LIMITS)


@pytest.fixture
def nothing_is_left(monkeypatch):
    """No process of a sandbox outlives what the test ran; others on this machine may run theirs."""
    mark = f"# {uuid.uuid4().hex}"
    source = f"{sandbox_module._guest_source()}\n{mark}\n"
    monkeypatch.setattr(sandbox_module, "_guest_source", lambda: source)
    yield
    processes = psutil.process_iter(["cmdline"])
    assert not [p.pid for p in processes if any(mark in word for word in p.info["cmdline"] or [])]
