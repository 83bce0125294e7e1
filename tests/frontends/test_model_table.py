"""What `%cg2 models` and `%cg2 load` without a name show: of this machine, and of made-up ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cg2magic.frontends.model_table import ModelTable, advice
from cg2magic.models import placement, survey
from cg2magic.models.catalog import CATALOG, find
from cg2magic.models.machine import Machine

GB = 1_000_000_000


@pytest.fixture
def machine(monkeypatch):
    """Make this machine one with so much free memory, that it reads so fast, with llama.cpp or without."""

    def make(free, *, reads=30 * GB, gguf=False):
        monkeypatch.setattr(placement, "free_memory", lambda _: free)
        monkeypatch.setattr(survey, "this_machine", lambda: Machine("cpu", 4, free, reads))
        monkeypatch.setattr(survey, "is_installed", lambda: gguf)
        return survey.survey()

    return make


def rows(table: ModelTable) -> dict[str, list[str]]:
    lines = [re.split(r"\s{2,}", line) for line in str(table).splitlines()]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 5}


def groups(table: ModelTable) -> dict[str, list[str]]:
    """Return the names in each group."""
    found: dict[str, list[str]] = {}
    for block in str(table).split("\n\n")[1:-1]:
        title, *lines = block.splitlines()
        found[title.rstrip(":")] = [line.split()[0] for line in lines]
    return found


def test_the_whole_table_has_every_model_with_what_one_chooses_by(machine):
    table = rows(ModelTable(machine(9 * GB), every=True))
    assert table.pop("name") == ["in memory", "download", "holes", "tokens/s", "HumanEval", "licence"]
    assert set(table) == {entry.name for entry in CATALOG}
    assert table["mini"][:3] == ["36 MB fp32", "on this disk", "several"]
    assert table["codegen2-3_7B"] == ["3.6 GB int8", "14.6 GB", "several", "~7", "15 %", "Apache-2.0"]
    assert table["codegen-350M-mono"][2] == "no"
    assert table["Qwen2.5-Coder-1.5B"] == ["1.5 GB int8", "3.1 GB", "yes", "~14", "44 %", "Apache-2.0"]
    assert table["codegen2-16B"][3] == "-"
    assert table["codegemma-2b"][-1] == "Gemma, gated"
    assert table["Qwen2.5-Coder-3B"][-1] == "Qwen Research (non-commercial)"


def test_the_loaded_model_is_on_top_then_what_is_recommended_what_fits_and_what_does_not(machine):
    found = groups(ModelTable(machine(9 * GB), loaded="mini"))
    assert list(found) == ["Loaded", "Recommended for this machine", "Fits", "Too large for this machine"]
    assert found["Loaded"] == ["mini"]
    chosen = [f"Qwen2.5-Coder-{size}" for size in ("0.5B", "1.5B", "3B")]
    assert found["Recommended for this machine"] == chosen
    assert 3 <= len(found["Fits"]) <= 5
    assert "Qwen2.5-Coder-7B" in found["Too large for this machine"]
    assert "Loaded: my-folder" in str(ModelTable(machine(9 * GB), loaded="my-folder")).splitlines()[0]


def test_one_row_stands_for_a_size_until_all_are_wanted(machine):
    found = machine(10**12)
    shown = [name for names in groups(ModelTable(found)).values() for name in names]
    assert len({find(name).size for name in shown}) == len(shown) < 10
    every = [name for names in groups(ModelTable(found, every=True)).values() for name in names]
    assert {"codegen2-1B", "codegen2-1B_P", "codegen-2B-mono", "codegen-2B-nl"} <= set(every)
    assert "--all" in str(ModelTable(found))
    assert "--all" not in str(ModelTable(found, every=True))


def test_what_fits_is_what_a_load_would_accept(machine):
    for size in (GB // 10, 3 * GB, 20 * GB):
        for offer in machine(size).offers:
            # Other layouts than CodeGen's are read in bf16, then quantized.
            read = "bf16" if offer.way.precision == "int8" and not offer.entry.groups else offer.way.precision
            assert offer.fits == placement.fits(offer.entry.parameters, read, "cpu")


def test_what_is_on_this_disk_needs_no_download_and_is_preferred_to_a_file_that_does(machine, monkeypatch):
    folder = Path("snapshots/0123456789abcdef")
    here = find("Qwen2.5-Coder-1.5B").repo
    monkeypatch.setattr("cg2magic.models.hub.cached", lambda repo: folder if repo == here else None)
    table = rows(ModelTable(machine(9 * GB, gguf=True), every=True))
    assert table["Qwen2.5-Coder-1.5B"][1] == "on this disk"
    assert "Qwen2.5-Coder-0.5B" not in table
    assert table["bartowski/Qwen2.5-Coder-0.5B-GGUF:Q4_K_M"][1] == "391 MB"


def test_the_html_is_a_table_with_headings_and_the_rest_is_behind_show_all(machine):
    page = ModelTable(machine(9 * GB), loaded="mini")._repr_html_()
    best, _, every = page.partition(f"<details><summary>show all {len(CATALOG)}</summary>")
    assert every.count('<th scope="row">') == len(CATALOG)
    assert best.count('<th scope="row">') < 15
    assert best.count('<th scope="rowgroup"') == 4
    assert every.count('<th scope="col">') == 7
    assert "<script" not in page


def commands(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("%cg2 load")]


def test_the_advice_is_three_lines_to_copy_from_a_quick_start_to_the_best_that_is_fluent(machine):
    told = advice(machine(20 * GB, gguf=True))
    assert "This machine: cpu, 4 cores, 20.0 GB of memory free, read at 30.0 GB/s." in told
    assert commands(told) == [
        "%cg2 load bartowski/Qwen2.5-Coder-0.5B-GGUF:Q4_K_M",
        "%cg2 load QuantFactory/Qwen2.5-Coder-1.5B-GGUF:Q4_K_M",
        "%cg2 load bartowski/Qwen2.5-Coder-3B-GGUF:Q4_K_M",
    ]
    first, better, best = (line for line in told.splitlines() if line.startswith("#"))
    assert first == "# quick start: download 391 MB, fills holes, ~40 tokens/s, HumanEval 28 %, Apache-2.0"
    assert better.startswith("# better: download 1.0 GB")
    assert best.startswith("# the best that is fluent: download 2.0 GB")
    assert best.endswith("Qwen Research (non-commercial)")
    assert max(map(len, told.splitlines())) <= 120


def test_a_faster_memory_allows_larger_models_and_a_slow_one_only_small_ones(machine):
    fast = commands(advice(machine(200 * GB, reads=1000 * GB, gguf=True)))
    assert fast[-1] == "%cg2 load bartowski/Qwen2.5-Coder-32B-GGUF:Q4_K_M"
    slow = commands(advice(machine(200 * GB, reads=8 * GB)))
    assert slow == ["%cg2 load Qwen2.5-Coder-0.5B"]
    assert "%cg2 load http://HOST:8000/v1" in advice(machine(GB // 10))
    assert "%cg2 load http://HOST:8000/v1" in advice(machine(200 * GB, reads=1 * GB))


def test_without_llama_cpp_the_advice_says_what_it_would_gain(machine):
    assert "pip install 'cg2magic[gguf]'" in advice(machine(20 * GB))
    assert "pip install" not in advice(machine(20 * GB, gguf=True))


@pytest.mark.parametrize("gguf", [False, True])
def test_only_what_anybody_can_load_and_what_fills_holes_is_recommended(machine, gguf):
    for reads in (10 * GB, 100 * GB, 10_000 * GB):
        for offer in machine(10**12, reads=reads, gguf=gguf).recommended:
            assert not offer.entry.gated
            assert not offer.entry.refusal
            assert offer.entry.holes != "none"
            assert offer.way.speed >= survey.FLUENT
