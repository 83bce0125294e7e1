"""What is said about the choice of an engine."""

from __future__ import annotations

import pytest

from cg2magic.engines.opening import open_engine
from cg2magic.engines.spec import ModelSpec
from cg2magic.models import placement
from cg2magic.models.gguf import binding
from cg2magic.progress import Watch
from tests.checkpoints import write_checkpoint


@pytest.mark.parametrize(
    ("precision", "installed", "says"),
    [("auto", True, True), ("auto", False, False), ("int8", True, False), ("fp32", True, False)],
)
def test_four_bits_are_recommended_where_they_are_to_be_had(
    tmp_path, monkeypatch, precision, installed, says
):
    monkeypatch.setattr(placement, "_FP32_UP_TO", 0)
    monkeypatch.setattr(binding, "find_spec", lambda _: object() if installed else None)
    folder = write_checkpoint(tmp_path / "m")
    loaded = open_engine(ModelSpec(str(folder), device="cpu", precision=precision), Watch()).loaded
    assert any("--precision q4" in note for note in loaded.notes) is says
