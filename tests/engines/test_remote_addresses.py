"""Addresses and names: where an API begins, and which models it has."""

from __future__ import annotations

import pytest

from cg2magic.engines.remote.model import reach
from cg2magic.engines.spec import ModelSpec
from cg2magic.errors import LoadError
from tests.engines.stand_in import stand_in
from tests.engines.ways import refused

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.mark.parametrize(
    "ending",
    ["", "/", "/v1", "/v1/", "/v1/completions", "/v1/chat/completions", "/v1/models/", "/completions"],
)
@pytest.mark.parametrize("scheme", ["http://", "HTTP://", ""])
def test_the_address_may_end_before_or_behind_where_the_api_begins(scheme, ending):
    with stand_in() as server:
        address = scheme + server.url.removeprefix("http://").removesuffix("/v1") + ending
        assert ModelSpec(address).is_remote
        assert reach(address).url == server.url


def test_a_server_without_a_model_says_so():
    with stand_in(models=[]) as server:
        assert "serves no model" in refused(server.url)


@pytest.mark.parametrize("name", ["x" * 5000, "a\ud800b", "a\0b"])
def test_odd_names_of_models_are_one_line_that_can_be_printed(name):
    with stand_in(models=[{"id": name}]) as server:
        try:
            shown = reach(server.url).name
        except LoadError as error:
            shown = str(error)
    assert len(shown.encode()) < 300
    assert "\n" not in shown


def test_an_api_that_begins_elsewhere_is_taken_as_it_is():
    with stand_in(base="/models-of-ours") as server:
        assert reach(server.url).url == server.url


@pytest.mark.parametrize(
    "name", ["C:\\models\\m", "C:/m", "bigcode/starcoder2", "mini", "owner/name@main", "./a:1"]
)
def test_names_and_folders_are_no_addresses(name):
    assert not ModelSpec(name).is_remote


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("https://huggingface.co/Qwen/Qwen2.5-Coder-0.5B", "Qwen/Qwen2.5-Coder-0.5B"),
        ("https://huggingface.co/owner/name-GGUF/blob/main/name-Q4_K_M.gguf", "owner/name-GGUF"),
        ("https://HF.co/owner/name/tree/v1.0/", "owner/name@v1.0"),
        ("https://huggingface.co/owner/name/resolve/main/config.json", "owner/name"),
    ],
)
def test_the_page_of_a_model_on_the_hub_is_no_server_but_that_model(page, name):
    spec = ModelSpec(page)
    assert not spec.is_remote
    assert spec.name == name
