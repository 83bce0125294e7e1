"""``python -m cg2magic``: the same suggestions without a notebook."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cg2magic.__main__ import main
from cg2magic.syntax.source_text import decode


@pytest.fixture(autouse=True)
def _own_manager():
    from cg2magic.service.manager import manager

    yield
    manager().close()
    manager.cache_clear()


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    printed = capsys.readouterr().out
    assert "Recommended for this machine" in printed
    assert "This machine: cpu" in printed
    assert "codegen2-1B_P" not in printed
    assert main(["models", "--all"]) == 0
    assert "codegen2-1B_P" in capsys.readouterr().out


def test_a_file_is_completed_and_the_whole_code_printed(capsys):
    Path("cell.py").write_text("def hello_world():\n")
    assert main(["complete", "cell.py", "-m", "8"]) == 0
    assert capsys.readouterr().out.startswith("def hello_world():")


def test_holes_of_standard_input_are_filled(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("def hello_world():\n    |\n    return name\n"))
    assert main(["infill", "-m", "8", "-n", "2", "-t", "0.5", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("    return name") >= 2
    assert "# candidate 2 of 2" in printed


@pytest.mark.parametrize("arguments", [["complete", "no-such-file.py"], ["complete", "empty.py"]])
def test_what_cannot_be_done_is_said_in_one_line(arguments, capsys):
    Path("empty.py").write_text("\n")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("cg2magic: ")
    assert error.count("\n") == 1


@pytest.fixture
def stdin(monkeypatch):
    """Give bytes to standard input, which has some encoding of its own."""

    def give(data, encoding="utf-8"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding=encoding))

    return give


@pytest.fixture
def stdout(monkeypatch):
    """What is written to a standard output of some encoding, as bytes; as on Windows with its line ends."""

    def of(encoding, newline=None):
        raw = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding, newline=newline))
        return raw

    return of


CODE = '# -*- coding: {} -*-\nname = "é"\ndef hello_world():\n'
BASH = "%%bash\nfor file in *.csv; do\n"


def written():
    """The text that the model was asked to complete."""
    from cg2magic.service.manager import manager

    request = manager().history[-1].job.request
    return request.header + request.parts[0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (CODE.format("latin-1").encode("latin-1"), CODE.format("latin-1")),
        (CODE.format("cp1252").replace("\n", "\r\n").encode("cp1252"), CODE.format("cp1252")),
        (("#!/usr/bin/python\n" + CODE.format("latin-1")).encode("latin-1"), None),
        (("# é\n" + CODE.format("latin-1")).encode("latin-1"), None),
        (("%%time\n" + CODE.format("latin-1")).encode("latin-1"), None),
        (CODE.format("utf-8").encode("utf-8-sig"), CODE.format("utf-8")),
        (BASH.encode("utf-8-sig"), BASH),
        (BASH.replace("\n", "\r\n").encode("utf-16"), BASH),
        (b"\xfe\xff" + BASH.encode("utf-16-be"), BASH),
        (BASH.encode("utf-32"), BASH),
        (b"x = 'a\rb'\r\ny\n", "x = 'a\rb'\r\ny\n"),
    ],
)
def test_any_encoding_that_is_told_is_read(data, text):
    assert decode(data, "cell.py").text == (text or data.decode("latin-1"))


@pytest.mark.parametrize("where", ["cell.py", "-"])
def test_a_latin_1_file_is_completed(where, stdin):
    data = CODE.format("latin-1").encode("latin-1")
    Path("cell.py").write_bytes(data)
    stdin(data)
    assert main(["complete", where, "-m", "1"]) == 0
    assert written() == CODE.format("latin-1").removesuffix("\n")


def test_a_mark_hides_no_magic(capsys):
    Path("cell.sh").write_bytes(BASH.encode("utf-8-sig"))
    assert main(["complete", "cell.sh", "-m", "1"]) == 0
    assert capsys.readouterr().out.startswith("%%bash\n")


def test_standard_input_that_is_not_utf_8_is_in_its_own_encoding(stdin):
    stdin('name = "é"\n'.encode("cp1252"), "cp1252")
    assert main(["complete", "-m", "1"]) == 0
    assert written() == 'name = "é"'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            'x = 1\nname = "é"\n'.encode("latin-1"),
            "cell.py is not utf-8: byte 0xe9 in line 2; save it as UTF-8",
        ),
        (b"# coding: utf-8\nname = '\xe9'\n", "cell.py is not utf-8: byte 0xe9 in line 2"),
        (b"# coding: klingon\nx = 1\n", "names an unknown encoding: klingon"),
        (b"# coding: hex\nx = 1\n", "names an unknown encoding: hex"),
        (b"\xff\xfex\x00=", "cell.py is not utf-16"),
        (BASH.encode("utf-16-le"), "cell.py is not text: it contains NUL bytes"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(data, said, capsys):
    Path("cell.py").write_bytes(data)
    assert main(["complete", "cell.py"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"cg2magic: {said}") or said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("newline", "windows"), [("\n", True), ("\r\n", False), ("\r\n", True)])
def test_the_line_ends_of_a_file_are_kept(newline, windows, stdout):
    Path("cell.py").write_bytes(f"x = |{newline}print(x){newline}".encode())
    raw = stdout("utf-8", "\r\n" if windows else "\n")
    assert main(["infill", "cell.py", "-m", "4", "-n", "2", "-t", "0.5", "--seed", "1"]) == 0
    printed = raw.getvalue().decode()
    assert printed.count(f"{newline}print(x){newline}") == 2
    assert printed.count("\n") == printed.count(newline)
    assert printed.count("\r") == printed.count("\r\n")


@pytest.mark.parametrize(("encoding", "shown"), [("cp1252", "é \\u2192"), ("ascii", "\\xe9 \\u2192")])
def test_a_character_that_the_output_lacks_is_escaped_and_said(encoding, shown, stdout, capsys):
    Path("cell.py").write_text('x = "é →"\ny = ', "utf-8")
    raw = stdout(encoding)
    assert main(["complete", "cell.py", "-m", "1"]) == 0
    assert raw.getvalue().decode(encoding).startswith(f'x = "{shown}"')
    error = capsys.readouterr().err
    assert f"the output's encoding, {encoding}, has no" in error
    assert "PYTHONIOENCODING=utf-8" in error


def test_a_table_is_printed_whatever_the_encoding_of_the_output(stdout):
    raw = stdout("ascii")
    assert main(["models"]) == 0
    sys.stdout.flush()
    assert b"Qwen2.5-Coder-0.5B" in raw.getvalue()


def test_a_real_process_prints_to_cp1252():
    Path("cell.py").write_bytes('# coding: latin-1\nx = "é"  # \n'.encode("latin-1"))
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "cg2magic", "complete", "cell.py", "-m", "1"]
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert 'x = "é"'.encode("cp1252") in done.stdout
