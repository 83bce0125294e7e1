"""Programs that try to get out of the sandbox, to use up the machine, or to look better than they are."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cg2magic.errors import UsageError
from cg2magic.sandbox import sandbox as sandbox_module
from cg2magic.sandbox.sandbox import Sandbox, missing
from tests.sandboxes import LIMITS

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def found(sandbox, code):
    """What a program says it found, as the text of the exception that it ends with."""
    result = sandbox.run(code)
    assert result.status == "failed", result
    return result.reason.removeprefix("SystemExit: ")


def test_a_program_that_comes_to_its_end_has_passed(sandbox):
    assert sandbox.run("def add(a, b):\n    return a + b\n\nassert add(2, 3) == 5").passed


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1\nassert x == 2", "AssertionError: assert x == 2"),
        ("assert False, 'too\\nmany'", "AssertionError: too many"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError: invalid syntax (line 1)"),
        ("input()", "EOFError: EOF when reading a line"),
        ("raise SystemExit", "SystemExit: raise SystemExit"),
        ("import os; os._exit(0)", "ended before its last line"),
        ("import os; os.abort()", "crashed"),
    ],
)
def test_a_program_that_fails_says_why_in_one_line(sandbox, code, reason):
    result = sandbox.run(code)
    assert result.status == "failed"
    assert result.reason.startswith(reason)


def test_two_hundred_forks_are_not_to_be_had(sandbox):
    forks = found(
        sandbox,
        "import os, time\n"
        "n = 0\n"
        "try:\n"
        "    while n < 200:\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(60)\n"
        "        n += 1\n"
        "except OSError:\n"
        "    pass\n"
        "raise SystemExit(n)",
    )
    assert "more than 16 processes" in forks or 0 < int(forks) <= LIMITS.processes


def test_threads_count_as_processes(sandbox):
    started = found(
        sandbox,
        "import threading, time\n"
        "try:\n"
        "    for n in range(200):\n"
        "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "except RuntimeError:\n"
        "    pass\n"
        "raise SystemExit(n)",
    )
    assert int(started) < LIMITS.processes


def test_one_process_gets_no_more_memory_than_it_may_have(sandbox):
    assert found(sandbox, "hog = bytearray(512 << 20)").startswith("MemoryError")


def test_many_processes_get_no_more_memory_than_one(sandbox):
    said = found(
        sandbox,
        "import os, time\n"
        "for _ in range(8):\n"
        "    if os.fork() == 0:\n"
        "        hog = bytearray(os.urandom(1024)) * (80 << 10)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)",
    )
    assert said == "more than 256 MiB of memory"


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "import time; time.sleep(600)",
        "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(600)",
        "import os\nwhile os.fork(): os.wait()\nwhile True: pass",
    ],
)
def test_what_never_ends_is_ended(sandbox, code):
    sandbox.limits = replace(LIMITS, seconds=2)
    assert sandbox.run(code).status == "timed out"


def test_a_signal_that_is_ignored_does_not_keep_it_alive(sandbox):
    said = found(sandbox, "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass")
    assert said.startswith("crashed")


def test_a_program_can_be_stopped_from_outside(sandbox):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    assert sandbox.run("import time; time.sleep(60)", stop.is_set).status == "stopped"


def test_a_secret_in_the_home_folder_cannot_be_read(sandbox):
    secret = Path.home() / "secret"
    secret.write_text("the key")
    secret.chmod(0o644)
    ways = [str(secret), *(f"/proc/{pid}/root{secret}" for pid in ("self", 1, 2, os.getpid()))]
    said = found(
        sandbox,
        "read = []\n"
        f"for way in {ways!r}:\n"
        "    try:\n"
        "        read.append(open(way).read())\n"
        "    except OSError:\n"
        "        pass\n"
        "raise SystemExit(repr(read))",
    )
    assert said == "[]"


def test_the_environment_of_the_person_is_not_there(sandbox, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "the key")
    names = found(sandbox, "import os\nraise SystemExit(' '.join(sorted(os.environ)))").split()
    assert "A_TOKEN" not in names
    assert "HOME" in names


def test_there_is_no_network_not_even_to_this_machine(sandbox, tmp_path):
    path = str(tmp_path / "socket")
    addresses = [(socket.AF_UNIX, "\0cg2magic-test"), (socket.AF_UNIX, path)]
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))]
        addresses.append((socket.AF_INET, listeners[0].getsockname()))
        for family, address in addresses[:2]:
            listener = stack.enter_context(socket.socket(family))
            listener.bind(address)
            listener.listen()
        Path(path).chmod(0o777)
        said = found(
            sandbox,
            "import socket\n"
            "reached = []\n"
            f"for family, address in {[(int(f), a) for f, a in addresses]!r}:\n"
            "    try:\n"
            "        socket.socket(family).connect(address)\n"
            "        reached.append(address)\n"
            "    except OSError:\n"
            "        pass\n"
            "raise SystemExit(repr(reached))",
        )
    assert said == "[]"


def test_nothing_can_be_written_but_in_its_own_folder(sandbox, tmp_path):
    tmp_path.chmod(0o777)
    folders = ["/", "/usr", "/dev", "/proc", sys.prefix, str(Path.home()), str(tmp_path)]
    said = found(
        sandbox,
        "import os, tempfile\n"
        "wrote = []\n"
        f"for folder in {[*folders, '.']!r}:\n"
        "    try:\n"
        "        os.makedirs(folder, exist_ok=True)\n"
        "        open(os.path.join(folder, 'left-behind'), 'w').close()\n"
        "        wrote.append(folder)\n"
        "    except OSError:\n"
        "        pass\n"
        "raise SystemExit(repr(wrote))",
    )
    # A folder of /tmp is made anew in the /tmp in memory, where it is another one.
    assert not set(eval(said)) & {"/", "/usr", "/dev", "/proc", sys.prefix}
    assert "." in said
    for folder in folders:
        assert not (Path(folder) / "left-behind").exists()


def test_a_file_and_a_folder_of_files_have_a_size_to_keep(sandbox):
    one = "import os\nwith open('big', 'wb') as file:\n    file.write(bytes(2 << 20))"
    assert "File too large" in found(sandbox, one)
    written = found(
        sandbox,
        "n = 0\n"
        "try:\n"
        "    for n in range(100):\n"
        "        with open(f'file{n}', 'wb') as file:\n"
        "            file.write(bytes(512 << 10))\n"
        "except OSError:\n"
        "    pass\n"
        "raise SystemExit(n)",
    )
    assert int(written) <= LIMITS.folder_size // (512 << 10)


def test_killing_its_parent_and_everyone_else_kills_only_itself(sandbox):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sibling:
        code = (
            "import os, signal\n"
            f"for pid in ({os.getpid()}, {sibling.pid}, os.getppid(), 1, -1):\n"
            "    try:\n"
            "        os.kill(pid, signal.SIGKILL)\n"
            "    except OSError:\n"
            "        pass\n"
            "raise SystemExit(len([name for name in os.listdir('/proc') if name.isdigit()]))"
        )
        result = sandbox.run(code)
        assert not result.passed
        assert sibling.poll() is None
        assert sandbox.run("x = 1").passed
        sibling.communicate(b"\n")


def test_it_sees_no_processes_but_its_own(sandbox):
    seen = found(sandbox, "import os\nraise SystemExit(sum(n.isdigit() for n in os.listdir('/proc')))")
    assert int(seen) <= 2


def test_it_cannot_get_rights_that_it_was_not_given(sandbox):
    said = found(
        sandbox,
        "import os, ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "got = []\n"
        "for name, act in {\n"
        "    'root': lambda: os.setuid(0) or os.seteuid(0),\n"
        "    'chroot': lambda: os.chroot('/tmp'),\n"
        "    'nice': lambda: os.nice(-5),\n"
        "    'mount': lambda: 1 / (libc.mount(b'none', b'/tmp', b'tmpfs', 0, b'') == 0),\n"
        "    'writable': lambda: 1 / (libc.mount(b'', b'/usr', b'', 4096 | 32, b'') == 0),\n"
        "}.items():\n"
        "    try:\n"
        "        act()\n"
        "        got.append(name)\n"
        "    except (OSError, ZeroDivisionError):\n"
        "        pass\n"
        "capable = [line for line in open('/proc/self/status') if line.startswith(('CapEff', 'CapPrm'))]\n"
        "raise SystemExit(repr((got, {line.split()[1] for line in capable})))",
    )
    assert said == "([], {'0000000000000000'})"


def test_a_daemon_does_not_outlive_its_program(sandbox):
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()"
    )
    assert sandbox.run(code).passed  # and nothing is left


@pytest.mark.parametrize("text", ["b'passed\\n'", "b'x' * 4096 + b' passed\\n'", "bytes(1 << 20)"])
def test_it_does_not_pass_by_saying_so(sandbox, text):
    code = (
        "import os\n"
        "for fd in range(64):\n"
        "    for _ in range(64):\n"
        "        try:\n"
        f"            os.write(fd, {text})\n"
        "        except OSError:\n"
        "            break\n"
        "os._exit(0)"
    )
    assert sandbox.run(code).status == "failed"


def test_several_run_at_once_without_counting_for_each_other(sandbox):
    forks = (
        "import os, time\nfor _ in range(9):\n    if os.fork() == 0:\n        time.sleep(60)\ntime.sleep(0.5)"
    )
    results = []
    threads = [threading.Thread(target=lambda: results.append(sandbox.run(forks))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status for result in results] == ["passed"] * 4


def test_where_it_cannot_be_confined_nothing_is_run_and_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="bubblewrap is not installed: apt install bubblewrap"):
        Sandbox()


def test_a_bubblewrap_that_does_not_work_is_told_from_one_that_does(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "No permissions to create new namespace" in missing()


def test_without_a_sandbox_the_limits_still_hold_and_the_folder_goes_away(monkeypatch, tmp_path):
    (tmp_path / "runs").mkdir()
    monkeypatch.setattr(sandbox_module.tempfile, "tempdir", str(tmp_path / "runs"))
    monkeypatch.setenv("A_TOKEN", "the key")
    limited = Sandbox(confined=False, limits=LIMITS)
    assert limited.run("import os\nassert 'A_TOKEN' not in os.environ\nopen('file', 'w').close()").passed
    assert limited.run("while True: pass").status == "timed out"
    forks = "import os, time\nfor _ in range(200):\n    os.fork() or time.sleep(60)\ntime.sleep(60)"
    assert limited.run(forks).reason == "more than 16 processes"
    if sys.platform == "linux":
        assert limited.run("hog = bytearray(512 << 20)").reason.startswith("MemoryError")
    assert not list((tmp_path / "runs").iterdir())
