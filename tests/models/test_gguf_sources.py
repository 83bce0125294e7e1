"""Where GGUF files come from: the Hub, Ollama's store and LM Studio's folder; and which one is taken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from cg2magic.errors import LoadError
from cg2magic.models import on_disk
from cg2magic.models.gguf.quants import choose_quant, quant_of
from cg2magic.models.gguf.sources import find_gguf
from cg2magic.progress import Watch
from tests.models.test_hub import COMMIT, Hub, server

__all__ = ["Hub", "server"]

FILE = b"GGUF" + b"\0" * 60


def find(name: str | Path):
    return find_gguf(str(name), Watch())


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FILE)
    return path


def pull(store: Path, model: str, tag: str, *, layers: list | None = None, blob: bool = True) -> Path:
    """Put a model into a store in Ollama's layout; the file with its weights."""
    digest = f"{abs(hash((model, tag))):064x}"[-64:]
    kept = [
        {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "0" * 64, "size": 9},
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(FILE)},
    ]
    manifest = store / "manifests" / model / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": kept if layers is None else layers}))
    return write(store / "blobs" / f"sha256-{digest}") if blob else store / "blobs" / f"sha256-{digest}"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A home of one's own, in which no program keeps anything yet."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("name", "quant"),
    [
        ("qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("Qwen2.5-Coder-7B.Q8_0.gguf", "Q8_0"),
        ("model-IQ4_XS.gguf", "IQ4_XS"),
        ("Llama-3.2-1B-Instruct-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("model-BF16-00001-of-00002.gguf", "BF16"),
        ("Q6_K/model-Q6_K-00001-of-00003.gguf", "Q6_K"),
        ("model.gguf", ""),
        ("q2e-model-f16.gguf", "F16"),
    ],
)
def test_the_quantization_is_read_from_the_name_of_a_file(name, quant):
    assert quant_of(name) == quant


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("Q8_0", "Q4_K_M", "Q5_K_M"), "Q4_K_M"),
        (("Q8_0", "Q4_K_S", "Q4_0"), "Q4_K_S"),
        (("Q8_0", "Q5_K_M", "Q3_K_M"), "Q5_K_M"),
        (("Q8_0", "F16"), "Q8_0"),
        (("Q2_K", "F16"), "Q2_K"),
    ],
)
def test_without_a_quantization_the_nearest_to_four_bits_is_taken_and_said(there, chosen):
    files, note = choose_quant([f"model-{quant}.gguf" for quant in there], None, "x/y")
    assert files == (f"model-{chosen}.gguf",)
    assert (f"this is {chosen}" in note) == (chosen != "Q4_K_M")


def test_all_parts_of_a_model_are_taken_and_what_is_no_language_model_is_not():
    parts = [f"m-Q4_K_M-0000{k}-of-00002.gguf" for k in (2, 1)]
    files, _ = choose_quant([*parts, "mmproj-model-Q4_K_M.gguf", "README.md", "m-Q8_0.gguf"], None, "x/y")
    assert files == tuple(sorted(parts))
    with pytest.raises(LoadError, match=r"x/y has no Q5_0; it has Q4_K_M, Q8_0"):
        choose_quant([*parts, "m-Q8_0.gguf"], "q5_0", "x/y")


def test_a_file_is_found_by_its_path_and_by_its_folder(tmp_path):
    file = write(tmp_path / "models" / "some.gguf")
    assert find(file).path == find(file.parent).path == file
    assert find(file).name == "some"
    write(tmp_path / "models" / "other.gguf")
    with pytest.raises(LoadError, match=r"several GGUF files.*other\.gguf, some\.gguf"):
        find(file.parent)
    with pytest.raises(LoadError, match="there is no file"):
        find(tmp_path / "gone.gguf")
    # The folder of a checkpoint stays one.
    (tmp_path / "models" / "config.json").write_text("{}")
    assert find(file.parent) is None
    assert find("mini") is find("Salesforce/codegen2-1B") is None


def test_a_model_of_ollama_is_found_by_its_name_there(home, tmp_path, monkeypatch):
    registry = "registry.ollama.ai"
    store = home / ".ollama" / "models"
    blob = pull(store, f"{registry}/library/qwen2.5-coder", "1.5b")
    latest = pull(store, f"{registry}/library/codegemma", "latest")
    theirs = pull(store, "hf.co/someone/model-GGUF", "Q4_K_M")
    assert find("ollama:qwen2.5-coder:1.5b").path == blob
    assert find("ollama:codegemma").path == latest
    assert find("ollama:hf.co/someone/model-GGUF:Q4_K_M").path == theirs
    with pytest.raises(
        LoadError, match=r"no model starcoder.*it has codegemma:latest.*`ollama pull starcoder`"
    ):
        find("ollama:starcoder")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "elsewhere"))
    with pytest.raises(LoadError, match="OLLAMA_MODELS"):
        find("ollama:codegemma")
    there = pull(tmp_path / "elsewhere", f"{registry}/library/codegemma", "latest")
    assert find("ollama:codegemma").path == there


def test_a_damaged_store_of_ollama_is_said_and_no_name_leads_out_of_it(home):
    store = home / ".ollama" / "models"
    pull(store, "registry.ollama.ai/library/empty", "latest", layers=[])
    pull(store, "registry.ollama.ai/library/gone", "latest", blob=False)
    (store / "manifests/registry.ollama.ai/library/torn").mkdir()
    (store / "manifests/registry.ollama.ai/library/torn/latest").write_text("{")
    evil = [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../etc/passwd"}]
    pull(store, "registry.ollama.ai/library/evil", "latest", layers=evil)
    for name, said in (
        ("empty", "names no weights"),
        ("gone", "lacks the weights"),
        ("torn", "names no weights"),
        ("evil", "names no weights"),
        ("../../../x:y", "is not the name of a model"),
    ):
        with pytest.raises(LoadError, match=said):
            find(f"ollama:{name}")


def test_lm_studios_folder_is_looked_through_before_the_hub(home):
    folder = home / ".lmstudio" / "models" / "someone" / "model-GGUF"
    q4, q8 = write(folder / "model-Q4_K_M.gguf"), write(folder / "model-Q8_0.gguf")
    write(folder / "mmproj-model-F16.gguf")
    assert find("someone/model-GGUF").path == q4
    assert find("someone/model-GGUF:Q8_0").path == q8
    # What it lacks may be on the Hub, which is switched off here.
    with pytest.raises(LoadError, match="HF_HUB_OFFLINE"):
        find("someone/model-GGUF:Q6_K")


@pytest.mark.usefixtures("home")
def test_one_file_is_fetched_from_the_hub_and_stays_at_its_commit(server, tmp_path):
    theirs = tmp_path / "theirs"
    for quant in ("Q4_K_M", "Q8_0", "F16"):
        write(theirs / f"model-{quant}.gguf")
    server.models["someone/model-GGUF"] = theirs
    server.cuts["model-Q4_K_M.gguf"] = 20
    told = []
    source = find_gguf("someone/model-GGUF:q4_k_m", Watch(told.append))
    assert source.path.read_bytes() == FILE
    assert source.origin == f"someone/model-GGUF@{COMMIT[:12]}"
    assert not server.cuts  # the connection was cut, and the download went on
    assert told[-1].done == told[-1].total == len(FILE)
    assert not any("Q8_0" in path or "F16" in path for path in server.asked if "resolve" in path)
    # And again without the network.
    server.asked.clear()
    assert find("someone/model-GGUF").path == source.path
    assert not server.asked
    # Another one of the same model.
    assert find("someone/model-GGUF:Q8_0").path.name == "model-Q8_0.gguf"
    with pytest.raises(LoadError, match="has no Q3_K_M; it has F16, Q4_K_M, Q8_0"):
        find("someone/model-GGUF:Q3_K_M")
    with pytest.raises(LoadError, match="the Hub has no model"):
        find("nobody/none-GGUF")


def test_the_names_on_this_disk_are_all_that_can_be_loaded_by_name(home, tmp_path):
    pull(home / ".ollama" / "models", "registry.ollama.ai/library/codegemma", "2b")
    write(home / ".lmstudio" / "models" / "someone" / "other-GGUF" / "other-Q8_0.gguf")
    write(tmp_path / "cache" / "models--a--b-GGUF" / "snapshots" / COMMIT / "b-Q4_0.gguf")
    config = tmp_path / "cache" / "models--Salesforce--codegen2-1B" / "snapshots" / COMMIT / "config.json"
    config.parent.mkdir(parents=True)
    config.write_text("{}")
    write(Path("here.gguf"))
    assert on_disk.names() == [
        "a/b-GGUF:Q4_0",
        "codegen2-1B",
        "here.gguf",
        "mini",
        "ollama:codegemma:2b",
        "someone/other-GGUF",
    ]
