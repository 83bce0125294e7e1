"""Which llama.cpp is used, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cg2magic.errors import LoadError
from cg2magic.models.gguf import binding as bindings
from tests.needs import need_llama_cpp


@pytest.fixture(autouse=True)
def _fresh():
    """Let each test choose again."""
    bindings.binding.cache_clear()
    yield
    bindings.binding.cache_clear()


class Working:
    """A package that works."""

    has_gpu = False


class WithGpu:
    """A package that was built for a GPU."""

    has_gpu = True


class Broken:
    """A package whose library can't be loaded."""

    package = "some-package"

    def __init__(self) -> None:
        raise OSError("libllama.so: version `GLIBC_2.38' not found")


def choose(monkeypatch, **kinds):
    monkeypatch.setattr(bindings, "_BINDINGS", kinds)
    return bindings.binding()


def test_the_first_that_works_is_used_and_before_it_one_with_a_gpu(monkeypatch):
    # The names of modules that are surely there.
    assert type(choose(monkeypatch, json=Working, csv=Working)) is Working
    bindings.binding.cache_clear()
    assert type(choose(monkeypatch, json=Working, csv=WithGpu)) is WithGpu
    bindings.binding.cache_clear()
    assert type(choose(monkeypatch, json=Broken, csv=Working)) is Working


def test_without_llama_cpp_the_error_says_what_to_install(monkeypatch):
    with pytest.raises(LoadError, match=r"pip install 'cg2magic\[gguf\]'"):
        choose(monkeypatch, no_such_module=Working)
    with pytest.raises(LoadError, match=r"some-package does not work here .*GLIBC_2\.38"):
        choose(monkeypatch, json=Broken)


def test_how_openmp_waits_is_set_for_llama_cpp_alone():
    need_llama_cpp()
    code = (
        "import os; from cg2magic.models.gguf.binding import binding; binding();"
        "print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    for own, left in ((None, "None"), ("77", "77")):
        given = environment if own is None else {**environment, "GOMP_SPINCOUNT": own}
        done = subprocess.run(
            [sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == [left]
        assert not done.stderr
