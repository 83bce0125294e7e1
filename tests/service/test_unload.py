"""Unloading gives the memory back whatever went wrong before: what keeps an error keeps no model.

IPython, Python (``sys.last_value``), a debugger and the history of suggestions keep errors and outputs for
as long as the kernel lives. That the weights are gone is told by weak references to them.
"""

from __future__ import annotations

import _thread
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.errors import GenerationError, LoadError
from cg2magic.models import loading
from cg2magic.models.loading import load_model
from cg2magic.models.memory import release
from cg2magic.service.manager import manager
from tests.checkpoints import make_config, make_weights, write_checkpoint
from tests.endless import load_endless
from tests.frontends.test_kernel import Client, client

__all__ = ["client"]  # the fixture

OUT_OF_MEMORY = RuntimeError, "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to …"
BUG = TypeError, "unsupported operand"


class Weights:
    """Weak references to the resident model and all its weights."""

    def __init__(self) -> None:
        model = manager()._engine.loaded.model
        self.references = [weakref.ref(model), *map(weakref.ref, model.parameters())]

    @property
    def alive(self) -> int:
        """How many are still in memory."""
        return sum(reference() is not None for reference in self.references)


@pytest.fixture
def resident(shell) -> Iterator[Weights]:
    """A shell with mini in memory, loaded by a cell that shows what was loaded."""
    shell.run_line_magic("load_ext", "cg2magic")
    assert shell.run_cell("import cg2magic\ncg2magic.load()", store_history=True).success
    weights = Weights()
    assert weights.alive > 10
    yield weights
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        sys.__dict__.pop(name, None)


def fails(shell, cell: str) -> None:
    result = shell.run_cell(cell, store_history=True)
    assert not result.success, cell


def unload(shell, capsys) -> str:
    capsys.readouterr()
    assert shell.run_cell("%cg2 unload", store_history=True).success
    return capsys.readouterr().out


def breaking(monkeypatch, kind: type[Exception], text: str) -> None:
    """Let each pass through the model fail, in a frame that holds the model, as those of torch do."""

    def forward(engine, *_, **__):
        model = engine.loaded.model
        raise kind(text) from ValueError(f"in {type(model)}")

    monkeypatch.setattr(LocalEngine, "_forward", forward)


def test_what_a_cell_showed_of_the_model_keeps_no_weights(shell, resident, capsys):
    shell.run_cell("kept = cg2magic.load()\nkept", store_history=True)
    shown = capsys.readouterr().out
    assert "<mini: " in shown
    assert len(shown) < 2000  # and not the whole network, layer by layer
    unload(shell, capsys)
    assert resident.alive == 0
    kept = shell.user_ns["kept"]
    assert kept is shell.user_ns["_"]
    assert (kept.name, kept.parameters) == ("mini", 8_938_496)
    with pytest.raises(AttributeError, match="mini is no longer loaded"):
        kept.model  # noqa: B018
    assert not hasattr(kept, "models")


def test_the_model_that_another_took_the_place_of_is_gone_too(shell, resident, tmp_path):
    folder = write_checkpoint(tmp_path / "other")
    assert shell.run_cell(f"cg2magic.load({str(folder)!r})", store_history=True).success
    assert resident.alive == 0


def test_a_load_that_failed_keeps_neither_model(shell, resident, capsys, tmp_path, monkeypatch):
    config = make_config()
    folder = write_checkpoint(
        tmp_path / "bad", config, make_weights(config) | {"lm_head.bias": torch.ones(3)}
    )
    fails(shell, f"cg2magic.load({str(folder)!r})")
    assert isinstance(sys.last_value, LoadError)
    fails(shell, f"%cg2 load {folder}")
    fails(shell, f"%%complete --wait --model {folder}\nx = 1")
    half: list[weakref.ref] = []

    def too_large(model):
        half.extend((weakref.ref(model), *map(weakref.ref, model.parameters())))
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(loading, "context_length", too_large)
    fails(shell, f"cg2magic.load({str(write_checkpoint(tmp_path / 'good'))!r})")
    assert "there was no memory left; `%cg2 unload`" in str(sys.last_value)
    assert len(half) > 10
    assert not any(reference() for reference in half)
    # The one before it stays, and goes when it is told to.
    assert shell.run_cell("%cg2 status").success
    assert "mini" in capsys.readouterr().out
    assert resident.alive
    unload(shell, capsys)
    assert resident.alive == 0


@pytest.mark.parametrize("error", [OUT_OF_MEMORY, BUG], ids=["out-of-memory", "bug"])
@pytest.mark.parametrize(
    "cell",
    [
        "cg2magic.complete('x = ')",
        "%%complete --wait\nx = ",
        "cg2magic.infill('x = ', 'y')",
        "cg2magic.score('x = 1 + 2')",
        "%%score\nx = 1 + 2",
    ],
)
def test_a_request_that_failed_keeps_no_model(shell, resident, capsys, monkeypatch, cell, error):
    breaking(monkeypatch, *error)
    fails(shell, cell)
    said = str(sys.last_value) + capsys.readouterr().out
    assert ("there was no memory left" if error is OUT_OF_MEMORY else "TypeError: unsupported") in said
    unload(shell, capsys)
    assert resident.alive == 0


def test_features_that_failed_keep_no_model(shell, resident, capsys, monkeypatch):
    def forward(model, **_):
        raise RuntimeError(f"CUDA error: CUBLAS_STATUS_ALLOC_FAILED in {type(model)}")

    monkeypatch.setattr(type(manager()._engine.loaded.model.base_model), "forward", forward)
    fails(shell, "cg2magic.embed(['x = 1'])")
    assert "there was no memory left for this" in str(sys.last_value)
    unload(shell, capsys)
    assert resident.alive == 0


@pytest.mark.parametrize("cell", ["cg2magic.complete('x = ')", "cg2magic.score('x = 1 + 2')"])
def test_ctrl_c_in_a_request_keeps_no_model(shell, resident, capsys, monkeypatch, cell):
    forward = LocalEngine._forward

    def interrupted(self, *args, **options):
        _thread.interrupt_main()
        return forward(self, *args, **options)

    monkeypatch.setattr(LocalEngine, "_forward", interrupted)
    fails(shell, cell)
    assert sys.last_type is KeyboardInterrupt
    monkeypatch.undo()
    unload(shell, capsys)
    assert resident.alive == 0


def test_ctrl_c_at_the_end_of_a_load_keeps_neither_model(shell, resident, capsys, tmp_path, monkeypatch):
    context, interrupted = loading.context_length, threading.Event()

    def last_step(model):
        _thread.interrupt_main()
        assert interrupted.wait(60)
        return context(model)

    wait = threading.Event.wait

    def noticed(event, timeout=None):
        try:
            return wait(event, timeout)
        except KeyboardInterrupt:
            interrupted.set()
            raise

    monkeypatch.setattr(threading.Event, "wait", noticed)
    monkeypatch.setattr(loading, "context_length", last_step)
    fails(shell, f"cg2magic.load({str(write_checkpoint(tmp_path / 'm'))!r})")
    assert sys.last_type is KeyboardInterrupt
    monkeypatch.undo()
    second = Weights()  # nothing asked any more whether to go on, so it is the resident one
    unload(shell, capsys)
    assert second.alive == resident.alive == 0


@pytest.mark.usefixtures("resident")
def test_a_kept_error_grows_no_traceback_and_tells_where_it_came_from(shell, monkeypatch):
    breaking(monkeypatch, *BUG)
    fails(shell, "cg2magic.complete('x = ')")
    job = manager().history[-1].job
    raised = []
    for _ in range(2):
        with pytest.raises(GenerationError, match="TypeError: unsupported") as caught:
            job.result()
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert job._exception.__traceback__ is None
    assert "in _forward" not in str(raised[0])
    assert "in forward" in str(raised[0].__cause__)
    assert raised[0].__cause__.__traceback__ is None


def test_unloading_says_what_it_gave_back(shell, capsys, tmp_path):
    # Larger than mini, so that its weights stand out from all else in the process.
    config = make_config(layers=4, width=1024)
    folder = write_checkpoint(tmp_path / "large", config, make_weights(config))
    shell.run_line_magic("load_ext", "cg2magic")
    assert shell.run_cell(f"import cg2magic\ncg2magic.load({str(folder)!r}, groups=8)").success
    weights = manager().status().model.memory
    said = unload(shell, capsys)
    assert said.startswith("large unloaded, ")
    number, unit = said.split(", ")[1].split()[:2]
    assert unit == "MB"
    assert 0.9 * weights < int(number) * 1e6 < 1.5 * weights
    assert "still holds" not in said
    assert unload(shell, capsys) == "no model was loaded\n"


def test_weights_that_a_variable_holds_are_said_to_be_held(shell, resident, capsys):
    assert shell.run_cell("net = cg2magic.load().model").success
    assert "a variable still holds its weights" in unload(shell, capsys)
    assert resident.alive
    assert shell.run_cell("net(__import__('torch').tensor([[1, 2]])).logits.shape").success
    shell.run_cell("del net")
    assert shell.run_cell("_ = __ = ___ = None; Out.clear()").success
    assert resident.alive == 0


def test_what_was_compiled_is_let_go(monkeypatch, tmp_path):
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **_: compiled(f, backend="eager", dynamic=False))
    engine = LocalEngine(load_model(str(write_checkpoint(tmp_path / "m"))), compile=True)
    ids = torch.tensor([[1, 2, 3]])
    cache = engine._new_cache()
    engine._forward(ids, cache)
    engine._steps(ids[:, :1], engine._steps.cache_from(cache))
    del cache
    weights = engine.close()
    release()
    assert weights() is None


def test_in_a_real_kernel_nothing_that_failed_keeps_the_model(client: Client, endless, tmp_path):
    client.run("%load_ext cg2magic\nimport cg2magic")
    reply, _ = client.run(load_endless(endless))
    assert reply["status"] == "ok"
    client.run(
        "import weakref\nfrom cg2magic.service.manager import manager\n"
        "weights = [weakref.ref(w) for w in manager()._engine.loaded.model.parameters()]\n"
        "from cg2magic.engines.local.engine import LocalEngine\nforward = LocalEngine._forward\n"
        "def broken(self, ids, cache, keep=1):\n    raise MemoryError('no room')\n"
    )
    for cell in (
        "cg2magic.load('no-such-model')",
        f"cg2magic.load({str(tmp_path)!r})",
        "LocalEngine._forward = broken\ncg2magic.complete('x = ')",
        "cg2magic.score('x = 1')",
        "%%complete --wait\nx = 1",
    ):
        reply, _ = client.run(cell)
        assert reply["status"] == "error", cell
    client.run("LocalEngine._forward = forward")
    long = "cg2magic.complete('x = [', n=4, max_new_tokens=1900, temperature=1.0, top_p=1.0, seed=3)"
    reply, _ = client.run(f"print('now', flush=True)\n{long}", then=client.kernel.interrupt_kernel)
    assert reply["ename"] == "KeyboardInterrupt"
    assert "endless unloaded" in client.printed("%cg2 unload")
    assert client.printed("print(len(weights) > 10, sum(w() is not None for w in weights))") == "True 0"
