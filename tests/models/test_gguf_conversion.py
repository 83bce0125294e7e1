"""CodeGen2 in four and eight bits: converted once, kept, and close to the exact weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import LoadError
from cg2magic.models.gguf import conversion
from cg2magic.models.int8 import files
from cg2magic.progress import LoadCancelled, Watch
from tests.checkpoints import write_checkpoint
from tests.needs import need_llama_cpp

CODE = Path(conversion.__file__).read_text("utf-8")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    need_llama_cpp()
    monkeypatch.setattr(files, "folder", lambda: tmp_path / "kept")


def open_model(name: str, precision: str, **how):
    return open_engine(ModelSpec(name, precision=precision), Watch(**how))


@pytest.mark.parametrize(("precision", "least", "most"), [("q8", 0.99, 1.01), ("q4", 0.95, 1.05)])
def test_mini_in_fewer_bits_is_nearly_as_good_and_made_once(mini, monkeypatch, precision, least, most):
    engine = open_model("mini", precision)
    assert (engine.loaded.name, engine.loaded.precision) == ("mini", precision)
    exact = LocalEngine(mini).score(CODE, Watch()).perplexity
    assert least < engine.score(CODE, Watch()).perplexity / exact < most
    engine.close()
    (kept,) = files.folder().iterdir()
    assert files.size() == kept.stat().st_size
    monkeypatch.setattr(conversion, "export", lambda *_, **__: pytest.fail("it was converted again"))
    open_model("mini", precision).close()
    assert files.clear() > 0
    assert not list(files.folder().iterdir())


def test_a_conversion_that_is_stopped_leaves_nothing(tmp_path):
    checkpoint = write_checkpoint(tmp_path / "random")
    told = []
    with pytest.raises(LoadCancelled):
        open_model(str(checkpoint), "q4", progress=told.append, cancelled=lambda: len(told) > 3)
    assert not list(files.folder().iterdir())


def test_other_layouts_are_told_where_to_find_a_gguf(exported_phi):
    with pytest.raises(LoadError, match=r"of type phi; load a GGUF of it"):
        open_model(str(exported_phi), "q4")


@pytest.fixture(scope="module")
def exported_phi(tmp_path_factory) -> Path:
    from cg2magic.models.export import export

    folder = tmp_path_factory.mktemp("phi")
    export(str(write_checkpoint(folder / "random")), folder / "out", groups=8)
    return folder / "out"
