"""What libraries need of the sandbox: imports from elsewhere, processes, shared memory, address space."""

from __future__ import annotations

import site
from dataclasses import replace
from pathlib import Path

import pytest

from cg2magic.sandbox.limits import Limits
from cg2magic.sandbox.sandbox import Sandbox, missing
from tests.conftest import IN_CI
from tests.sandboxes import LIMITS

pytestmark = pytest.mark.usefixtures("nothing_is_left")

#: As setuptools writes it for an editable install, shortened.
FINDER = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path

MAPPING = {mapping!r}


class _EditableFinder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        place = MAPPING.get(name, "/none")
        for file in (Path(place, "__init__.py"), Path(place + ".py")):
            if file.exists():
                return spec_from_file_location(name, file)


def install():
    sys.meta_path.append(_EditableFinder)
"""


@pytest.fixture
def ample():
    """As `--check` has it."""
    if missing() and not IN_CI:
        pytest.skip(missing())
    return Sandbox(limits=Limits(cpu_seconds=60, seconds=120))


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Packages of the person's: in the user's site, and from folders of theirs. Gives the folder of all."""
    user_site = tmp_path / "user" / "site-packages"
    write(user_site / "of_user.py", "value = 1")
    for project, package in (
        ("src_layout/src", "in_src"),
        ("flat", "in_flat"),
        ("flat", "namespace/in_namespace"),
    ):
        write(tmp_path / project / package / "__init__.py", "value = 1")
    write(tmp_path / "flat" / "single.py", "value = 1")
    write(tmp_path / "mapped" / "by_finder" / "__init__.py", "value = 1")
    write(tmp_path / "mapped" / "module_by_finder.py", "value = 1")
    write(tmp_path / "linked" / "by_link" / "__init__.py", "value = 1")
    (user_site / "by_link").symlink_to(tmp_path / "linked" / "by_link")
    (user_site / "broken").symlink_to(tmp_path / "gone")
    for secret in (
        "flat/.env",
        "flat/.git/config",
        "flat/data/table.csv",
        "flat/notebook.ipynb",
        "mapped/.env",
    ):
        write(tmp_path / secret, "the key")
    write(tmp_path / "linked" / "notes.txt", "the key")
    write(tmp_path / "elsewhere" / "module.py", "the key")
    write(user_site / "editable.pth", f"{tmp_path / 'src_layout' / 'src'}\n{tmp_path / 'flat'}\n")
    mapping = {name: str(tmp_path / "mapped" / name) for name in ("by_finder", "module_by_finder")}
    write(user_site / "__editable___p_finder.py", FINDER.format(mapping=mapping))
    write(user_site / "__editable__.p.pth", "import __editable___p_finder; __editable___p_finder.install()")
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    monkeypatch.setattr(site, "USER_SITE", str(user_site))
    return tmp_path


NAMES = (
    *("of_user", "in_src", "in_flat", "namespace.in_namespace", "single"),
    *("by_finder", "module_by_finder", "by_link"),
)


def test_what_is_installed_for_the_person_is_seen_and_nothing_beside_it(installed, monkeypatch):
    if missing() and not IN_CI:
        pytest.skip(missing())
    monkeypatch.syspath_prepend(str(installed / "elsewhere"))  # what a notebook adds for itself is no install
    imports = "\n".join(f"import {name}\nassert {name}.value == 1" for name in NAMES)
    seen = (
        "import os\n"
        f"walk = os.walk({str(installed)!r})\n"
        "seen = [os.path.join(folder, name) for folder, _, names in walk for name in names]\n"
        "seen = [path for path in seen if os.path.exists(path)]\n"
        "told = [path for path in seen if b'the key' in open(path, 'rb').read()]\n"
        "assert not told, told\n"
        f"assert not os.access({str(installed / 'flat' / 'in_flat')!r}, os.W_OK)"
    )
    assert Sandbox().run(f"{imports}\n{seen}").reason == ""


@pytest.mark.usefixtures("installed")
def test_without_a_sandbox_it_is_seen_as_well():
    imports = "\n".join(f"import {name}" for name in NAMES)
    assert Sandbox(confined=False).run(imports).reason == ""


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("user", [False, True])
def test_a_user_site_that_the_interpreter_leaves_out_is_left_out(monkeypatch, user):
    monkeypatch.setattr(site, "ENABLE_USER_SITE", user)
    assert Sandbox(confined=False).run("import of_user").passed == user


@pytest.mark.parametrize(
    "code",
    [
        "with multiprocessing.Pool() as pool:\n    assert pool.map(double, [1, 2]) == [2, 4]",
        "with futures.ProcessPoolExecutor() as pool:\n    assert list(pool.map(double, [1])) == [2]",
        "queue = multiprocessing.Queue()\nqueue.put(1)\nassert queue.get() == 1",
        "with multiprocessing.Manager() as manager:\n    assert manager.list([1])[0] == 1",
        "memory = SharedMemory(create=True, size=9)\nmemory.buf[0] = 1\nmemory.close()\nmemory.unlink()",
        "assert multiprocessing.cpu_count() <= 4 and len(os.sched_getaffinity(0)) <= 4",
    ],
)
def test_processes_can_work_together(ample, code):
    head = (
        "import multiprocessing, os\nfrom concurrent import futures\n"
        "from multiprocessing.shared_memory import SharedMemory\n\n"
        "def double(x):\n    return 2 * x\n\n"
    )
    fork = "multiprocessing.set_start_method('fork')\n"  # what is in a cell can't be imported by others
    assert ample.run(head + fork + code).reason == ""


def test_shared_memory_has_a_size_to_keep(sandbox):
    code = (
        "n = 0\n"
        "try:\n"
        "    for n in range(100):\n"
        "        with open(f'/dev/shm/file{n}', 'wb') as file:\n"
        "            file.write(bytes(512 << 10))\n"
        "except OSError:\n"
        "    pass\n"
        "raise SystemExit(n)"
    )
    written = sandbox.run(code).reason.removeprefix("SystemExit: ")
    assert int(written) <= LIMITS.folder_size // (512 << 10)
    assert not list(Path("/dev/shm").glob("file*"))


def test_address_space_that_is_only_reserved_is_no_memory(sandbox):
    code = "import mmap\nreserved = mmap.mmap(-1, 64 << 30, mmap.MAP_PRIVATE, mmap.PROT_READ)"
    assert sandbox.run(code).reason == ""


def test_memory_that_is_shared_by_processes_is_memory(sandbox):
    # It keeps it until somebody looks, and the processor's time, which is another limit, suffices to fill it.
    sandbox.limits = replace(LIMITS, cpu_seconds=60)
    code = (
        "import mmap, time\n"
        "hog = mmap.mmap(-1, 320 << 20)\n"
        "while hog.tell() < 320 << 20:\n"
        "    hog.write(bytes(1 << 20))\n"
        "time.sleep(60)\n"
    )
    assert sandbox.run(code).reason == "more than 256 MiB of memory"


def test_what_processes_share_is_counted_once(sandbox):
    code = (
        "import os, time\n"
        "shared = bytearray(os.urandom(1024)) * (64 << 10)\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(1)\n"
        "        os._exit(0)\n"
        "for _ in range(5):\n"
        "    os.wait()\n"
    )
    assert sandbox.run(code).reason == ""


def test_a_program_sees_as_many_cores_as_it_may_use(sandbox):
    sandbox.limits = replace(LIMITS, cores=1)
    code = "import os\nassert os.cpu_count() == 1\nassert len(os.sched_getaffinity(0)) == 1"
    assert sandbox.run(code).reason == ""


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nawait asyncio.sleep(0)\nassert [x async for x in numbers()] == [1]",
        "assert await add(2, 3) == 5",
        "import pickle\nassert pickle.loads(pickle.dumps(Point(1))).x == 1",
        "import doctest\nassert doctest.testmod().attempted == 1",
        "import typing\nassert typing.get_type_hints(Point)['x'] is int",
    ],
)
def test_a_program_runs_as_a_cell_does(sandbox, code):
    head = (
        "import dataclasses\n\n"
        "async def numbers():\n    yield 1\n\n"
        "async def add(a, b):\n    '''\n    >>> 1 + 1\n    2\n    '''\n    return a + b\n\n"
        "@dataclasses.dataclass\nclass Point:\n    x: 'int'\n\n"
    )
    assert sandbox.run(head + code).reason == ""


def test_what_fails_while_it_awaits_says_why(sandbox):
    result = sandbox.run("async def f():\n    return 1\n\nassert await f() == 2")
    assert result.reason == "AssertionError: assert await f() == 2"


def test_torch_fits_into_what_a_check_may_use(ample):
    code = (
        "import torch\n"
        "x = torch.ones(20, 20, requires_grad=True)\n"
        "(x @ x).sum().backward()\n"
        "assert x.grad.shape == (20, 20)"
    )
    assert ample.run(code).reason == ""
