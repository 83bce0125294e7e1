"""What `%cg2 models` and `%cg2 load` without a name show: of this machine, and of made-up ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cg2magic.errors import LoadError
from cg2magic.frontends.model_table import ModelTable, advice
from cg2magic.models import placement, survey
from cg2magic.models.catalog import CATALOG, find


@pytest.fixture
def free(monkeypatch):
    """Give the machine so many bytes of free memory."""

    def set_free(size):
        for module in (placement, survey):
            monkeypatch.setattr(module, "free_memory", lambda _: size)

    return set_free


def rows(table: ModelTable) -> dict[str, list[str]]:
    lines = [re.split(r"\s{2,}", line) for line in str(table).splitlines()]
    return {cells[0]: cells[1:] for cells in lines if len(cells) > 5}


def test_the_table_has_every_model_with_what_one_chooses_by(free):
    free(9_000_000_000)
    table = rows(ModelTable(survey.survey(), loaded="mini"))
    assert table.pop("name") == [
        "parameters",
        "download",
        "in memory",
        "fits here",
        "holes",
        "licence",
        "on this disk",
    ]
    assert set(table) == {"mini (loaded)", *(entry.name for entry in CATALOG)} - {"mini"}
    assert table["mini (loaded)"][:2] == ["8.9 M", "none"]
    assert table["mini (loaded)"][3:] == ["yes, in fp32", "many", "Apache-2.0", "package"]
    parameters, download, memory, fits, holes, licence, cached = table["codegen2-3_7B"]
    assert (parameters, download, holes, licence, cached) == ("3.6 B", "~14.6 GB", "many", "Apache-2.0", "no")
    assert memory == "14.6 GB fp32, 7.3 GB bf16, 3.6 GB int8"
    assert fits == "yes, in bf16"
    assert table["codegen2-16B"][3] == "no"
    assert table["codegen-350M-mono"][4] == "none"
    assert table["Qwen2.5-Coder-1.5B"][4] == "one"
    assert table["codegemma-2b"][5] == "Gemma, gated"
    assert table["codegen25-7b-multi_P"][3] == "can't be loaded"


def test_what_fits_is_what_a_load_would_accept(free):
    for size in (100_000_000, 3_000_000_000, 20_000_000_000):
        free(size)
        for offer in survey.survey().offers:
            least = "int8" if offer.entry.groups else "bf16"  # in which it is read
            if offer.fits:
                placement.check_memory(offer.entry.parameters, least, "cpu")
                placement.check_memory(
                    offer.entry.parameters, max(least, offer.fits, key=offer.memory.get), "cpu"
                )
            else:
                with pytest.raises(LoadError, match="not enough memory"):
                    placement.check_memory(offer.entry.parameters, least, "cpu")


def test_what_is_on_this_disk_is_shown_with_its_commit(monkeypatch):
    folder = Path("snapshots/0123456789abcdef")
    monkeypatch.setattr(
        "cg2magic.models.hub.cached", lambda repo: folder if repo == find("codegen2-1B").repo else None
    )
    table = rows(ModelTable(survey.survey()))
    assert table["codegen2-1B"][-1] == "0123456"
    assert table["codegen2-7B"][-1] == "no"


def test_the_html_is_a_table_with_headings_for_rows_and_columns():
    page = ModelTable(survey.survey())._repr_html_()
    assert page.count('<th scope="row">') == len(CATALOG)
    assert page.count('<th scope="col">') == 8
    assert "<script" not in page


def test_the_advice_names_what_runs_well_and_what_is_slow(free):
    free(20_000_000_000)
    told = advice(survey.survey())
    well, _, slow = told.partition("Fits, but writes slowly")
    assert told.startswith("This machine: cpu, 20.0 GB of memory free.")
    assert "codegen2-1B" in well
    assert "mini" in well.split()
    assert "codegen2-7B " in slow
    assert "codegen2-1B " not in slow
    assert "%cg2 load NAME" in slow
    free(50_000_000)
    told = advice(survey.survey())
    assert "mini" in told
    assert "codegen2-1B" not in told
    assert "slowly" not in told


def test_nothing_that_can_not_be_loaded_is_advised(free):
    free(10**12)
    assert "codegen25" not in advice(survey.survey())
