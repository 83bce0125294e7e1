"""The menu in a page: what the kernel offers there, and what it says of a load."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cg2magic.frontends.inline.menu import ModelMenu, choices
from cg2magic.models.survey import survey
from cg2magic.service.manager import Manager
from tests.frontends.inline.page import kernel_and_page


@pytest.fixture(scope="module")
def found():
    return survey()


def test_a_model_on_this_disk_is_offered_without_a_question(found):
    (mini,) = (choice for choice in choices(found) if choice["name"] == "mini")
    assert mini == {"name": "mini", "about": "8.9 M, on this disk, Apache-2.0", "ask": ""}


def test_what_would_be_downloaded_is_said_with_its_licence_before_it_is(found):
    new = next(offer for offer in found.offers if offer.entry.name == "Qwen2.5-Coder-0.5B")
    way = replace(new.way, name="Qwen2.5-Coder-0.5B", download=988_000_000, speed=20.0)
    fluent = replace(new, way=way, fits=True, commit=None)
    (choice,) = choices(replace(found, offers=(fluent,)))
    assert choice["ask"] == (
        "about 988 MB will be downloaded from Qwen/Qwen2.5-Coder-0.5B on the Hugging Face Hub. "
        "Licence: Apache-2.0."
    )


def test_a_load_says_how_far_it_is_and_that_it_is_over_or_why_it_failed():
    told = []
    manager = Manager()
    menu = ModelMenu(manager, told.append)
    menu._load("mini")
    assert told[0] == {"load": {"name": "mini", "said": "loading"}}
    assert told[-1] == {"load": {}}
    menu._load("minni")
    assert "did you mean mini" in told[-1]["load"]["error"]
    assert manager.status().model.name == "mini"
    manager.close()


def test_what_is_usual_counts_until_something_else_is_said():
    with kernel_and_page() as page:
        page.run("%load_ext cg2magic")
        page.connect()
        page.send(do="hello", usual="on demand")
        assert page.until(lambda told: told.get("state") == "ready")["on_demand"]
        page.send(do="turn", on=False)
        page.until(lambda told: told.get("state") == "off")
        # Another page of this person, or this one again.
        page.send(do="hello", usual="on")
        assert page.until(lambda told: "state" in told)["state"] == "off"
