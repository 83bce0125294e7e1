"""A run begins where a checkpoint ended, goes on where it stopped, and counts all of it."""

from __future__ import annotations

import itertools
import json
import random
import time
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from training import card, export, tokenizer
from training.batches import Batches, Mixture
from training.model import Mini, Shape
from training.team import Team
from training.train import Past, Plan, Run

SHAPE = Shape(n_layer=1, n_embd=64, rotary_dim=4, n_positions=256)


class OneText:
    """Documents that are all the same."""

    def draw(self, _: random.Random) -> str:
        return (
            "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n"
            "    return total / len(values)\n\n\nprint(mean([1, 2, 3]))\n"
        )


@pytest.fixture
def begin(tmp_path, tokens, monkeypatch):
    """Return a function that begins or resumes a run of three tenths of a second, by a clock of its own."""
    looks = itertools.count()
    # A hundredth each time it is looked at: a step takes as long on a busy machine as on an idle one.
    clock = SimpleNamespace(monotonic=lambda: 0.01 * next(looks), time=time.time)
    monkeypatch.setattr("training.train.time", clock)

    def run(name: str = "run", seconds: float = 0.3, start=None) -> Run:
        plan = Plan(hours=seconds / 3600, rows=2, context=64, warmup_steps=1, compile=False)
        documents = {"train": OneText(), "held out": OneText()}
        return Run(tmp_path / name, SHAPE, plan, tokens, documents, Mixture(), Team(), start)

    return run


@pytest.fixture
def checkpoint(tmp_path, tokens, begin):
    """Train for a moment, export, and write down what it took."""
    run = begin("first")
    run.train()
    tokenizer.save(tokens, tmp_path, SHAPE.n_positions)
    export.export(run.average, SHAPE, tmp_path, made := tmp_path / "made")
    (made / "figures.json").write_text(json.dumps({"training": card.totals(tmp_path / "first")}))
    return made


def test_an_exported_checkpoint_is_read_back_as_it_was(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    state = export.from_codegen(weights, SHAPE)
    assert state.keys() == Mini(SHAPE).state_dict().keys()
    again = export.to_codegen(state, SHAPE)
    assert again.keys() == weights.keys()
    for name, weight in weights.items():
        assert torch.equal(again[name].half(), weight), name


def test_a_blend_lies_between_the_checkpoint_and_the_run(checkpoint, begin):
    run = begin("second", start=checkpoint)
    before = {name: weight.clone() for name, weight in run.model.state_dict().items()}
    run.train()
    blended = export.blend(run.average, checkpoint, SHAPE, 0.25)
    for name, weight in blended.items():
        assert torch.allclose(weight, 0.75 * before[name] + 0.25 * run.average[name], atol=1e-6), name


def test_a_run_begins_with_a_checkpoints_weights_and_counts_on(checkpoint, begin, tmp_path):
    before = card.totals(tmp_path / "first")
    assert before["steps"] > 0
    run = begin("second", start=checkpoint)
    assert run.past == Past(**before)
    weights = export.from_codegen(load_file(checkpoint / "model.safetensors"), SHAPE)
    for name, weight in run.model.state_dict().items():
        assert torch.equal(weight, weights[name]), name
    run.train()
    after = card.totals(tmp_path / "second")
    assert after["steps"] == before["steps"] + run.step
    assert after["tokens"] == before["tokens"] + run.tokens
    resumed = begin("second", start=checkpoint)
    assert (resumed.past, resumed.step, resumed.done) == (run.past, run.step, 1.0)


def test_more_hours_go_on_from_before_the_decay(begin):
    begin().train()
    longer = begin(seconds=0.6)
    assert longer.step > 0
    assert longer.done <= 0.5 * 0.3 / 0.6 + 0.1


def test_a_run_ends_at_its_time_of_day(begin):
    run = begin()
    run.plan = Plan(hours=8, until=0.0, rows=2, context=64, compile=False)
    run.train()
    assert run.step == 1


def test_at_a_mask_in_the_prompt_the_first_token_of_the_hole_is_asked_for(tokens):
    batches = Batches(tokens, OneText(), Mixture(infill=1.0), rows=8, context=256, seed=0)
    ids, targets, weights = batches.batch(0)
    masks = {tokens.token_to_id(mask) for mask in tokenizer.MASKS}
    end = tokens.token_to_id(tokenizer.END)
    asked = 0
    for row, wanted, loss in zip(ids.tolist(), targets.tolist(), weights.tolist(), strict=True):
        # One sample of the row after the other: its masks come once in the prompt and once in the answer.
        seen: dict[int, int] = {}
        for at, token in enumerate(row[:-1]):
            if token in seen:
                assert wanted[seen[token]] == wanted[at] == row[at + 1]
                assert loss[seen[token]] == loss[at] == 1.0
                asked += 1
                del seen[token]
            elif token in masks:
                seen[token] = at
            elif token != end and wanted[at] != end:
                assert wanted[at] == row[at + 1]
    assert asked > 20
