"""The export: a checkpoint that programs which know nothing of this package can run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from cg2magic.__main__ import main
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import LoadError
from cg2magic.models import export as exporting
from cg2magic.models.export import export
from cg2magic.progress import Progress
from cg2magic.request import Request, Sampling
from tests.checkpoints import make_config, make_weights, write_checkpoint
from tests.needs import need_package

PROMPT = "import numpy as np\n\n\ndef mean(values):\n"

# A program of somebody else's: it has transformers and the folder, and not this package.
ELSEWHERE = """
import json, sys
sys.modules["cg2magic"] = None
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, prompt = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
with torch.no_grad():
    logits = model(ids).logits[0, -1].tolist()
    written = model.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1]:].tolist()
print(json.dumps({"class": type(model).__name__, "dtype": str(model.dtype), "ids": ids[0].tolist(),
                  "logits": logits, "written": written}))
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "mini"
    export("mini", folder, precision="fp32")
    return folder


def test_plain_transformers_computes_the_same_from_it_with_no_code_of_ours(exported, mini):
    engine = LocalEngine(mini)
    ran = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(exported), PROMPT], capture_output=True, text=True, check=True
    )
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["class"], told["dtype"]) == ("PhiForCausalLM", "torch.float32")
    assert told["ids"] == engine.vocabulary.encode(PROMPT)
    with torch.inference_mode():
        logits = mini.model(torch.tensor([told["ids"]])).logits[0, -1]
    torch.testing.assert_close(torch.tensor(told["logits"]), logits.clone(), rtol=0, atol=1e-4)
    local = engine.generate(Request((PROMPT,), Sampling(max_new_tokens=24))).suggestions[0]
    written = [token.id for token in local.tokens]
    assert written
    # Ours ends where the block does.
    assert told["written"][: len(written)] == written


def test_the_configuration_names_no_code_and_says_what_older_programs_read(exported):
    config = json.loads((exported / "config.json").read_text())
    assert config["architectures"] == ["PhiForCausalLM"]
    assert "auto_map" not in config
    assert config["partial_rotary_factor"] == config["rope_parameters"]["partial_rotary_factor"] == 0.5
    assert config["rope_theta"] == 10000.0
    assert not list(exported.glob("*.py"))


def test_a_server_that_reads_it_ends_at_the_end_of_a_text_and_of_a_fill(exported, mini):
    ends = json.loads((exported / "generation_config.json").read_text())["eos_token_id"]
    assert mini.tokenizer.convert_ids_to_tokens(ends) == ["<|endoftext|>", "<eom>"]


def test_large_weights_are_written_in_several_files_and_are_the_same(exported, tmp_path):
    export("mini", tmp_path / "out", precision="fp32", shard=4_000_000)
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(files) > 5
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())["weight_map"]
    assert {file.name for file in files} == set(index.values())
    with safe_open(exported / "model.safetensors", framework="pt") as whole:
        assert set(whole.keys()) == set(index)
        for name in whole.keys():  # noqa: SIM118 - not a dictionary
            with safe_open(tmp_path / "out" / index[name], framework="pt") as part:
                assert torch.equal(part.get_tensor(name), whole.get_tensor(name))
    # A tensor larger than the limit has a file of its own; no other file is above it.
    for file in files:
        with safe_open(file, framework="pt") as part:
            assert len(list(part.keys())) == 1 or file.stat().st_size < 4_100_000


def test_it_loads_here_again_and_fills_holes(exported):
    from cg2magic.models.loading import load_model

    loaded = load_model(str(exported))
    assert (loaded.family, loaded.precision) == ("codegen2", "fp32")


def test_the_precision_is_that_of_the_checkpoint_unless_another_is_asked_for(tmp_path, capsys):
    assert main(["export", "mini", str(tmp_path / "as-it-is")]) == 0
    assert main(["export", "mini", str(tmp_path / "bf16"), "--precision", "bf16"]) == 0
    dtypes = [json.loads((tmp_path / n / "config.json").read_text())["dtype"] for n in ("as-it-is", "bf16")]
    assert dtypes == ["float16", "bfloat16"]
    assert f"serve it with: vllm serve {tmp_path / 'bf16'}" in capsys.readouterr().out


def test_a_gguf_in_8_bits_holds_the_weights_of_the_export(tmp_path):
    need_package("gguf", "test")
    import gguf

    assert main(["export", "mini", str(tmp_path / "m"), "--gguf", "--outtype", "q8_0"]) == 0
    read = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "m" / "model.gguf").tensors}
    with safe_open(tmp_path / "m" / "model.safetensors", "pt") as weights:
        for name, there, kind in (
            ("output.weight", "lm_head.weight", "Q8_0"),
            ("blk.3.ffn_down.weight", "model.layers.3.mlp.fc2.weight", "Q8_0"),
            ("blk.3.ffn_down.bias", "model.layers.3.mlp.fc2.bias", "F32"),
        ):
            tensor, exact = read[name], weights.get_tensor(there).float()
            assert tensor.tensor_type.name == kind
            near = torch.tensor(gguf.dequantize(tensor.data, tensor.tensor_type)).view(exact.shape)
            # Half a step of the largest, and what a scale in 16 bits adds; vectors are as they were.
            step = exact.abs().max() / 127 if kind == "Q8_0" else 0
            assert (near - exact).abs().max() <= 0.6 * step
    assert (tmp_path / "m" / "model.gguf").stat().st_size < 0.7 * (
        tmp_path / "m" / "model.safetensors"
    ).stat().st_size


def test_an_outtype_is_that_of_a_gguf(tmp_path, capsys):
    assert main(["export", "mini", str(tmp_path / "m"), "--outtype", "q8_0"]) == 1
    assert capsys.readouterr().err.endswith("is only for a GGUF; add --gguf (gguf=True)\n")
    assert main(["export", "mini", str(tmp_path / "m"), "--gguf", "--outtype", "q4"]) == 1
    assert capsys.readouterr().err.endswith("can't write a GGUF of outtype 'q4'; use auto or q8_0\n")
    assert not (tmp_path / "m").exists()


def test_a_count_of_groups_that_is_wrong_is_not_exported(tmp_path):
    with pytest.raises(LoadError, match="only make sense in 8"):
        export("mini", tmp_path / "out", groups=4)
    assert not list(tmp_path.glob("*out*"))


def test_a_model_larger_than_the_memory_is_exported_by_its_declared_groups(tmp_path, monkeypatch):
    def no_room(*_: object) -> None:
        raise LoadError("not enough memory")

    monkeypatch.setattr(exporting, "check_memory", no_room)
    source = write_checkpoint(tmp_path / "source", make_config(), make_weights(make_config()), declared=8)
    done = export(str(source), tmp_path / "out")
    assert (done.groups, done.proven) == (8, False)
    undeclared = write_checkpoint(tmp_path / "undeclared", declared=None)
    with pytest.raises(LoadError, match="--groups"):
        export(str(undeclared), tmp_path / "out2")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert main(["export", "mini", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert "not empty" in error
    assert error.count("\n") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_an_empty_folder_may_be_written_to(tmp_path):
    (tmp_path / "out").mkdir()
    export("mini", tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_nothing_is_left_of_an_export_that_is_interrupted(tmp_path):
    def interrupt(progress: Progress) -> None:
        if progress.what == "writing the export" and progress.done > progress.total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export("mini", tmp_path / "out", progress=interrupt)
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_model_of_another_layout_is_said_to_need_none(exported, tmp_path):
    with pytest.raises(LoadError, match=r"needs no export: serve .*mini as it is"):
        export(str(exported), tmp_path / "out")
