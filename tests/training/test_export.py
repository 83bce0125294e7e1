"""What is exported is CodeGen2's layout, and the same model."""

from __future__ import annotations

import json

import pytest
import torch

from training import export, tokenizer
from training.model import ChunkedLoss, Mini, Shape


@pytest.fixture(scope="module")
def shape():
    return Shape(n_layer=2, n_embd=64, rotary_dim=4, n_positions=256)


@pytest.fixture(scope="module")
def model(shape):
    torch.manual_seed(0)
    made = Mini(shape)
    with torch.no_grad():
        for weight in made.parameters():
            # Big enough that attention decides: with mixed groups the logits are others.
            weight.add_(torch.randn_like(weight) * 0.3).copy_(weight.half().float())
    return made.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokens, model, shape):
    tokenizer.save(tokens, work := tmp_path_factory.mktemp("work"), shape.n_positions)
    export.export(model.state_dict(), shape, work, made := tmp_path_factory.mktemp("mini"))
    return made


def test_transformers_own_class_computes_the_same_logits_after_regrouping(folder, model):
    ids = torch.randint(0, 8192, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.allclose(export.read_back(folder)(ids).logits, model.logits(ids), atol=1e-3, rtol=1e-4)


def test_read_as_four_groups_it_is_another_model(folder, model):
    ids = torch.randint(0, 8192, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wrong = export.read_back(folder, groups=4)(ids).logits
        assert (wrong - model.logits(ids)).abs().max() > 0.5


def test_a_checkpoint_that_is_not_the_trained_model_is_refused(folder, model, shape):
    other = {name: value * 1.5 for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="another model"):
        export.prove(folder, other, shape, export.SAMPLE)


def test_the_folder_holds_what_transformers_reads_and_no_code(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(folder)
    end = json.loads((folder / "config.json").read_text())["eos_token_id"]
    assert loaded.eos_token_id == end
    assert loaded.convert_tokens_to_ids("<mask_16>") < 8192


def test_the_chunked_loss_has_the_gradients_of_cross_entropy():
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(50, 16), torch.randn(30, 16) * 0.1, torch.zeros(30)
    targets, scale = torch.randint(0, 30, (50,)), torch.rand(50)
    leaves = [leaf.requires_grad_() for leaf in (hidden, weight, bias)]
    (
        torch.nn.functional.cross_entropy(hidden @ weight.T + bias, targets, reduction="none") * scale
    ).sum().backward()
    expected = [leaf.grad.clone() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    ChunkedLoss.apply(hidden, weight, bias, targets, scale, 16)[0].backward()
    for leaf, wanted in zip(leaves, expected, strict=True):
        assert torch.allclose(leaf.grad, wanted, atol=0.03 * wanted.abs().max().item())
