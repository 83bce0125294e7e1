"""Where a model goes, in which precision, and how much room there is."""

from __future__ import annotations

import sys

import pytest
import torch

from cg2magic.errors import LoadError
from cg2magic.models import placement
from cg2magic.models.placement import check_memory, free_memory, resolve_device, resolve_precision
from cg2magic.wording import gigabytes, one_line


def test_the_precision_follows_the_device_and_the_size(monkeypatch):
    assert resolve_precision("auto", "cpu", 30_000_000) == "fp32"
    assert resolve_precision("auto", "cpu", 1_000_000_000) == "int8"
    with pytest.raises(LoadError, match="int8 is for the CPU"):
        resolve_precision("int8", "cuda", 1_000_000_000)
    assert resolve_precision("auto", "mps", 30_000_000) == "fp16"
    assert resolve_precision("fp16", "cpu", 30_000_000) == "fp16"
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, _: major < 14)
    with pytest.raises(LoadError, match="bf16 on mps needs macOS 14"):
        resolve_precision("bf16", "mps", 30_000_000)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *_: True)
    assert resolve_precision("bf16", "mps", 30_000_000) == "bf16"


def test_without_a_gpu_of_nvidias_it_is_apples_or_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == "mps"
    assert resolve_device("cpu") == "cpu"
    for device in ("cuda", "cuda:2", "meta"):
        with pytest.raises(LoadError, match=f"no device '{device}'"):
            resolve_device(device)


def test_the_memory_of_this_machine_is_known():
    if sys.platform == "linux":
        free = free_memory("cpu")
        assert free is not None
        assert 50e6 < free < 1e14


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc on this system; Linux has it")
def test_without_psutil_the_system_is_asked(monkeypatch):
    with_psutil = placement._free_of_machine()
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert placement._free_of_machine() == pytest.approx(with_psutil, rel=0.2)


def test_where_the_memory_is_unknown_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(placement, "free_memory", lambda _device: None)
    check_memory(10**12, "fp32", "cpu")


def test_the_line_names_both_sizes(monkeypatch):
    monkeypatch.setattr(placement, "free_memory", lambda _device: 8_000_000_000)
    with pytest.raises(LoadError) as caught:
        check_memory(6_862_000_000, "bf16", "cuda")
    assert "not enough memory of cuda: it needs 15.1 GB in bf16, but only 8.0 GB is free" in str(caught.value)
    assert "precision=" not in str(caught.value)


def test_sizes_and_errors_fit_a_line():
    assert [gigabytes(n) for n in (2.04e9, 1.5e8, 38.2e6, 700, 0)] == [
        "2.0 GB",
        "150 MB",
        "38 MB",
        "700 bytes",
        "0 bytes",
    ]
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(ValueError("x" * 500)) == "x" * 199 + "…"
