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


def test_variants_of_one_size_are_told_apart_by_the_end_of_their_names_only():
    sizes = {find(name).size for name in ("codegen-2B-mono", "codegen-2B-multi", "codegen-2B-nl")}
    assert sizes == {"codegen-2B"}
    assert find("codegen2-7B_P").size == find("codegen2-7B").size
    assert find("codegen25-7b-mono_P").size == "codegen25-7b"
    assert find("starcoder2-7b").size == "starcoder2-7b"


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


def test_names_with_all_the_words_come_first_then_the_closest():
    assert closest("qwen") == ("Qwen2.5-Coder-0.5B", "Qwen2.5-Coder-1.5B", "Qwen2.5-Coder-3B")
    assert closest("QWEN 7b") == ("Qwen2.5-Coder-7B",)
    assert closest("starcoder2")[0] == "starcoder2-3b"
    assert closest("codegen2-3.7B")[0] == "codegen2-3_7B"
    assert closest("Salesforce/codegen2-1")[0] == "codegen2-1B"
    assert closest("minni") == ("mini",)
    assert closest("zzz") == ()


def test_an_unknown_name_is_answered_with_known_ones_or_the_way_to_them():
    assert did_you_mean("Granit") == (
        "did you mean granite-3b-code-base-2k, granite-8b-code-base-4k or granite-20b-code-base-8k?"
    )
    assert did_you_mean("minni") == "did you mean mini?"
    assert "`%cg2 load` without a name" in did_you_mean("zzz")
    with pytest.raises(LoadError, match=r"no model 'qwen'; did you mean Qwen2\.5-Coder-0\.5B, "):
        load_model("qwen")


def test_what_is_published_about_the_base_models_grows_with_their_size():
    for family in ("Qwen2.5-Coder", "deepseek-coder", "starcoder2", "codegen2-"):
        entries = [e for e in CATALOG if e.name.startswith(family) and e.humaneval is not None]
        solved = [e.humaneval for e in sorted(entries, key=lambda e: e.parameters)]
        assert len(solved) >= 3
        assert solved == sorted(solved)


@pytest.mark.parametrize(
    ("name", "megabytes"),
    [("Qwen2.5-Coder-0.5B", 398), ("Qwen2.5-Coder-1.5B", 986), ("Qwen2.5-Coder-7B", 4_683)],
)
def test_the_size_of_a_file_of_four_bits_is_near_the_real_one(name, megabytes):
    assert find(name).in_four_bits == pytest.approx(megabytes * 1e6, rel=0.05)


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
