"""Models are known by their names, however they are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cg2magic.errors import LoadError
from cg2magic.formats import FillInMiddle, Masks
from cg2magic.models.catalog import CATALOG, closest, did_you_mean, find
from cg2magic.models.loading import load_model
from cg2magic.prompts.families import FORMATS


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
    groups = {entry.name: entry.groups for entry in CATALOG if entry.family == "codegen2" and entry.groups}
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
        kind = {"many": Masks, "one": FillInMiddle}.get(entry.holes, object)
        assert isinstance(FORMATS[entry.family], kind)
        assert (entry.holes == "none") == (entry.family == "causal")


def test_codegen1_is_grouped_in_four_and_fills_nothing():
    entries = [entry for entry in CATALOG if entry.licence == "BSD-3-Clause"]
    assert len(entries) == 12
    assert {(entry.groups, entry.holes, entry.family) for entry in entries} == {(4, "none", "causal")}


@pytest.mark.parametrize("name", ["codegen2-1B", "codegen2-16B", "codegen-350M-mono", "codegen-6B-multi"])
def test_the_parameters_are_those_of_the_shapes(name):
    layers, width = {"1B": (16, 2048), "350M": (20, 1024), "6B": (33, 4096), "16B": (34, 6144)}[
        name.split("-")[1]
    ]
    block = 12 * width * width + 7 * width  # qkv, out, fc_in, fc_out; two norms' and two biases
    assert find(name).parameters == pytest.approx(layers * block + 2 * 51_200 * width, rel=0.01)


def test_what_can_not_be_loaded_says_why_and_what_to_take_without_asking_anybody(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("no network is needed to refuse"))
    with pytest.raises(
        LoadError, match=r"tokenizer exists only as code.*never run; use codegen2-7B"
    ) as caught:
        load_model("codegen25-7b-multi_P")
    assert "\n" not in str(caught.value)


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
