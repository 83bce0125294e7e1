"""Which models say that they may chat."""

from __future__ import annotations

import json
import shutil

import pytest

from cg2magic.frontends.commands.models import describe
from cg2magic.models.catalog import CATALOG
from cg2magic.models.chat import NOTE, notes_on_chat
from cg2magic.models.loading import load_model
from cg2magic.models.locate import MINI


@pytest.mark.parametrize(
    ("name", "eos", "has_template", "chats"),
    [
        ("Qwen/Qwen2.5-Coder-0.5B-Instruct", "<|im_end|>", True, True),
        ("my-folder", "<|im_end|>", True, True),  # whatever its folder is called
        ("Qwen/Qwen2.5-Coder-0.5B", "<|endoftext|>", True, False),  # has a template, too
        ("meta-llama/Llama-3.2-1B-Instruct", "<|eot_id|>", True, True),
        ("mistralai/Mistral-7B-Instruct-v0.3", "</s>", True, True),
        ("google/gemma-2-2b-it", "<eos>", True, True),
        ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", "</s>", True, True),
        ("deepseek-ai/deepseek-coder-1.3b-base", "<｜end▁of▁sentence｜>", False, False),
        ("my-Instruct-notes", "<|endoftext|>", False, False),  # the name alone says nothing
        ("bigscience/bloom-italian", "</s>", True, False),
        ("owner/model-item", None, True, False),
    ],
)
def test_a_model_made_to_chat_says_so(name, eos, has_template, chats):
    assert notes_on_chat(name, eos, has_template=has_template) == ((NOTE,) if chats else ())


def test_it_is_said_in_one_line_when_the_model_is_loaded(tmp_path):
    folder = tmp_path / "mini-Instruct"
    shutil.copytree(MINI, folder)
    assert NOTE not in load_model(str(folder)).notes
    settings = folder / "tokenizer_config.json"
    template = {"chat_template": "{{ messages[0].content }}"}
    settings.write_text(json.dumps(json.loads(settings.read_text("utf-8")) | template), "utf-8")
    assert describe(load_model(str(folder))).endswith(f"\n{NOTE}")
    assert "may chat; a base model completes better" in NOTE


def test_only_base_models_are_recommended():
    named = [entry.name for entry in CATALOG if notes_on_chat(entry.name, None, has_template=True)]
    assert named == []
