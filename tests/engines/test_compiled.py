"""The steps that are meant for a GPU, on the CPU: the same tokens, through one compiled graph."""

from __future__ import annotations

import pytest
import torch

from cg2magic.engines.local.compiled import CompiledSteps
from cg2magic.engines.local.engine import LocalEngine
from cg2magic.request import Request, Sampling

WISHES = {
    "complete": Request(("import numpy as np\n\n\ndef mean(values):\n",), Sampling(max_new_tokens=12)),
    "infill": Request(("x = ", "\ny = ", "\nprint(x, y)"), Sampling(max_new_tokens=6)),
}


def texts(engine, request):
    return [suggestion.text for suggestion in engine.generate(request).suggestions]


@pytest.fixture
def uncompiled(monkeypatch):
    """What is given to `torch.compile` is run as it is: its arithmetic is looked at, not the compiler."""
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("name", WISHES)
def test_a_static_cache_gives_the_same_text(mini, name):
    plain, static = LocalEngine(mini), LocalEngine(mini, compile=True)
    assert texts(static, WISHES[name]) == texts(plain, WISHES[name])
    # And again, in the same cache.
    assert texts(static, WISHES[name]) == texts(plain, WISHES[name])


@pytest.mark.usefixtures("uncompiled")
def test_several_candidates_are_written_in_a_batch_as_always(mini):
    request = Request(("x = 1\n",), Sampling(n=3, max_new_tokens=5, temperature=0.8, seed=3))
    assert texts(LocalEngine(mini, compile=True), request) == texts(LocalEngine(mini), request)


def test_every_step_has_the_same_shapes(mini, monkeypatch):
    shapes = set()

    def recorded(function, **_):
        def step(**tensors):
            shapes.add((tensors["input_ids"].shape, tensors["position_ids"].shape))
            return function(**tensors)

        return step

    monkeypatch.setattr(torch, "compile", recorded)
    texts(LocalEngine(mini, compile=True), WISHES["infill"])
    assert shapes == {((1, 1), (1, 1))}


def test_the_step_compiles_into_one_graph(mini, monkeypatch):
    graphs = []

    def counting(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda f, **_: compiled(f, backend=counting, dynamic=False, fullgraph=True)
    )
    request = Request(("x = 1\n",), Sampling(max_new_tokens=5))
    engine = LocalEngine(mini, compile=True)
    assert isinstance(engine._steps, CompiledSteps)
    assert texts(engine, request) == texts(LocalEngine(mini), request)
    assert len(graphs) == 1
