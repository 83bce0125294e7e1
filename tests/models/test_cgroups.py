"""What control groups leave: trees laid out as the kernel does, and a real group where one may be made."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cg2magic.models import cgroups, placement

GB = 10**9
NO_LIMIT = 9223372036854771712  # the first version's way to say so
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


class Machine:
    """The files of ``/proc/self`` and ``/sys/fs/cgroup``, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.process = folder / "proc"
        self.trees = folder / "sys fs cgroup"  # with spaces, which mountinfo escapes
        self.process.mkdir()
        (self.process / "cgroup").touch()
        (self.process / "mountinfo").write_text("22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n")

    def mount(self, controllers: str, inside: str, *, root: str = "/", name: str = "") -> Path:
        """Mount a tree (of the second version where there are no controllers), with the process inside."""
        folder = self.trees / (name or controllers or "unified")
        folder.mkdir(parents=True)
        kind = f"cgroup cgroup rw,{controllers}" if controllers else "cgroup2 cgroup2 rw,nsdelegate"
        where = str(folder).replace(" ", "\\040")
        with (self.process / "mountinfo").open("a") as file:
            file.write(f"31 23 0:28 {root} {where} rw,nosuid shared:9 - {kind}\n")
        with (self.process / "cgroup").open("a") as file:
            file.write(f"{3 if controllers else 0}:{controllers}:{inside}\n")
        return folder


def group(folder: Path, **files: object) -> Path:
    """Write a group's files; two underscores stand for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")
    return folder


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setattr(cgroups, "_PROCESS", machine.process)
    return machine


def test_without_groups_nothing_is_limited(machine):
    assert cgroups.free_memory() is None
    assert cgroups.processors() is None
    (machine.process / "cgroup").unlink()
    (machine.process / "mountinfo").unlink()
    assert cgroups.free_memory() is None


def test_the_least_of_a_chain_of_groups_counts(machine):
    root = machine.mount("", "/user.slice/hub.service/kernel")
    group(root, memory__stat="anon 1\n")  # the root has no limits
    group(root / "user.slice", memory__max=64 * GB, memory__current=40 * GB, cpu__max="800000 100000")
    hub = group(root / "user.slice/hub.service", memory__max=8 * GB, memory__current=6 * GB)
    group(hub, cpu__max="max 100000")
    kernel = group(hub / "kernel", memory__max="max", memory__current=1 * GB, cpu__max="250000 100000")
    assert cgroups.free_memory() == 2 * GB
    assert cgroups.processors() == 2.5
    # Its own limit is the least now, though that of the one above is not lifted.
    group(kernel, memory__max=1_500_000_000)
    assert cgroups.free_memory() == 500_000_000
    group(hub, cpu__max="50000 100000")
    assert cgroups.processors() == 0.5


def test_pages_that_make_way_are_free(machine):
    root = machine.mount("", "/")
    counts = "anon 400\ninactive_file 50\nactive_file 30\nslab_reclaimable 20\nshmem 7"
    group(root, memory__max=1000, memory__current=500, memory__stat=counts)
    assert cgroups.free_memory() == 600
    group(root, memory__current=5000)
    assert cgroups.free_memory() == 0


def test_a_group_that_is_slowed_down_from_some_size_on_is_full_there(machine):
    group(machine.mount("", "/"), memory__max=1000, memory__high=800, memory__current=100)
    assert cgroups.free_memory() == 700


def test_the_first_version_has_a_tree_for_each_kind(machine):
    memory = machine.mount("memory", "/docker/abc")
    group(memory, memory__limit_in_bytes=NO_LIMIT, memory__usage_in_bytes=20 * GB)
    stat = f"inactive_file 1\ntotal_inactive_file {GB}\ntotal_active_file {GB}"
    docker = group(memory / "docker", memory__limit_in_bytes=9 * GB, memory__usage_in_bytes=5 * GB)
    group(docker, memory__stat=stat)
    group(docker / "abc", memory__limit_in_bytes=7 * GB, memory__usage_in_bytes=1 * GB)
    cpu = machine.mount("cpu,cpuacct", "/docker/abc")
    group(cpu, cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    group(cpu / "docker", cpu__cfs_quota_us=400_000, cpu__cfs_period_us=100_000)
    group(cpu / "docker/abc", cpu__cfs_quota_us=-1, cpu__cfs_period_us=100_000)
    machine.mount("", "/docker/abc")  # systemd's, beside them, without any limits
    assert cgroups.free_memory() == 6 * GB
    assert cgroups.processors() == 4


def test_a_container_sees_its_own_group_as_the_root(machine):
    # With the host's names in /proc/self/cgroup, and its own group mounted.
    memory = machine.mount("memory", "/docker/abc/job", root="/docker/abc")
    group(memory, memory__limit_in_bytes=2 * GB, memory__usage_in_bytes=GB)
    group(memory / "job", memory__limit_in_bytes=GB, memory__usage_in_bytes=GB // 4)
    assert cgroups.free_memory() == 750_000_000
    # With names of a namespace: it is the root itself, or the process is in a group above.
    for inside in ("/", "/../other"):
        (machine.process / "cgroup").write_text(f"3:memory:{inside}\n")
        assert cgroups.free_memory() == GB


def test_a_mount_of_another_group_is_not_taken_for_the_own_one(machine):
    other = machine.mount("", "/pod/mine", root="/pod/other", name="a")
    group(other, memory__max=10, memory__current=0, cpu__max="1000 100000")
    mine = machine.mount("", "/pod/mine", root="/pod", name="b")
    group(mine / "mine", memory__max=1000, memory__current=0, cpu__max="300000 100000")
    assert cgroups.free_memory() == 1000
    assert cgroups.processors() == 3


def test_files_that_make_no_sense_limit_nothing(machine):
    root = machine.mount("", "/gone (deleted)")
    group(root / "gone", memory__max="", memory__current="?", cpu__max="none", memory__stat="a b c\nd")
    group(root, cpu__max="0 0")
    assert cgroups.free_memory() is None
    assert cgroups.processors() is None


def test_the_memory_of_the_machine_is_the_most_there_is(machine, monkeypatch):
    monkeypatch.setattr(placement, "_free_of_machine", lambda: 16 * GB)
    root = machine.mount("", "/a")
    assert placement.free_memory("cpu") == 16 * GB
    group(root / "a", memory__max=8 * GB, memory__current=GB)
    assert placement.free_memory("cpu") == 7 * GB
    group(root / "a", memory__max=64 * GB)
    assert placement.free_memory("cpu") == 16 * GB


@pytest.fixture
def real_group() -> Iterator:
    """Make a group in a tree of this machine; it goes away with its last process."""
    made: list[Path] = []

    def make(controller: str, **files: object) -> Path:
        own = [*cgroups._groups(controller)]
        if not own:
            pytest.skip(f"no control groups of the first version for {controller} on this machine")
        try:
            folder = own[0] / f"cg2magic-test-{os.getpid()}"
            folder.mkdir()
            made.append(folder)
            return group(folder, **files)
        except OSError as error:
            pytest.skip(f"no right to make a control group here: {error}")

    yield make
    for folder in made:
        folder.rmdir()


def inside(folder: Path, code: str) -> str:
    """What a new Python prints that is in the group."""
    code = f"import os\nopen({str(folder / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=100
    ).stdout.strip()


@LINUX
def test_a_real_quota_is_seen(real_group):
    folder = real_group("cpu", cpu__cfs_period_us=100_000, cpu__cfs_quota_us=150_000)
    nested = group(folder / "nested")
    try:
        code = (
            "from cg2magic.models import cgroups, threads\n"
            "print(cgroups.processors(), threads.usable_cores())"
        )
        assert inside(folder, code) == "1.5 1"
        assert inside(nested, code) == "1.5 1"
    finally:
        nested.rmdir()


@LINUX
def test_a_real_limit_of_memory_is_seen(real_group):
    folder = real_group("memory", memory__limit_in_bytes=500_000_000)
    free = int(inside(folder, "from cg2magic.models.placement import free_memory\nprint(free_memory('cpu'))"))
    assert 300_000_000 < free < 500_000_000
