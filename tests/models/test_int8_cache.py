"""Quantized weights on disk: there the next time, and never in the way."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from cg2magic.models.codegen import checkpoint as layout
from cg2magic.models.int8 import cache as int8_cache
from cg2magic.models.int8 import files as int8_files
from cg2magic.models.loading import load_model
from cg2magic.progress import LoadCancelled
from tests.checkpoints import make_config, make_weights, write_checkpoint

IDS = torch.arange(60)[None]


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch) -> Path:
    """The folder of the files, in a home of its own."""
    folder = tmp_path / "kept"
    monkeypatch.setattr(int8_files, "folder", lambda: folder)
    return folder


@pytest.fixture
def read_anew(monkeypatch) -> list[str]:
    """Gets an entry for each time a checkpoint itself is read."""
    times: list[str] = []
    load_phi = layout.load_phi

    def counted(*args, **kwargs):
        times.append(kwargs["precision"])
        return load_phi(*args, **kwargs)

    monkeypatch.setattr(layout, "load_phi", counted)
    return times


def load(folder, **options):
    return load_model(str(folder), precision="int8", **options)


def logits(loaded):
    return loaded.model(IDS).logits


def only_file(kept: Path) -> Path:
    (file,) = kept.iterdir()
    return file


def test_the_second_load_reads_what_the_first_has_kept(checkpoint, read_anew, kept):
    told = []
    first = load(checkpoint)
    second = load(checkpoint, progress=told.append)
    assert read_anew == ["int8"]
    assert torch.equal(logits(first), logits(second))
    assert (second.groups, second.parameters, second.memory) == (8, first.parameters, first.memory)
    assert not any(tensor.is_meta for tensor in (*second.model.parameters(), *second.model.buffers()))
    size = only_file(kept).stat().st_size
    assert [p for p in told if p.what == "reading random"][-1].done == size == int8_files.size()
    assert told[-1].what == "packing random"
    assert told[-1].done == told[-1].total


def test_the_file_is_plain_int8_that_any_reader_of_safetensors_opens(checkpoint, kept):
    loaded = load(checkpoint)
    with safe_open(only_file(kept), framework="pt") as file:
        w = file.get_tensor("model.layers.0.mlp.fc2.weight")
        scale = file.get_tensor("model.layers.0.mlp.fc2.scale")
    weight = make_weights(make_config())["transformer.h.0.mlp.fc_out.weight"]
    assert w.dtype == torch.int8
    assert (w * scale[:, None] - weight).abs().max() <= scale.max() * 0.51
    assert torch.equal(loaded.model.model.layers[0].mlp.fc2.unpack()[0], w)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda _: b"",
        lambda _: b"not safetensors",
        lambda data: data[:-5000] + bytes([data[-5000] ^ 1]) + data[-4999:],
        lambda data: data.replace(b'"groups"', b'"groupz"'),
        lambda data: data.replace(b"layers.1", b"layers.7"),
    ],
    ids=["cut short", "empty", "garbage", "one bit", "no groups", "other names"],
)
def test_a_damaged_file_is_made_again(checkpoint, read_anew, kept, damage):
    before = logits(load(checkpoint))
    whole = only_file(kept).read_bytes()
    only_file(kept).write_bytes(damage(whole))
    assert torch.equal(logits(load(checkpoint)), before)
    assert len(read_anew) == 2
    assert only_file(kept).read_bytes() == whole


def test_what_is_kept_of_another_shape_is_not_used(tmp_path, kept, read_anew):
    small, large = (write_checkpoint(tmp_path / str(width), make_config(width=width)) for width in (64, 128))
    load(small)
    small_file = only_file(kept)
    load(large)
    (large_file,) = set(kept.iterdir()) - {small_file}
    shutil.copy(small_file, large_file)
    assert load(large).model.config.hidden_size == 128
    assert len(read_anew) == 3


def test_a_checkpoint_that_has_changed_is_read_anew(tmp_path, read_anew):
    folder = write_checkpoint(tmp_path / "m")
    before = logits(load(folder))
    times = (folder / "model.safetensors").stat()
    write_checkpoint(folder, weights=make_weights(make_config(), seed=1))
    # Even where the copy kept the size and the time.
    os.utime(folder / "model.safetensors", ns=(times.st_atime_ns, times.st_mtime_ns))
    after = logits(load(folder))
    assert len(read_anew) == 2
    assert (before - after).abs().max() > 0.1


def test_another_declaration_of_groups_is_proven_anew(checkpoint, read_anew):
    eight = logits(load(checkpoint))
    four = load(checkpoint, groups=4)
    assert four.groups == 4
    assert (logits(four) - eight).abs().max() > 0.1
    assert len(read_anew) == 2


def test_a_full_disk_does_not_break_the_load(checkpoint, kept, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(int8_cache, "_checksum", full)
    assert logits(load(checkpoint)).isfinite().all()
    assert list(kept.iterdir()) == []


def test_the_last_gigabyte_of_a_disk_is_left_alone(checkpoint, kept, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 10**12, 10**9))
    assert logits(load(checkpoint)).isfinite().all()
    assert list(kept.iterdir()) == []


def test_a_folder_that_cannot_be_made_does_not_break_the_load(checkpoint, kept):
    kept.write_text("a file where the folder should be")
    assert logits(load(checkpoint)).isfinite().all()
    assert int8_files.size() == int8_files.clear() == 0


@pytest.mark.needs("ordinary user")
def test_a_folder_that_may_not_be_written_does_not_break_the_load(checkpoint, kept):
    kept.mkdir()
    kept.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert logits(load(checkpoint)).isfinite().all()
    kept.chmod(stat.S_IRWXU)


def test_a_load_cancelled_while_the_file_is_written_leaves_nothing(checkpoint, kept):
    told = []
    with pytest.raises(LoadCancelled):
        load(
            checkpoint,
            progress=lambda step: told.append(step.what),
            cancelled=lambda: "keeping random in int8" in told,
        )
    assert list(kept.iterdir()) == []


def test_clearing_removes_all_files_and_tells_how_much(checkpoint, kept):
    load(checkpoint)
    (kept / "left-over.part").write_bytes(bytes(100))
    size = int8_files.size()
    assert size > 100_000
    assert int8_files.clear() == size
    assert list(kept.iterdir()) == []


def test_other_precisions_keep_nothing(checkpoint, kept):
    load_model(str(checkpoint), precision="bf16")
    assert not kept.exists()
