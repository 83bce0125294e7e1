"""Models are known by their names, however they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cg2magic.formats import FORMATS
from cg2magic.models.catalog import CATALOG, closest, did_you_mean, find


@pytest.mark.parametrize(
    "name", ["codegen2-1B", "CODEGEN2-1b", "Salesforce/codegen2-1B", "salesforce/CodeGen2-1B"]
)
def test_a_name_is_found_in_any_case_and_by_its_id(name):
    entry = find(name)
    assert entry is not None
    assert entry.name == "codegen2-1B"


@pytest.mark.parametrize("name", ["codegen2", "Salesforce", "", "None", "Salesforce/mini"])
def test_what_is_no_name_is_not_found(name):
    assert find(name) is None


def test_codegen2_is_grouped_by_its_size():
    groups = {entry.name: entry.groups for entry in CATALOG}
    assert groups == {
        "mini": 8,
        "codegen2-1B": 8,
        "codegen2-3_7B": 8,
        "codegen2-7B": 4,
        "codegen2-16B": 4,
        "codegen2-1B_P": 8,
        "codegen2-3_7B_P": 8,
        "codegen2-7B_P": 4,
        "codegen2-16B_P": 4,
    }


def test_every_entry_can_be_asked():
    assert len({entry.name for entry in CATALOG}) == len(CATALOG)
    for entry in CATALOG:
        assert entry.family in FORMATS
        assert (entry.repo is None) == (entry.name == "mini")


def test_the_closest_names_come_first():
    assert closest("codegen2-3.7B")[0] == "codegen2-3_7B"
    assert closest("Salesforce/codegen2-1")[0] == "codegen2-1B"
    assert closest("minni") == ("mini",)
    assert closest("zzz") == ()
    assert did_you_mean("zzz") == "did you mean mini or codegen2-1B?"


def test_importing_the_room_imports_no_torch():
    code = (
        "import sys, cg2magic.models, cg2magic.models.catalog, cg2magic.models.loading\n"
        "print({'torch', 'transformers', 'safetensors', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "set()"
