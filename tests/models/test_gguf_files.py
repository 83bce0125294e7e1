"""A GGUF may be anything: what is wrong with it is said in one line, and nothing ends the kernel."""

from __future__ import annotations

import random
import re
import struct
from pathlib import Path

import pytest

from cg2magic.engines.gguf.engine import GgufEngine
from cg2magic.errors import LoadError
from cg2magic.models.export import export
from cg2magic.models.gguf import trial
from cg2magic.models.gguf.header import parts_of, read_header
from cg2magic.models.gguf.loading import load_gguf
from cg2magic.models.gguf.sources import find_gguf
from cg2magic.progress import LoadCancelled, Watch
from cg2magic.request import Request, Sampling
from tests.checkpoints import write_checkpoint
from tests.needs import need_llama_cpp

EXTREMES = (0, 1, 2, 255, 1 << 15, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 64) - 1)


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A model of random weights in a file of some 100 kB."""
    need_llama_cpp()
    folder = tmp_path_factory.mktemp("small")
    export(str(write_checkpoint(folder / "random")), folder / "out", gguf=True, groups=8)
    return folder / "out" / "model.gguf"


def load(path: Path, **how):
    return load_gguf(find_gguf(str(path), Watch()), device="cpu", watch=Watch(**how))


def refusal(path: Path) -> str:
    """Return the line with which a file is refused."""
    with pytest.raises(LoadError) as caught:
        load(path)
    line = str(caught.value)
    assert "\n" not in line
    assert 20 < len(line) < 600
    return line


def with_field(source: Path, target: Path, name: str, value: object) -> Path:
    """Copy a file with another value of a field."""
    import gguf

    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, "x")
    for field in reader.fields.values():
        if field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        each = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.kv_data[0].pop(field.name, None)
        writer.add_key_value(field.name, value if field.name == name else field.contents(), kind, each)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_the_header_says_what_the_file_is(small):
    header = read_header(small)
    assert (header.architecture, header.precision) == ("phi2", "F32")
    assert header.context == header.number("phi2.context_length")
    assert header.weights * 4 == header.nbytes


def test_a_hundred_mutations_never_end_the_process(small, tmp_path):
    content = small.read_bytes()
    # Everything before the first tensor's data.
    end = len(content) - read_header(small).nbytes
    order = random.Random(16)
    lines = []
    for i in range(100):
        changed = bytearray(content)
        where = order.randrange(end)
        if i % 4 == 0:
            changed[where] ^= 1 << order.randrange(8)
        elif i % 4 == 1:
            form = order.choice(("<I", "<Q"))
            value = order.choice(EXTREMES) % (1 << 8 * struct.calcsize(form))
            struct.pack_into(form, changed, min(where, end - 8), value)
        elif i % 4 == 2:
            changed[where : where + order.randrange(1, 40)] = order.randbytes(order.randrange(40))
        else:
            del changed[order.randrange(len(changed)) :]
        path = tmp_path / "changed.gguf"
        path.write_bytes(changed)
        try:
            engine = GgufEngine(load(path))
        except LoadError as error:
            lines.append(str(error))
        else:
            engine.generate(Request(("x = 1\n",), Sampling(max_new_tokens=3)))
            engine.close()
    assert len(lines) > 50
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("general.architecture", "llama9", "does not know the architecture 'llama9'"),
        ("phi2.attention.head_count", 0, "breaks down on it|can't load it"),
        ("phi2.block_count", 4000, "breaks down on it|can't load it"),
        ("phi2.embedding_length", 7, "can't load it .*token_embd.weight"),
        ("tokenizer.ggml.model", "bert", "of the kind 'bert'|can't load it"),
        ("tokenizer.ggml.tokens", ["a", "b"], "token_type does not fit its vocabulary"),
        ("tokenizer.ggml.eos_token_id", 70_000, "eos_token_id is 70000"),
    ],
)
def test_a_field_that_is_wrong_is_said(small, tmp_path, name, value, said):
    line = refusal(with_field(small, tmp_path / "wrong.gguf", name, value))
    assert re.search(said, line), line


def test_a_file_that_is_cut_off_or_no_gguf_is_said_without_a_trial(small, tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("a trial was made"))
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(small.read_bytes()[:-100])
    assert "cut is cut off" in refusal(cut).replace("cut.gguf is", "cut is")
    assert refusal(cut).endswith("download it again")
    cut.write_bytes(b"GGUF")
    assert "damaged" in refusal(cut)
    cut.write_bytes(b"PK\x03\x04 something else entirely")
    assert "is not a GGUF file" in refusal(cut)
    cut.write_bytes(b"")
    assert "is not a GGUF file" in refusal(cut)
    cut.write_bytes(b"GGUF" + struct.pack("<IQQ", 1, 0, 0))
    assert "version 1" in refusal(cut)


def test_a_file_that_was_tried_is_not_tried_again_unless_it_changes(small, tmp_path, monkeypatch):
    path = tmp_path / "own.gguf"
    path.write_bytes(small.read_bytes())
    tried = []
    really = trial._try
    monkeypatch.setattr(trial, "_try", lambda *what: tried.append(what) or really(*what))
    for _ in range(2):
        load(path).model.close()
    assert len(tried) == 1
    path.write_bytes(small.read_bytes() + b"\0")
    load(path).model.close()
    assert len(tried) == 2


def test_a_load_can_be_cancelled_while_it_is_tried(small, tmp_path):
    path = tmp_path / "own.gguf"
    path.write_bytes(small.read_bytes())
    told = []
    with pytest.raises(LoadCancelled):
        load(path, progress=told.append, cancelled=lambda: bool(told))
    assert told[0].what == "checking own.gguf"


def test_a_model_in_several_files_is_loaded_from_any_of_them(small, tmp_path):
    import gguf

    reader = gguf.GGUFReader(small)
    names = [tmp_path / f"two-0000{k}-of-00002.gguf" for k in (1, 2)]
    middle = len(reader.tensors) // 2
    for k, path in enumerate(names):
        writer = gguf.GGUFWriter(path, "phi2")
        if k == 0:
            for field in reader.fields.values():
                if not field.name.startswith("GGUF.") and field.name != "general.architecture":
                    kind = field.types[0]
                    each = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
                    writer.add_key_value(field.name, field.contents(), kind, each)
        writer.add_uint16("split.no", k)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in reader.tensors[middle * k : middle if k == 0 else None]:
            writer.add_tensor(tensor.name, tensor.data)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    assert parts_of(names[1]) == tuple(names)
    assert read_header(names[1]).weights == read_header(small).weights
    loaded = load(names[1])
    assert loaded.parameters == read_header(small).weights
    loaded.model.close()
    names[1].unlink()
    with pytest.raises(LoadError, match=r"two-00002-of-00002\.gguf is missing, one of 2 parts"):
        find_gguf(str(names[0]), Watch())
